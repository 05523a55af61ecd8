"""Commands that find and show records: search, recall, list, show, history, users, sessions."""

import json
from datetime import datetime, timedelta
from typing import Annotated

import typer

from memagent.cli.options import (
    AsOf,
    Home,
    Id,
    Json,
    Session,
    User,
    Where,
    filter_of,
    full_id,
    opened,
    time_option,
)
from memagent.cli.output import event_line, event_object, print_hits, print_records, record_fields
from memagent.terminal import say
from memagent.types import Kind

KindOption = Annotated[
    Kind | None, typer.Option("--kind", help="Only this kind of record.", show_default=False)
]

Roles = Annotated[
    str | None,
    typer.Option(
        "--roles",
        help="Who said it: all, or some of user,assistant,system,tool. Without it, only statements"
        " are searched, not questions and replies.",
        show_default=False,
    ),
]


def search(
    query: Annotated[str, typer.Argument(help="Words, or a question.", show_default=False)],
    k: Annotated[int, typer.Option("-k", min=1, help="Records at most.")] = 10,
    roles: Roles = None,
    kind: KindOption = None,
    where: Where = None,
    as_of: AsOf = None,
    since: Annotated[datetime | None, time_option("Not from before this time.")] = None,
    until: Annotated[datetime | None, time_option("From before this time.")] = None,
    min_score: Annotated[
        float, typer.Option(min=0, max=1, help="Leave out records that score below this.")
    ] = 0.0,
    tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens of all texts at most.", show_default=False)
    ] = None,
    half_life: Annotated[
        float | None,
        typer.Option(help="Days after which recency counts half.", show_default=False),
    ] = None,
    diversity: Annotated[
        float, typer.Option(min=0, max=1, help="How much unlike records are preferred.")
    ] = 0.0,
    explain: Annotated[bool, typer.Option("--explain", help="Show each score's parts.")] = False,
    home: Home = None,
    user: User = None,
    session: Session = None,
    as_json: Json = False,
) -> None:
    """Search for the records that fit a query best, best first."""
    with opened(home, user, session) as (memory, scope):
        hits = memory.search(
            query,
            scope=scope,
            k=k,
            roles=_roles(roles),
            kind=kind,
            where=filter_of(where),
            as_of=as_of,
            since=since,
            until=until,
            min_score=min_score,
            tokens=tokens,
            half_life=None if half_life is None else _days(half_life),
            diversity=diversity,
            explain=explain,
        )
        if as_json:
            say(json.dumps([hit.to_dict() for hit in hits]))
        else:
            print_hits(memory, scope, hits, explain=explain)
    notes = [] if hits else ["nothing found"]
    if hits.below_min_score:
        notes.append(f"{hits.below_min_score} below the score of {min_score:g}")
    if hits.over_budget:
        notes.append(f"{hits.over_budget} over the budget of {tokens} tokens")
    if notes:
        say("; ".join(notes), err=True)


def _roles(text: str | None) -> str | list[str] | None:
    """Return the roles that an option names, as `Memory.search` takes them."""
    return text if text in (None, "all") else [role.strip() for role in text.split(",")]


def _days(number: float) -> timedelta:
    """Return a number of days.

    Raises:
        BadParameter: there are not so many.
    """
    try:
        return timedelta(days=number)
    except (OverflowError, ValueError):
        raise typer.BadParameter(f"--half-life: a number of days is wanted, not {number}") from None


def recall(
    question: Annotated[str, typer.Argument(help="A question.", show_default=False)],
    k: Annotated[int, typer.Option("-k", min=1, help="Records at most.")] = 20,
    roles: Roles = None,
    as_of: AsOf = None,
    where: Where = None,
    expand: Annotated[
        bool,
        typer.Option(
            "--expand/--no-expand",
            help="Replace notes that do not answer by sentences of their sources.",
        ),
    ] = True,
    home: Home = None,
    user: User = None,
    session: Session = None,
    as_json: Json = False,
) -> None:
    """Recall what a model would be shown for a question, oldest first, and why."""

    with opened(home, user, session) as (memory, scope):
        recollection = memory.recall(
            question,
            scope=scope,
            k=k,
            roles=_roles(roles),
            as_of=as_of,
            where=filter_of(where),
            expand=expand,
        )
        if as_json:
            hits = [hit.to_dict() for hit in recollection.hits]
            queries, texts = recollection.queries, recollection.texts
            say(json.dumps({"queries": queries, "hits": hits, "texts": texts}))
            return
        lines = [hit.line(dated=recollection.shows_dates) for hit in recollection.hits]
        print_hits(memory, scope, recollection.hits, texts=lines, explain=True)
    say(
        f"searched for {'; then for '.join(map(repr, recollection.queries))}:"
        f" {recollection.candidates} candidates, {recollection.below_min_score} too far off",
        err=True,
    )


def list_records(
    limit: Annotated[int, typer.Option(min=1, help="Records at most.")] = 100,
    after: Annotated[
        str | None,
        typer.Option(help="Go on after this record: the last of a page.", show_default=False),
    ] = None,
    kind: KindOption = None,
    where: Where = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Superseded and archived records, too.")
    ] = False,
    home: Home = None,
    user: User = None,
    session: Session = None,
    as_json: Json = False,
) -> None:
    """List the records written last, newest first: id, time, who said it, and the text."""
    with opened(home, user, session) as (memory, scope):
        page = memory.list(
            scope=scope,
            limit=limit,
            after=after and full_id(memory, scope, after),
            kind=kind,
            where=filter_of(where),
            everything=everything,
        )
        print_records(memory, scope, page, as_json)
    if page.next is not None:
        say(f"there are more: --after {page.next}", err=True)


def show(id: Id, home: Home = None, user: User = None, as_json: Json = False) -> None:
    """Show one record whole: its text, keys, times and counts, and its history."""
    with opened(home, user) as (memory, scope):
        (record,) = memory.get(full_id(memory, scope, id), scope=scope)
        events = memory.history(record.id, scope=scope)
    fields = record.to_dict() | {"history": [event_object(event) for event in events]}
    if as_json:
        say(json.dumps(fields))
    else:
        for line in record_fields(record, events):
            say(line)


def history(id: Id, home: Home = None, user: User = None, as_json: Json = False) -> None:
    """Show what happened to a record and its other versions: when, by whom, and why."""
    with opened(home, user) as (memory, scope):
        events = memory.history(full_id(memory, scope, id), scope=scope)
    if as_json:
        say(json.dumps([event_object(event) for event in events]))
        return
    for event in events:
        say(event_line(event))


def users(home: Home = None, as_json: Json = False) -> None:
    """List the users who have records."""
    with opened(home, None) as (memory, _):
        names = memory.users()
    if as_json:
        say(json.dumps(names))
        return
    for name in names:
        say(name)
