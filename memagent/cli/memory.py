"""The commands over what is remembered: add, look, change, forget."""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memagent.cli.input import records_of
from memagent.cli.output import (
    Home,
    Json,
    Session,
    User,
    Where,
    event_object,
    filter_of,
    findings_object,
    hit_object,
    opened,
    print_ids,
    receipt_object,
    record_object,
)
from memagent.errors import InvalidInput
from memagent.types import Hit, Receipt, Record, Scope

if TYPE_CHECKING:
    from memagent.memory.deletion_probes import Findings
    from memagent.memory.memory import Memory


search_app = typer.Typer()


@search_app.command()
def search(
    query: str,
    k: Annotated[int, typer.Option("-k", min=1, help="How many at most.")] = 10,
    where: Where = None,
    as_of: Annotated[datetime | None, typer.Option(help="What held at this time.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Not from before this time.")] = None,
    until: Annotated[datetime | None, typer.Option(help="From before this time.")] = None,
    min_score: Annotated[
        float, typer.Option(min=0, max=1, help="Leave out what scores below this.")
    ] = 0.0,
    tokens: Annotated[
        int | None, typer.Option(min=1, help="At most so many tokens in all.")
    ] = None,
    half_life: Annotated[
        float | None, typer.Option(help="Days after which recency counts half.")
    ] = None,
    diversity: Annotated[
        float, typer.Option(min=0, max=1, help="How much unlike hits are preferred.")
    ] = 0.0,
    explain: Annotated[bool, typer.Option("--explain", help="Show each score's parts.")] = False,
    home: Home = None,
    user: User = None,
    session: Session = None,
    as_json: Json = False,
) -> None:
    """Show the best records for a query, best first."""
    with opened(home, user, session) as (memory, scope):
        hits = memory.search(
            query,
            scope=scope,
            k=k,
            where=filter_of(where),
            as_of=as_of,
            since=since,
            until=until,
            min_score=min_score,
            tokens=tokens,
            half_life=None if half_life is None else timedelta(days=half_life),
            diversity=diversity,
            explain=explain,
        )
    if as_json:
        print(json.dumps([hit_object(hit) for hit in hits]))
    for hit in [] if as_json else hits:
        print(_line(hit, explain))
    left_out = {"below the floor": hits.below_min_score, "over the budget": hits.over_budget}
    told = ", ".join(f"{count} {why}" for why, count in left_out.items() if count)
    if told or not hits:
        print(
            "; ".join(part for part in ("" if hits else "nothing found", told) if part),
            file=sys.stderr,
        )


@search_app.command()
def why(
    question: str,
    home: Home = None,
    user: User = None,
    session: Session = None,
    as_json: Json = False,
) -> None:
    """Show which memories a question would bring up, oldest first, and why."""
    with opened(home, user, session) as (memory, scope):
        recollection = memory.recall(question, scope=scope)
    if as_json:
        hits = [hit_object(hit) for hit in recollection.hits]
        print(json.dumps({"queries": recollection.queries, "shown": hits}))
        return
    for hit in recollection.hits:
        print(_line(hit, explain=True))
    counted = f"{recollection.candidates} candidates, {recollection.below_min_score} too far off"
    print(f"looked for {'; then for '.join(recollection.queries)}: {counted}", file=sys.stderr)


def _line(hit: Hit, explain: bool) -> str:
    parts = ", ".join(f"{name} {value:.2f}" for name, value in hit.why.items())
    told = f"  ({parts})" if explain else ""
    return f"{hit.score:.2f}  {hit.record.id}  {hit.record.text}{told}"


BATCH = 500
"""Records that `add` writes in one transaction; more are shown with a progress bar."""

memory_app = typer.Typer()


@memory_app.command()
def add(
    text: Annotated[str | None, typer.Argument(help="One record; from stdin if left out.")] = None,
    file: Annotated[Path | None, typer.Option(help="Read records, one a line.")] = None,
    home: Home = None,
    user: User = None,
    session: Session = None,
    as_json: Json = False,
) -> None:
    """Remember a text, or one record a line from stdin or a file; prints the ids."""
    if text is not None and file is not None:
        raise typer.BadParameter("give a text or --file, not both")
    if text is None and file is None and sys.stdin.isatty():
        raise typer.BadParameter("give a text, --file, or records on stdin")
    texts = [text] if text is not None else records_of(file)
    with opened(home, user, session) as (memory, scope):
        print_ids(_add_all(memory, texts, scope), as_json)


@memory_app.command(name="list")
def list_records(
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    where: Where = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Superseded versions and archived records too.")
    ] = False,
    home: Home = None,
    user: User = None,
    session: Session = None,
    as_json: Json = False,
) -> None:
    """Show what was remembered last, newest first."""
    with opened(home, user, session) as (memory, scope):
        records = memory.list(
            scope=scope, limit=limit, where=filter_of(where), everything=everything
        )
    if as_json:
        print(json.dumps([record_object(record) for record in records]))
    for record in [] if as_json else records:
        print(f"{record.valid_from:%Y-%m-%d %H:%M}  {record.id}  {record.text}")


