"""Commands that change records: add, edit, forget, pin, unpin, archive, restore."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memagent.cli.input import json_records, texts_of
from memagent.cli.options import (
    DryRun,
    Home,
    Id,
    Ids,
    Json,
    Session,
    User,
    Where,
    Why,
    Yes,
    filter_of,
    full_id,
    full_ids,
    json_object,
    opened,
    time_option,
)
from memagent.cli.output import (
    candidate_lines,
    counted,
    forgettable_object,
    print_ids,
    print_marked,
    terminal_width,
)
from memagent.errors import InvalidInput
from memagent.stores.banks.validation import check
from memagent.terminal import say
from memagent.types import NewRecord, Receipt, Record, Scope

if TYPE_CHECKING:
    from memagent.memory.deletion_probes import Findings
    from memagent.memory.forget_request import Forgettable
    from memagent.memory.memory import Memory

BATCH = 500
"""Records that `add` writes in one transaction; more are shown with a progress bar."""
Metadata = Annotated[
    str | None, typer.Option(help="Metadata, as JSON: '{\"page\": 3}'.", show_default=False)
]


def add(
    text: Annotated[
        str | None, typer.Argument(help="A text; from stdin if left out.", show_default=False)
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="Read texts, one a line.", show_default=False)
    ] = None,
    jsonl: Annotated[
        bool,
        typer.Option(
            "--jsonl",
            help="Lines are JSON objects: text, and if need be id, keys, kind, valid_from,"
            " valid_to, sources, metadata, role, name.",
        ),
    ] = False,
    at: Annotated[
        datetime | None, time_option("When it began to hold, such as 2026-05-01T14:30.")
    ] = None,
    metadata: Metadata = None,
    source: Annotated[
        list[str] | None, typer.Option(help="Where it comes from; repeatable.", show_default=False)
    ] = None,
    home: Home = None,
    user: User = None,
    session: Annotated[
        str | None, typer.Option(help="Session that it belongs to.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Add a text, or one record for each line of stdin or a file; print the ids."""
    if text is not None and (file is not None or jsonl):
        raise typer.BadParameter("give a text, or else --file or --jsonl")
    if text is None and file is None and sys.stdin.isatty():
        raise typer.BadParameter("give a text, --file, or lines on stdin")
    fields = json_object(metadata, "--metadata") or {}
    if text is None and jsonl:
        records = json_records(file)
    else:
        texts = [text] if text is not None else texts_of(file)
        records = [NewRecord(text=one) for one in texts]
    records = [
        replace(
            record,
            valid_from=record.valid_from or at,
            sources=(*record.sources, *(source or ())),
            metadata={**fields, **record.metadata},
        )
        for record in records
    ]
    with opened(home, user, session) as (memory, scope):
        started = datetime.now(UTC)
        added = _add_all(memory, records, scope)
        print_ids(added, as_json)
        _print_known(memory, scope, records, added, started)


def edit(
    id: Id,
    text: Annotated[
        str | None, typer.Argument(help="What it says from now on.", show_default=False)
    ] = None,
    metadata: Annotated[
        str | None,
        typer.Option(help="Metadata to change, as JSON; null removes a value.", show_default=False),
    ] = None,
    at: Annotated[datetime | None, time_option("When it began to hold, if not now.")] = None,
    why: Why = None,
    home: Home = None,
    user: User = None,
    as_json: Json = False,
) -> None:
    """Put a new version in a record's place; the old one stays as history. Prints the new id."""
    with opened(home, user) as (memory, scope):
        record = memory.update(
            full_id(memory, scope, id),
            text,
            scope=scope,
            metadata=json_object(metadata, "--metadata"),
            valid_from=at,
            who=scope.user,
            why=why,
        )
    print_ids([record], as_json)


