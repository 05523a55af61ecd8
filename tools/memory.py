"""Memory tools over one scope: search, add, correct and forget.

The scope is fixed when the tools are made, and no argument of a tool names one. Records that a
model writes are marked as its own (`role` in the metadata, `evidence` off) and listed after the
user's. They neither replace nor erase the user's records without consent.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from textwrap import indent
from typing import Annotated, Any, Literal, Protocol

from langchain_core.tools import BaseTool

from memagent.errors import InvalidInput
from memagent.tools.base import make_tool
from memagent.tools.execute import records_used
from memagent.types import Hit, NewRecord, Receipt, Record, Scope

Author = Literal["agent", "user"]
Consent = Callable[[str], bool]
"""Takes a description of what is about to happen; returns whether the user agrees."""

BY_AGENT = {"role": "assistant"}
ROLES: Mapping[Author, str] = {"agent": "assistant", "user": "user"}
MAX_EVIDENCE, MAX_NOTES = 5, 3
"""Number of records that a search lists: of the user's and of the agent's own."""
MAX_CHARACTERS = 1000
"""Characters of a record that a search shows."""


class Clock(Protocol):
    """Clock of a memory: never before its newest record."""

    def now(self, *, scope: Scope) -> datetime:
        """Return the time of a new record."""


class MemoryLike(Protocol):
    """The methods of a memory that the tools use."""

    @property
    def maintenance(self) -> Clock:
        """Maintenance methods."""

    def add_many(
        self, records: Iterable[str | NewRecord], *, scope: Scope, who: str | None = None
    ) -> Sequence[Record]:
        """Remember several texts."""

    def search(
        self,
        query: str,
        *,
        scope: Scope,
        k: int = 10,
        roles: Sequence[str] | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> Sequence[Hit]:
        """Return the best records, best first."""

    def get(self, ids: Sequence[str], *, scope: Scope) -> Sequence[Record]:
        """Return records by id."""

    def update(self, id: str, text: str, *, scope: Scope, who: str | None = None) -> Record:
        """Replace a record by a new version."""

    def forget(self, ids: Sequence[str], *, scope: Scope, dry_run: bool = False) -> Receipt:
        """Erase records by id."""


def refuse(_: str) -> bool:
    """Refuse consent to everything."""
    return False


def memory_tools(
    memory: MemoryLike, scope: Scope, *, author: Author = "agent", consent: Consent = refuse
) -> list[BaseTool]:
    """Return `memory_search`, `memory_add`, `memory_correct` and `memory_forget` over a scope.

    `author` is whose words the tools get: "agent", or "user" where a program only passes on what
    the user said. `consent` is called with a sentence on what is about to happen before the agent
    replaces or erases records that it did not write itself.
    """
    tools = _MemoryTools(memory, scope, author, consent)
    return [
        make_tool("memory_search", tools.search),
        make_tool("memory_add", tools.add),
        make_tool("memory_correct", tools.correct),
        make_tool("memory_forget", tools.forget),
    ]


class _MemoryTools:
    """The functions of the tools, bound to a memory and a scope."""

    def __init__(self, memory: MemoryLike, scope: Scope, author: Author, consent: Consent) -> None:
        self._memory = memory
        self._scope = scope
        self._author = author
        self._consent = consent

    def search(self, query: Annotated[str, "what to look for, in a few words"]) -> str:
        """Search what is remembered; each line begins with a record's id."""
        where = {"not": BY_AGENT}
        found = self._memory.search(query, scope=self._scope, k=2 * MAX_EVIDENCE, where=where)
        evidence = [hit.record for hit in found][:MAX_EVIDENCE]
        hits = self._memory.search(
            query, scope=self._scope, k=MAX_NOTES, roles=("assistant",), where=BY_AGENT
        )
        notes = [hit.record for hit in hits]
        records_used(read=[record.seq for record in (*evidence, *notes)])
        return "\n".join(map(_line, [*evidence, *notes])) or "nothing found"

    def add(self, text: Annotated[str, "one fact, as a whole sentence"]) -> str:
        """Remember one fact for later."""
        return f"remembered as {self._write(text).id}"

    def correct(
        self,
        id: Annotated[str, "the id of the record, as memory_search lists it"],
        text: Annotated[str, "what is right, as a whole sentence"],
    ) -> str:
        """Replace a remembered fact that is wrong by what is right."""
        (old,) = self._known([id])
        if self._allowed([old], f"replace {old.text!r} by {text!r}"):
            new = self._replace(old, text)
            return f"corrected: it is now {new.id}, and {id} is kept as history"
        new = self._write(text, sources=(id,))
        return (
            f"{id} was not written by you and stays as it is; yours is noted beside it as {new.id}."
            " Ask the user which is right."
        )

    def forget(
        self, ids: Annotated[list[str], "the ids of the records, as memory_search lists them"]
    ) -> str:
        """Erase remembered facts for ever, by their ids."""
        self._known(ids)
        plan = self._memory.forget(ids, scope=self._scope, dry_run=True)
        erased = self._memory.get([*plan.asked, *plan.derived], scope=self._scope)
        names, hidden = (
            "; ".join(repr(record.text) for record in erased),
            plan.records - len(erased),
        )
        if hidden:
            names += f"; and {_count(hidden, 'record')} of other sessions, made from these"
        if not self._allowed(erased, f"erase for ever: {names}", hidden=hidden):
            raise InvalidInput("not all of this was written by you: only the user can forget it")
        receipt = self._memory.forget(ids, scope=self._scope)
        return _receipt(receipt)

    def _allowed(self, records: Sequence[Record], action: str, *, hidden: int = 0) -> bool:
        if self._author == "user" or (not hidden and all(map(_by_agent, records))):
            return True
        return self._consent(action)

    def _known(self, ids: Sequence[str]) -> Sequence[Record]:
        found = self._memory.get(ids, scope=self._scope)
        records_used(read=[record.seq for record in found])
        unknown = [id for id in ids if id not in {record.id for record in found}]
        if unknown or not ids:
            raise InvalidInput(f"there is no record {', '.join(unknown) or 'without an id'}")
        return found

    def _replace(self, old: Record, text: str) -> Record:
        """Write a new version: evidence if the old one was, or if these are the user's words."""
        if self._author == "agent" or not _by_agent(old):
            return _written(self._memory.update(old.id, text, scope=self._scope, who=self._author))
        if old.superseded:
            raise InvalidInput(f"record {old.id!r} is superseded")
        new = NewRecord(
            text=text,
            kind=old.kind,
            valid_from=self._memory.maintenance.now(scope=self._scope),
            supersedes=old.id,
            metadata={**old.metadata, "role": "user"},
        )
        return _written(self._memory.add_many([new], scope=old.scope, who="user")[0])

    def _write(self, text: str, sources: tuple[str, ...] = ()) -> Record:
        new = NewRecord(
            text=text,
            evidence=self._author == "user",
            sources=sources,
            metadata={"role": ROLES[self._author]},
        )
        return _written(self._memory.add_many([new], scope=self._scope, who=self._author)[0])


def _written(record: Record) -> Record:
    records_used(written=[record.seq])
    return record


def _by_agent(record: Record) -> bool:
    return record.metadata.get("role") == "assistant" and not record.evidence


def _line(record: Record) -> str:
    """Return a record as a line that begins with its id; further lines are indented."""
    text = record.text
    if len(text) > MAX_CHARACTERS:
        text = f"{text[:MAX_CHARACTERS]} [and {len(text) - MAX_CHARACTERS} characters more]"
    lines = "\n".join(text.splitlines())
    mark = "(your own words) " if _by_agent(record) else ""
    return f"[{record.id}] {mark}{indent(lines, '    ').lstrip()}"


def _receipt(receipt: Receipt) -> str:
    summary = f"erased {_count(len(receipt.asked), 'record')}: {', '.join(receipt.asked)}"
    if receipt.derived:
        summary += f"; with it went {', '.join(receipt.derived)}"
    events = _count(receipt.history, "event")
    summary += f"; {_count(receipt.keys, 'key')} and {events} of history went along"
    if receipt.rekeyed:
        summary += f"; {_count(receipt.rekeyed, 'other record')} stayed, and lost a key"
    if not receipt.log_emptied:
        summary += "; the file's log still holds the words until the next compact"
    return summary


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
