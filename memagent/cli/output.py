"""Printing: records as lines and as JSON, answers, changes, tables and progress.

At a terminal a record's text is broken between words; in a pipe a record is one line, with its
whole id.
"""

import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from memagent.cli.options import short_ids
from memagent.terminal import Plain, say
from memagent.types import Answer, Change, Event, Hit, Marked, Record, Scope

if TYPE_CHECKING:
    from rich.table import Table

    from memagent.memory.forget_request import Forgettable
    from memagent.memory.memory import Memory

NARROW = 24
"""Columns that are too few for a text: then it begins on a line of its own."""
LONGEST_NAME = 12
"""Columns of a speaker's name; a longer one is cut at a terminal."""


def minute(moment: datetime) -> str:
    """Return a time as local time, to the minute."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def one_line(text: str) -> str:
    """Return a text on one line, and without characters that steer a terminal."""
    return "".join(char if char.isprintable() else "\ufffd" for char in " ".join(text.split()))


def speaker(record: Record) -> str:
    """Return who said a record: the speaker's name or role, else where it comes from."""
    name = record.metadata.get("name")
    if isinstance(name, str) and name.strip():
        return one_line(name)
    if record.role is not None:
        return record.role
    if record.kind != "episode":
        return record.kind
    return one_line(record.sources[0]) if record.sources else "-"


def terminal_width() -> int | None:
    """Return the columns of the terminal, None if standard output is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def notice(message: str) -> None:
    """Print a message to stderr, at a terminal broken between words."""
    width = shutil.get_terminal_size().columns if sys.stderr.isatty() else None
    for line in wrapped("memagent: ", message, width):
        say(line, err=True)


def record_lines(
    memory: "Memory",
    scope: Scope,
    records: Sequence[Record],
    texts: Sequence[str] | None = None,
    leads: Sequence[str] = (),
    ends: Sequence[str] = (),
    width: int | None = None,
) -> Iterator[str]:
    """Yield records as lines: id, time, speaker, and the text.

    `leads` are put before the ids, `texts` in the place of their own, `ends` after them. With a
    `width` ids and names are short, and a text is broken between words; without, a record is one
    line.
    """
    names = [speaker(record) for record in records]
    if width is None:
        ids: Mapping[str, str] = {record.id: record.id for record in records}
    else:
        ids = short_ids(memory, scope, [record.id for record in records])
        names = [textwrap.shorten(name, LONGEST_NAME, placeholder="…") for name in names]
    longest = max(map(len, names), default=0)
    for place, (record, name) in enumerate(zip(records, names, strict=True)):
        lead = f"{leads[place]}  " if leads else ""
        head = f"{lead}{ids[record.id]}  {minute(record.valid_from)}  {name:{longest}}  "
        text = record.text if texts is None else texts[place]
        text = f"{text} {ends[place]}" if ends else text
        yield from wrapped(head, text, width)


def wrapped(head: str, text: str, width: int | None) -> Iterator[str]:
    """Yield a text in lines of a width, broken between words, beside what stands before it.

    Without a width it is one line.
    """
    text = one_line(text)
    if width is None:
        yield head + text
        return
    from rich.cells import cell_len
    from rich.console import Console
    from rich.text import Text

    indent = cell_len(head)
    if head.strip() and width - indent < NARROW:
        yield head.rstrip()
        head, indent = "  ", 2
    columns = max(width - indent, 1)
    for line in Text(text).wrap(Console(width=columns), columns) or [Text("")]:
        yield (head + line.plain).rstrip()
        head = " " * indent


def record_fields(record: Record, events: Iterable[Event]) -> Iterator[str]:
    """Yield a record's fields that hold something, one a line, and then its history."""
    fields = record.to_dict() | {"metadata": [json.dumps(dict(record.metadata))]}
    if not record.metadata:
        del fields["metadata"]
    for name, value in fields.items():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(getattr(record, name, None), datetime):
                part = f"{getattr(record, name).astimezone():%Y-%m-%d %H:%M:%S}"
            if part is not None:
                shown = {True: "yes", False: "no"}[part] if isinstance(part, bool) else part
                yield f"{name:>12}  {one_line(str(shown))}"
    for event in events:
        yield f"{'history':>12}  {event_line(event)}"


def event_line(event: Event) -> str:
    """Return an event as a line: when, which record, what, by whom and why."""
    who = " ".join(part for part in (event.who and f"by {event.who}", event.why) if part)
    at = event.at.astimezone()
    return f"{at:%Y-%m-%d %H:%M:%S}  {event.record}  {event.action}  {who}".rstrip()


def print_records(memory: "Memory", scope: Scope, records: Sequence[Record], as_json: bool) -> None:
    """Print records, one a line, or as a JSON array."""
    if as_json:
        say(json.dumps([record.to_dict() for record in records]))
        return
    for line in record_lines(memory, scope, records, width=terminal_width()):
        say(line)


