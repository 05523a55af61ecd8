"""Tools: what a client's model can do with the memory, each a function of reach and arguments."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcp.types import Tool as Description
from mcp.types import ToolAnnotations
from pydantic import BaseModel

from memagent.errors import InvalidInput, shown
from memagent.server.mcp import shapes
from memagent.server.mcp.confirmation import LIFETIME, Confirmations
from memagent.server.mcp.shapes import Memorised
from memagent.server.mcp.texts import blocks_of, plain
from memagent.types import Receipt, Record, Scope

if TYPE_CHECKING:
    from memagent.memory.memory import Memory

SHOWN = 20
"""Records that a dry run of `forget_memory` shows; the others are named by their ids."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """Reach of one call: the memory, the scope that it may see, and who calls, for the history."""

    memory: "Memory"
    scope: Scope
    who: str
    confirmations: Confirmations


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """Result of a tool: its fields, a short text, and the verb and records for the audit log."""

    content: BaseModel
    text: str
    verb: str
    ids: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    """Tool: its name and description, the shapes of its arguments and result, and its function."""

    name: str
    title: str
    description: str
    arguments: type[BaseModel]
    result: type[BaseModel]
    run: Callable[[Reach, Any], Reply]
    writes: bool = False
    erases: bool = False

    def described(self) -> Description:
        """Return the tool as the protocol lists it."""
        return Description(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=shapes.schema_of(self.arguments),
            output_schema=shapes.schema_of(self.result),
            annotations=ToolAnnotations(
                title=self.title,
                read_only_hint=not self.writes,
                destructive_hint=self.erases,
                idempotent_hint=True,
                open_world_hint=False,
            ),
        )


def search(reach: Reach, arguments: shapes.Search) -> Reply:
    """Search the memory."""
    roles = "all" if arguments.include_replies else None
    hits = reach.memory.search(arguments.query, scope=reach.scope, k=arguments.limit, roles=roles)
    records = [hit.record for hit in hits]
    return Reply(
        content=shapes.Found(memories=[Memorised.of(hit.record, hit.score) for hit in hits]),
        text=blocks_of(records, "Nothing is remembered about this."),
        verb="search",
        ids=[record.id for record in records],
    )


def recent(reach: Reach, arguments: shapes.Recent) -> Reply:
    """List what was remembered last."""
    records = reach.memory.list(scope=reach.scope, limit=arguments.limit)
    return Reply(
        content=shapes.Found(memories=list(map(Memorised.of, records))),
        text=blocks_of(records, "Nothing is remembered yet."),
        verb="list",
        ids=[record.id for record in records],
    )


def why(reach: Reach, arguments: shapes.Why) -> Reply:
    """Say where a memory comes from and what became of it."""
    memory, scope, id = reach.memory, reach.scope, arguments.id
    record = one_record(reach, id)
    events = memory.history(id, scope=scope)
    named = dict.fromkeys([*(event.record for event in events), id])
    versions = sorted(memory.get(named, scope=scope), key=lambda version: version.seq)
    sources = memory.notes.sources(id, scope=scope) if record.sources else []
    taught = [change for change in memory.changes.list(scope=scope) if _about(change, named)]
    head = "\n".join(
        f"- {event.at.isoformat(timespec='seconds')} {event.action}"
        + (f" by {shown(event.who)}" if event.who else "")
        for event in events
    )
    return Reply(
        content=shapes.Provenance(
            memory=Memorised.of(record),
            versions=list(map(Memorised.of, versions)),
            sources=list(map(Memorised.of, sources)),
            history=[
                shapes.Happened(
                    at=event.at.isoformat(),
                    action=event.action,
                    who=event.who and plain(event.who),
                    why=event.why and plain(event.why),
                )
                for event in events
            ],
            feedback=[
                shapes.Judged(
                    at=change.at.isoformat(),
                    kind=change.feedback,
                    said=plain(change.said),
                    undone=change.undone is not None,
                )
                for change in taught
            ],
            helped=record.helped,
            hurt=record.hurt,
        ),
        text=blocks_of([*versions, *sources], "", f"What happened to it:\n{head}"),
        verb="history",
        ids=[record.id],
    )


def add(reach: Reach, arguments: shapes.Add) -> Reply:
    """Remember one fact."""
    since = arguments.since and arguments.since.astimezone()
    record = reach.memory.add(arguments.text, scope=reach.scope, valid_from=since, who=reach.who)
    return _written(record, "add", f"Remembered as {record.id}.")


def update(reach: Reach, arguments: shapes.Update) -> Reply:
    """Put what is right in the place of what was remembered."""
    record = reach.memory.update(
        arguments.id, arguments.text, scope=reach.scope, who=reach.who, why=arguments.reason
    )
    kept = f"It is now {record.id}; the version before is kept as its history."
    return _written(record, "update", kept)


def forget(reach: Reach, arguments: shapes.Forget) -> Reply:
    """Say what would be erased; with the confirmation of that, erase it."""
    memory, scope = reach.memory, reach.scope
    plan = memory.forget(arguments.ids, scope=scope, dry_run=True)
    if not plan.asked:
        raise InvalidInput("none of these records is in this memory")
    if arguments.confirmation is not None:
        reach.confirmations.check(arguments.confirmation, scope, plan)
        receipt = memory.forget(arguments.ids, scope=scope)
        text = f"Erased for ever: {_counted(receipt)}."
        return Reply(content=_erased(receipt, []), text=text, verb="forget", ids=_gone(receipt))
    records = memory.get(_gone(plan), scope=scope)[:SHOWN]
    token = reach.confirmations.token(scope, plan)
    head = (
        f"Nothing is erased yet. {_counted(plan)} would go for ever. If that is what the user"
        f" wants, call forget_memory again with the same ids and confirmation={token!r} within"
        f" {LIFETIME // 60} minutes."
    )
    return Reply(
        content=_erased(plan, records, token),
        text=blocks_of(records, head, head),
        verb="get",
        ids=[record.id for record in records],
    )


def one_record(reach: Reach, id: str) -> Record:
    """Return a record of the scope.

    Raises:
        InvalidInput: there is none of that id.
    """
    found = reach.memory.get(id, scope=reach.scope)
    if not found:
        raise InvalidInput(f"there is no record {shown(id)} in this memory")
    return found[0]


def _about(change: Any, ids: dict[str, None]) -> bool:
    """Tell whether a change made or replaced one of some records."""
    touched = {change.id, change.superseded, *change.retired}
    return not touched.isdisjoint(ids)


def _written(record: Record, verb: str, text: str) -> Reply:
    content = shapes.Written(memory=Memorised.of(record))
    return Reply(content=content, text=text, verb=verb, ids=[record.id])


def _gone(receipt: Receipt) -> list[str]:
    return [*receipt.asked, *receipt.derived]


def _erased(receipt: Receipt, records: Sequence[Record], token: str | None = None) -> shapes.Erased:
    return shapes.Erased(
        erased=not receipt.dry_run,
        records=receipt.records,
        ids=_gone(receipt),
        memories=list(map(Memorised.of, records)),
        missing=list(receipt.missing),
        confirmation=token,
    )


def _counted(receipt: Receipt) -> str:
    """Return how many records a receipt is about, in words."""
    others = receipt.records - len(receipt.asked)
    words = f"{receipt.records} {'record' if receipt.records == 1 else 'records'}"
    if not others:
        return words
    return f"{words} ({others} of them older versions, or made from the others)"


TOOLS = (
    Tool(
        name="search_memory",
        title="Search the memory",
        description=(
            "Search what is remembered from earlier conversations and documents: facts, decisions,"
            " preferences of the user. Call it before you answer a question that may depend on"
            " them. Best match first; a score near 0 means that nothing fits."
        ),
        arguments=shapes.Search,
        result=shapes.Found,
        run=search,
    ),
    Tool(
        name="recent",
        title="List recent memories",
        description="List what was remembered last, newest first.",
        arguments=shapes.Recent,
        result=shapes.Found,
        run=recent,
    ),
    Tool(
        name="why",
        title="Explain a memory",
        description=(
            "Explain where a memory comes from: its earlier versions, what it was made from, its"
            " history, and the feedback that it got."
        ),
        arguments=shapes.Why,
        result=shapes.Provenance,
        run=why,
    ),
    Tool(
        name="add_memory",
        title="Add a memory",
        description=(
            "Remember one fact, decision or preference for later conversations. One fact a call,"
            " as a sentence that can be understood by itself. No passwords and no keys. To correct"
            " what is remembered, use update_memory."
        ),
        arguments=shapes.Add,
        result=shapes.Written,
        run=add,
        writes=True,
    ),
    Tool(
        name="update_memory",
        title="Update a memory",
        description=(
            "Put a new version in the place of a memory that is wrong or out of date. The version"
            " before is kept as history."
        ),
        arguments=shapes.Update,
        result=shapes.Written,
        run=update,
        writes=True,
    ),
    Tool(
        name="forget_memory",
        title="Forget memories",
        description=(
            "Erase memories for ever, with their versions and what was made from them. The first"
            " call erases nothing: it lists what would go and returns a confirmation. Ask the user,"
            " and then call it again with the same ids and that confirmation."
        ),
        arguments=shapes.Forget,
        result=shapes.Erased,
        run=forget,
        writes=True,
        erases=True,
    ),
)
"""The tools in the order in which they are listed; an update loses nothing, so only one erases."""
