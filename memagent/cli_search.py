"""The commands that look things up: search, and why a question brings up what it does."""

import json
import sys
from datetime import datetime, timedelta
from typing import Annotated

import typer

from memagent.cli_output import Home, Json, Session, User, Where, filter_of, hit_object, opened
from memagent.types import Hit

search_app = typer.Typer()


@search_app.command()
def search(
    query: str,
    k: Annotated[int, typer.Option("-k", min=1, help="How many at most.")] = 10,
    where: Where = None,
    as_of: Annotated[datetime | None, typer.Option(help="What held at this time.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Not from before this time.")] = None,
    until: Annotated[datetime | None, typer.Option(help="From before this time.")] = None,
    floor: Annotated[
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
            floor=floor,
            tokens=tokens,
            half_life=None if half_life is None else timedelta(days=half_life),
            diversity=diversity,
            explain=explain,
        )
    if as_json:
        print(json.dumps([hit_object(hit) for hit in hits]))
    for hit in [] if as_json else hits:
        print(_line(hit, explain))
    left_out = {"below the floor": hits.below_floor, "over the budget": hits.over_budget}
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
        print(json.dumps({"looks": recollection.looks, "shown": hits}))
        return
    for hit in recollection.hits:
        print(_line(hit, explain=True))
    counted = f"{recollection.candidates} candidates, {recollection.below_floor} too far off"
    print(f"looked for {'; then for '.join(recollection.looks)}: {counted}", file=sys.stderr)


def _line(hit: Hit, explain: bool) -> str:
    parts = ", ".join(f"{name} {value:.2f}" for name, value in hit.why.items())
    told = f"  ({parts})" if explain else ""
    return f"{hit.score:.2f}  {hit.record.id}  {hit.record.value}{told}"