@memory_app.command()
def show(
    id: Annotated[str, typer.Argument(help="The record's id.")],
    home: Home = None,
    user: User = None,
    as_json: Json = False,
) -> None:
    """Show one record whole: its keys, when it held, and what happened to it."""
    with opened(home, user, None) as (memory, scope):
        record = _one(memory, id, scope)
        events = memory.history(id, scope=scope)
    told = record_object(record) | {"history": [event_object(event) for event in events]}
    if as_json:
        print(json.dumps(told))
        return
    for name, value in told.items():
        for one in value if isinstance(value, list) else [value]:
            print(f"{name:>12}  {one}")


@memory_app.command()
def edit(
    id: Annotated[str, typer.Argument(help="The record's id.")],
    text: Annotated[str, typer.Argument(help="What it should say from now on.")],
    because: Annotated[str | None, typer.Option("--why", help="Goes into the history.")] = None,
    home: Home = None,
    user: User = None,
    as_json: Json = False,
) -> None:
    """Put a new version in a record's place; the old one stays as history. Prints the new id."""
    with opened(home, user, None) as (memory, scope):
        print_ids([memory.update(id, text, scope=scope, who=scope.user, why=because)], as_json)


@memory_app.command()
def history(
    id: Annotated[str, typer.Argument(help="The record's id.")],
    home: Home = None,
    user: User = None,
    as_json: Json = False,
) -> None:
    """Show what happened to a record and its other versions: when, by whom, and why."""
    with opened(home, user, None) as (memory, scope):
        _one(memory, id, scope)
        events = memory.history(id, scope=scope)
    if as_json:
        print(json.dumps([event_object(event) for event in events]))
    for event in [] if as_json else events:
        told = " ".join(part for part in (event.who and f"by {event.who}", event.why) if part)
        print(f"{event.at:%Y-%m-%d %H:%M:%S}  {event.record}  {event.action}  {told}".rstrip())


@memory_app.command()
def forget(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of records.")] = None,
    source: Annotated[str | None, typer.Option(help="All that came from this source.")] = None,
    where: Where = None,
    everything: Annotated[bool, typer.Option("--all", help="All there is in the scope.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    probe: Annotated[
        bool, typer.Option("--probe", help="Then look whether anything still knows it.")
    ] = False,
    home: Home = None,
    user: User = None,
    session: Session = None,
    as_json: Json = False,
) -> None:
    """Erase records with all that holds their words; at a terminal it asks first.

    With --probe the exit code is 1 if anything still knows them.
    """
    if probe and dry_run:
        raise typer.BadParameter("nothing is erased with --dry-run", param_hint="--probe")
    findings = None
    with opened(home, user, session) as (memory, scope):

        def run(dry: bool) -> Receipt:
            return memory.forget(
                ids or (),
                scope=scope,
                source=source,
                where=filter_of(where),
                everything=everything,
                dry_run=dry,
            )

        receipt = run(True)
        if not dry_run:
            if receipt.records and sys.stdin.isatty() and not yes:
                typer.confirm(f"erase {receipt.records} records?", abort=True, err=True)
            what = memory.probes.target(receipt.asked, scope=scope) if probe else None
            receipt = run(False)
            findings = memory.probes.check(what) if what else None
    if as_json:
        probed = {"probed": findings_object(findings)} if findings else {}
        print(json.dumps(receipt_object(receipt) | probed))
    else:
        _print_receipt(receipt, findings)
    if findings and findings.known:
        raise typer.Exit(1)


def _print_receipt(receipt: Receipt, findings: "Findings | None") -> None:
    would = "would erase" if receipt.dry_run else "erased"
    print(
        f"{would} {receipt.records} records ({len(receipt.derived)} derived), {receipt.keys} keys,"
        f" {receipt.history} events; {receipt.rekeyed} records keyed anew"
    )
    for one in findings.probes if findings else ():
        print(f"{one.kind:>10}  {one.after} of {one.asked} know it, {one.before} did before")
        for told in one.found:
            print(f"{'':>10}  {told}")
    for id in findings.lost if findings else ():
        print(f"      lost  record {id}, a neighbour, is not found by its own text any more")


def _one(memory: "Memory", id: str, scope: Scope) -> Record:
    found = memory.get([id], scope=scope)
    if not found:
        raise InvalidInput(f"there is no record {id!r} of user {scope.user!r}")
    return found[0]


def _add_all(memory: "Memory", texts: list[str], scope: Scope) -> list[Record]:
    """Write in batches, all texts checked before the first is written."""
    from rich.console import Console
    from rich.progress import track

    from memagent.stores.banks.episodic import check
    from memagent.types import NewRecord

    notes = [NewRecord(text=text) for text in texts]
    for number, note in enumerate(notes, start=1):
        try:
            check(note)
        except InvalidInput as error:
            raise InvalidInput(
                f"record {number}: {error}" if len(notes) > 1 else str(error)
            ) from None
    starts = range(0, len(notes), BATCH)
    shown = track(
        starts, "remembering", console=Console(stderr=True), disable=len(starts) < 2, transient=True
    )
    batches = [memory.add_many(notes[start : start + BATCH], scope=scope) for start in shown]
    return [record for batch in batches for record in batch]