def forget(
    ids: Annotated[
        list[str] | None,
        typer.Argument(help="Ids of records, or their first characters.", show_default=False),
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="All that came from this source.", show_default=False)
    ] = None,
    where: Where = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All records of the user, or of the session.")
    ] = False,
    about: Annotated[
        str | None,
        typer.Option(
            help="What a request means: 'my old address'. Lists the records first; in a pipe"
            " nothing is erased without --yes.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="With --about: a chat model that takes records off the list.", show_default=False
        ),
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    check: Annotated[
        bool, typer.Option("--check", help="Then check that nothing still knows it.")
    ] = False,
    home: Home = None,
    user: User = None,
    session: Session = None,
    as_json: Json = False,
) -> None:
    """Erase records with all that holds their words; at a terminal it asks first.

    The exit code is 1 if nothing fits, and with --check if something still knows them.
    """
    if check and dry_run:
        raise typer.BadParameter("nothing is erased with --dry-run", param_hint="--check")
    if about is not None and (ids or source or where or everything):
        raise typer.BadParameter("stands alone, without ids and filters", param_hint="--about")
    if about is None and model is not None:
        raise typer.BadParameter("goes with --about", param_hint="--model")
    findings, listed = None, dict[str, Any]()
    with opened(home, user, session) as (memory, scope):
        if about is None:
            meant = full_ids(memory, scope, ids or ())
        else:
            found = memory.probes.forgettable(about, scope=scope, model=model)
            listed = forgettable_object(found) if as_json else {}
            meant = _chosen(memory, scope, found, ask=not (dry_run or yes), as_json=as_json)
            yes = True

        def run(dry: bool) -> Receipt:
            return memory.forget(
                meant,
                scope=scope,
                source=source,
                where=filter_of(where),
                everything=everything,
                dry_run=dry,
            )

        receipt = run(True)
        if not (receipt.records or everything):
            which = "fits --where" if source is None else f"comes from {source!r}"
            raise InvalidInput(f"no record of user {scope.user!r} {which}")
        if not dry_run:
            if receipt.records and sys.stdin.isatty() and not yes:
                typer.confirm(f"Erase {counted(receipt.records)}?", abort=True, err=True)
            what = memory.probes.target(receipt.asked, scope=scope) if check else None
            receipt = run(False)
            findings = memory.probes.check(what) if what else None
    if as_json:
        checked = {"checked": asdict(findings) | {"known": findings.known}} if findings else {}
        whole = {**listed, "receipt": asdict(receipt)} if listed else asdict(receipt)
        say(json.dumps(whole | checked))
    else:
        _print_receipt(receipt, findings)
    if findings and findings.known:
        raise typer.Exit(1)


def _chosen(
    memory: "Memory", scope: Scope, found: "Forgettable", *, ask: bool, as_json: bool
) -> list[str]:
    """Print what a request may mean, and return the ids of what it does, or of what is chosen.

    Raises:
        InvalidInput: the request means nothing that is known, or nobody is there to be asked.
        Abort: the answer is no.
    """
    terminal = sys.stdin.isatty()
    if not as_json or (ask and terminal):
        for line in candidate_lines(memory, scope, found, width=terminal_width()):
            say(line, err=as_json)
    if not found.ids and not (ask and terminal and found.candidates):
        raise InvalidInput(f"no record of user {scope.user!r} fits {found.request!r}")
    if not ask:
        return found.ids
    if not terminal:
        if as_json:
            say(json.dumps(forgettable_object(found)))
        raise InvalidInput("nothing is erased: look at the list, and add --yes or name the ids")
    count = counted(len(found.ids))
    these = f"Erase {count} (*)?" if found.ids else "Nothing fits well. Erase any of these?"
    answer = typer.prompt(f"{these} [y/N/numbers]", default="n", show_default=False, err=True)
    return _numbered(answer, found)


def _numbered(answer: str, found: "Forgettable") -> list[str]:
    """Return the ids that an answer chooses: "y" for all that are meant, or numbers of the list.

    Raises:
        InvalidInput: a number is not on the list.
        Abort: the answer is neither.
    """
    words = answer.replace(",", " ").split()
    if found.ids and answer.strip().lower() in ("y", "yes"):
        return found.ids
    if not words or not all(word.isdecimal() for word in words):
        raise typer.Abort
    by_number = {n: one.record.id for n, one in enumerate(found.candidates, start=1)}
    numbers = dict.fromkeys(map(int, words))
    wrong = [str(number) for number in numbers if number not in by_number]
    if wrong:
        raise InvalidInput(f"not on the list: {', '.join(wrong)}; nothing is erased")
    return [by_number[number] for number in numbers]