def print_hits(
    memory: "Memory",
    scope: Scope,
    hits: Sequence[Hit],
    *,
    texts: Sequence[str] | None = None,
    explain: bool = False,
) -> None:
    """Print hits as lines: score, record, and with `explain` the parts of the score.

    `texts` stand in the place of the records' texts.
    """
    width = terminal_width()
    for line in hit_lines(memory, scope, hits, texts=texts, explain=explain, width=width):
        say(line)


def hit_lines(
    memory: "Memory",
    scope: Scope,
    hits: Sequence[Hit],
    *,
    texts: Sequence[str] | None = None,
    explain: bool = False,
    width: int | None = None,
) -> Iterator[str]:
    """Yield hits as lines: as records, after their scores."""
    parts = [", ".join(f"{name} {value:.2f}" for name, value in hit.why.items()) for hit in hits]
    return record_lines(
        memory,
        scope,
        [hit.record for hit in hits],
        texts=texts,
        leads=[f"{hit.score:.2f}" for hit in hits],
        ends=[f"({part})" for part in parts] if explain else (),
        width=width,
    )


def candidate_lines(
    memory: "Memory", scope: Scope, found: "Forgettable", *, width: int | None = None
) -> Iterator[str]:
    """Yield what a request to forget may mean as lines: numbered, what it means marked by a star.

    Then come the score, the record, and the ids of what goes along with it.
    """
    longest = len(str(len(found.candidates)))
    yield from record_lines(
        memory,
        scope,
        [candidate.record for candidate in found.candidates],
        leads=[
            f"{number:{longest}} {'*' if candidate.meant else ' '} {candidate.score:.2f}"
            for number, candidate in enumerate(found.candidates, start=1)
        ],
        ends=[
            f"(along with it: {', '.join(candidate.along)})" if candidate.along else ""
            for candidate in found.candidates
        ],
        width=width,
    )


def forgettable_object(found: "Forgettable") -> dict[str, Any]:
    """Return what a request to forget may mean as JSON holds it."""
    return {
        "request": found.request,
        "candidates": [
            {
                **candidate.record.to_dict(),
                "score": candidate.score,
                "why": dict(candidate.why),
                "meant": candidate.meant,
                "along": list(candidate.along),
            }
            for candidate in found.candidates
        ],
        "receipt": asdict(found.receipt),
    }


def print_ids(records: Sequence[Record], as_json: bool) -> None:
    """Print records' ids, one a line, or the records as a JSON array."""
    if as_json:
        say(json.dumps([record.to_dict() for record in records]))
    else:
        for record in records:
            say(record.id)


def counted(count: int, noun: str = "record") -> str:
    """Return a count with its noun, in the singular or plural."""
    plural = "memories" if noun == "memory" else f"{noun}s"
    return f"{count} {noun if count == 1 else plural}"


def print_marked(marked: Marked, done: str, noun: str = "record") -> None:
    """Print how many records a verb changed."""
    say(f"{counted(marked.changed, noun)} {done}")


def print_tables(tables: "Iterable[Table]") -> None:
    """Print tables: as wide as the terminal, and as wide as they are where there is none."""
    from rich.console import Console
    from rich.measure import Measurement

    console = Console()
    for table in tables:
        if not console.is_terminal:
            room = console.options.update(max_width=sys.maxsize)
            console.width = max(console.width, Measurement.get(console, room, table).maximum)
        console.print(Plain(table))


@contextmanager
def progress_bar(description: str = "", total: int | None = None) -> Iterator[Callable[..., None]]:
    """Show a bar on stderr if it is a terminal, until the block ends; yield what changes it.

    It takes what rich's `Progress.update` does: `advance`, `completed`, `total`, `description`.
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        yield partial(bar.update, bar.add_task(description, total=total))


def answer_object(answer: Answer) -> dict[str, Any]:
    """Return an answer as JSON holds it."""
    return {
        "answer": answer.answer,
        "reasoning": answer.reasoning,
        "cut": answer.cut,
        "memories": list(answer.memories),
        "hits": [hit.to_dict() for hit in answer.recollection.hits],
        "profile": [line.id for line in answer.recollection.about_user],
        "queries": list(answer.recollection.queries),
        "turn": list(answer.turn),
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
    say(", ".join(f"{name} {1000 * s:.1f} ms" for name, s in parts.items()), err=True)
    say(
        f"prompt {usage.prompt_tokens} tokens, {usage.cached_tokens} of them from the prefix cache"
        f" ({usage.hit_rate:.0%}), answer {usage.completion_tokens} tokens,"
        f" first after {1000 * spent.first:.1f} ms, requests {usage.requests}",
        err=True,
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
