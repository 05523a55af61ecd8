"""What the commands share: their common options, and how values are printed."""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memagent.config import Settings, load_settings
from memagent.errors import InvalidInput
from memagent.types import Answer, Change, Event, Hit, Receipt, Record, Scope

if TYPE_CHECKING:
    from rich.table import Table

    from memagent.memory.deletion_probes import Findings
    from memagent.memory.memory import Memory

Home = Annotated[Path | None, typer.Option(help="Folder of the memory.", show_default=False)]
User = Annotated[str | None, typer.Option(help="Whose memory.", show_default=False)]
Session = Annotated[str | None, typer.Option(help="Only this session.", show_default=False)]
Model = Annotated[
    str | None, typer.Option(help="'local', 'local:<GGUF path>' or a URL.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Where = Annotated[
    str | None,
    typer.Option(help='Filter by metadata, as JSON: \'{"page": {"gte": 3}}\'.', show_default=False),
]
Because = Annotated[str | None, typer.Option("--why", help="Goes into the history.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")]


def memory_of(settings: Settings, stack: ExitStack) -> "Memory":
    """Open the memory that the settings name, for as long as the stack."""
    from memagent.memory.memory import Memory

    return stack.enter_context(
        Memory.open(
            settings.home,
            embedder=settings.embedder,
            index_bytes=settings.index_mb * 1024 * 1024,
            cache_bytes=settings.cache_mb * 1024 * 1024,
        )
    )


def filter_of(where: str | None) -> dict[str, Any] | None:
    """Return the metadata filter that an option spells as JSON.

    Raises:
        InvalidInput: it is not a JSON object.
    """
    if where is None:
        return None
    try:
        parsed = json.loads(where)
    except ValueError as error:
        raise InvalidInput(f"--where is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise InvalidInput(f"--where: expected a JSON object, found {where!r}")
    return parsed


def print_ids(records: list[Record], as_json: bool) -> None:
    """Print records' ids, one a line, or the records as JSON."""
    if as_json:
        print(json.dumps([record_object(record) for record in records]))
    else:
        print("\n".join(record.id for record in records))


def print_tables(tables: "Iterable[Table]") -> None:
    """Print tables: as wide as the terminal, and as wide as they are where there is none."""
    from rich.console import Console
    from rich.measure import Measurement

    console = Console()
    for table in tables:
        if not console.is_terminal:
            room = console.options.update(max_width=sys.maxsize)
            console.width = max(console.width, Measurement.get(console, room, table).maximum)
        console.print(table)


def record_object(record: Record) -> dict[str, Any]:
    """Return a record as JSON holds it."""
    return {
        "id": record.id,
        "kind": record.kind,
        "value": record.text,
        "keys": list(record.keys),
        "user": record.scope.user,
        "agent": record.scope.agent,
        "session": record.scope.session,
        "created": record.created.isoformat(),
        "valid_from": record.valid_from.isoformat(),
        "valid_to": record.valid_to.isoformat() if record.valid_to else None,
        "superseded": record.superseded,
        "archived": record.archived.isoformat() if record.archived else None,
        "pinned": record.pinned,
        "supersedes": record.supersedes,
        "evidence": record.evidence,
        "sources": list(record.sources),
        "context": list(record.context),
        "metadata": dict(record.metadata),
        "recalled": record.recalled,
        "helped": record.helped,
        "hurt": record.hurt,
    }


def hit_object(hit: Hit) -> dict[str, Any]:
    """Return a hit as JSON holds it: its record, and how it was found."""
    found = {"score": hit.score, "key": hit.key, "why": dict(hit.why)}
    return record_object(hit.record) | found


def answer_object(answer: Answer) -> dict[str, Any]:
    """Return an answer as JSON holds it."""
    return {
        "answer": answer.answer,
        "memories": list(answer.memories),
        "shown": [hit_object(hit) for hit in answer.recollection.hits],
        "queries": list(answer.recollection.queries),
        "written": list(answer.turn),
        "left_out": {"memories": answer.recollection.left_out, "turns": answer.turns_left_out},
        "tokens": {
            "prompt": answer.usage.prompt_tokens,
            "cached": answer.usage.cached_tokens,
            "completion": answer.usage.completion_tokens,
        },
        "requests": answer.usage.requests,
        "seconds": {
            "memory": answer.timings.memory,
            "model": answer.timings.model,
            "waited": answer.timings.waited,
            "first": answer.timings.first,
        },
    }


def print_timings(answer: Answer, load: float) -> None:
    """Print where the time and the tokens of an answer went, to stderr; `load` is in seconds."""
    spent, usage = answer.timings, answer.usage
    parts = {"load": load, "embed": spent.embed, "search": spent.search, "write": spent.write}
    parts |= {"memory": spent.memory, "model": spent.model}
    print(", ".join(f"{name} {1000 * s:.1f} ms" for name, s in parts.items()), file=sys.stderr)
    print(
        f"prompt {usage.prompt_tokens} tokens, {usage.cached_tokens} of them from the prefix cache"
        f" ({usage.hit_rate:.0%}), answer {usage.completion_tokens} tokens,"
        f" first after {1000 * spent.first:.1f} ms, requests {usage.requests}",
        file=sys.stderr,
    )


def event_object(event: Event) -> dict[str, Any]:
    """Return an event as JSON holds it."""
    return {
        "record": event.record,
        "at": event.at.isoformat(),
        "action": event.action,
        "who": event.who,
        "why": event.why,
    }


def change_object(change: Change) -> dict[str, Any]:
    """Return a change as JSON holds it."""
    times = {"at": change.at.isoformat()}
    return asdict(change) | times | {"undone": change.undone and change.undone.isoformat()}


def receipt_object(receipt: Receipt) -> dict[str, Any]:
    """Return a receipt as JSON holds it."""
    return asdict(receipt)


def findings_object(findings: "Findings") -> dict[str, Any]:
    """Return what the deletion probes found as JSON holds it."""
    return asdict(findings) | {"known": findings.known}


@contextmanager
def opened(
    home: Path | None, user: str | None, session: str | None
) -> "Iterator[tuple[Memory, Scope]]":
    """Open the memory and the scope that a command's options name."""
    settings = load_settings(home=home, user=user)
    with ExitStack() as stack:
        scope = Scope(user=settings.user, session=session)
        yield memory_of(settings, stack), scope
