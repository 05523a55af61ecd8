"""The commands that judge, keep at hand, and give keys to what is remembered."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from memagent.cli_output import Because, DryRun, Home, Json, Model, Session, User, opened
from memagent.config import load_settings
from memagent.types import Outcome, Policy

upkeep_app = typer.Typer()
Ids = Annotated[list[str], typer.Argument(help="Ids of records.")]


@upkeep_app.command()
def judge(
    outcome: Annotated[Outcome, typer.Argument(help="What came of showing them.")],
    ids: Ids,
    because: Because = None,
    home: Home = None,
    user: User = None,
) -> None:
    """Say that records helped or hurt; what hurt is trusted less, and so is its source."""
    with opened(home, user, None) as (memory, scope):
        count = memory.judge(ids, outcome, scope=scope, who=scope.user, why=because)
    print(f"{count} records judged")


@upkeep_app.command()
def pin(
    ids: Ids,
    undo: Annotated[bool, typer.Option("--undo", help="Let them go again.")] = False,
    home: Home = None,
    user: User = None,
) -> None:
    """Keep records from being archived."""
    with opened(home, user, None) as (memory, scope):
        count = memory.pin(ids, scope=scope, pinned=not undo)
    print(f"{count} records {'let go' if undo else 'pinned'}")


@upkeep_app.command()
def retain(
    capacity: Annotated[int, typer.Argument(min=0, help="How many records to keep at hand.")],
    policy: Annotated[Policy, typer.Option(help="What goes first.")] = "activation",
    dry_run: DryRun = False,
    home: Home = None,
    user: User = None,
    session: Session = None,
    as_json: Json = False,
) -> None:
    """Archive what is worth least, until so many records are at hand; nothing is lost."""
    with opened(home, user, session) as (memory, scope):
        done = memory.retain(capacity, scope=scope, policy=policy, dry_run=dry_run)
    if as_json:
        print(json.dumps(asdict(done)))
        return
    would = "would archive" if dry_run else "archived"
    print(f"{would} {len(done.archived)} records, {done.kept} stay ({done.pinned} pinned)")
    print("".join(f"{one}\n" for one in done.archived), end="")


@upkeep_app.command()
def restore(ids: Ids, because: Because = None, home: Home = None, user: User = None) -> None:
    """Bring archived records back to hand."""
    with opened(home, user, None) as (memory, scope):
        print(f"{memory.restore(ids, scope=scope, why=because)} records restored")


@upkeep_app.command()
def separate(
    query: Annotated[str, typer.Argument(help="What found the wrong record.")],
    wanted: Annotated[str, typer.Option(help="The record it should have found.")],
    found: Annotated[str, typer.Option(help="The record it found.")],
    steps: Annotated[int, typer.Option(min=1, help="How many small moves at most.")] = 1,
    because: Because = None,
    home: Home = None,
    user: User = None,
) -> None:
    """Move apart the keys of two records that a query takes for one another."""
    with opened(home, user, None) as (memory, scope):
        done = memory.separate(
            query, wanted=wanted, found=found, scope=scope, steps=steps, who=scope.user, why=because
        )
    print(
        f"wanted {done.wanted_before:.3f} -> {done.wanted_after:.3f},"
        f" found {done.found_before:.3f} -> {done.found_after:.3f}:"
        f" {'apart' if done.apart else 'still confused'}"
    )


@upkeep_app.command()
def move_back(ids: Ids, because: Because = None, home: Home = None, user: User = None) -> None:
    """Undo `separate`: give keys the vectors they had at first."""
    with opened(home, user, None) as (memory, scope):
        print(f"{memory.move_back(ids, scope=scope, why=because)} keys moved back")


@upkeep_app.command()
def enrich(
    limit: Annotated[int | None, typer.Option(min=1, help="Records at most.")] = None,
    home: Home = None,
    user: User = None,
    session: Session = None,
    model: Model = None,
) -> None:
    """Let the chat model write questions that records answer; goes on where it stopped."""
    from rich.console import Console
    from rich.progress import Progress

    from memagent.models.open_chat import chat_of

    chat = chat_of(load_settings(home=home, user=user, model=model))
    with (
        opened(home, user, session) as (memory, scope),
        Progress(console=Console(stderr=True), transient=True) as bar,
    ):
        job = bar.add_task("asking", total=limit)
        done = memory.enrich(
            chat, scope=scope, limit=limit, progress=lambda n: bar.update(job, completed=n)
        )
    print(f"{done.records} records got {done.keys} keys; the model failed on {done.failed}")