def pin(ids: Ids, why: Why = None, home: Home = None, user: User = None) -> None:
    """Keep records from being archived."""
    with opened(home, user) as (memory, scope):
        print_marked(
            memory.changes.pin(full_ids(memory, scope, ids), scope=scope, why=why), "pinned"
        )


def unpin(ids: Ids, why: Why = None, home: Home = None, user: User = None) -> None:
    """Undo `pin`: records may be archived again."""
    with opened(home, user) as (memory, scope):
        whole = full_ids(memory, scope, ids)
        marked = memory.changes.pin(whole, scope=scope, pinned=False, why=why)
    print_marked(marked, "unpinned")


def archive(ids: Ids, why: Why = None, home: Home = None, user: User = None) -> None:
    """Take records out of searches without erasing them."""
    with opened(home, user) as (memory, scope):
        whole = full_ids(memory, scope, ids)
        marked = memory.changes.archive(whole, scope=scope, who=scope.user, why=why)
    print_marked(marked, "archived")


def restore(ids: Ids, why: Why = None, home: Home = None, user: User = None) -> None:
    """Bring archived records back into searches."""
    with opened(home, user) as (memory, scope):
        marked = memory.changes.restore(full_ids(memory, scope, ids), scope=scope, why=why)
    print_marked(marked, "restored")


def _print_receipt(receipt: Receipt, findings: "Findings | None") -> None:
    would = "would erase" if receipt.dry_run else "erased"
    say(
        f"{would} {counted(receipt.records)} ({len(receipt.derived)} derived),"
        f" {counted(receipt.keys, 'key')}, {counted(receipt.history, 'event')};"
        f" {counted(receipt.rekeyed)} keyed anew"
    )
    if findings is None:
        return
    for probe in findings.probes:
        say(f"{probe.kind:>10}  {probe.after} of {probe.asked} know it, {probe.before} did before")
        for text in probe.found:
            say(f"{'':>10}  {text}")
    for id in findings.lost:
        say(f"      lost  record {id}, a neighbour, is not found by its own text any more")


def _add_all(memory: "Memory", records: Sequence[NewRecord], scope: Scope) -> list[Record]:
    """Write in batches, all records checked before the first is written."""
    from rich.console import Console
    from rich.progress import track

    for number, record in enumerate(records, start=1):
        try:
            check(record)
        except InvalidInput as error:
            place = f"record {number}: " if len(records) > 1 else ""
            raise InvalidInput(f"{place}{error}") from None
    starts = range(0, len(records), BATCH)
    shown = track(
        starts, "remembering", console=Console(stderr=True), disable=len(starts) < 2, transient=True
    )
    batches = [memory.add_many(records[start : start + BATCH], scope=scope) for start in shown]
    return [record for batch in batches for record in batch]


KEPT = "a dated record stays as it is, and one without sources gets none"


def _print_known(
    memory: "Memory",
    scope: Scope,
    new: Sequence[NewRecord],
    added: Sequence[Record],
    started: datetime,
) -> None:
    """Say on stderr which records were there before, and whether anything was merged into them."""
    known = {record.id: record for record in added if record.created < started}
    repeated = len(added) - len({record.id for record in added})
    if not (known or repeated):
        return
    merged = 0
    for id in known:
        events = memory.history(id, scope=scope)
        merged += any(event.action == "merge" and event.at >= started for event in events)
    left = sum(
        record.id in known and not _holds(record, one)
        for one, record in zip(new, added, strict=True)
    )
    parts = []
    if len(added) == 1:
        parts += ["already known"]
        parts += ["its metadata and sources were merged"] if merged else []
        parts += [f"not all was merged: {KEPT}"] if left else []
    else:
        again = sum(record.id in known for record in added)
        parts += [f"{counted(again)} already known"] if again else []
        parts += [f"metadata and sources merged into {merged}"] if merged else []
        parts += [f"not all was merged into {left}: {KEPT}"] if left else []
        parts += [f"{counted(repeated, 'line')} repeated"] if repeated else []
    say("; ".join(parts), err=True)


def _holds(record: Record, new: NewRecord) -> bool:
    """Tell whether a record has the metadata and sources of a new one."""
    metadata = all(record.metadata.get(key) == value for key, value in new.metadata.items())
    return metadata and set(new.sources) <= set(record.sources)
