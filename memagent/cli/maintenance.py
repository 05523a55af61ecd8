"""The commands over a whole store: move it, count it, check it."""

import json
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from memagent.cli.input import lines_of, write_lines
from memagent.cli.output import Because, DryRun, Home, Json, Model, Session, User, memory_of, opened
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
        count = memory.changes.judge(ids, outcome, scope=scope, who=scope.user, why=because)
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
        count = memory.changes.pin(ids, scope=scope, pinned=not undo)
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
        done = memory.maintenance.retain(capacity, scope=scope, policy=policy, dry_run=dry_run)
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
        print(f"{memory.changes.restore(ids, scope=scope, why=because)} records restored")


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
        done = memory.changes.separate(
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
        print(f"{memory.changes.move_back(ids, scope=scope, why=because)} keys moved back")


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
        done = memory.notes.generate_queries(
            chat, scope=scope, limit=limit, progress=lambda n: bar.update(job, completed=n)
        )
    print(f"{done.records} records got {done.keys} keys; the model failed on {done.failed}")


store_app = typer.Typer()


@store_app.command()
def export(
    file: Annotated[Path | None, typer.Option(help="Write here; stdout if left out.")] = None,
    vectors: Annotated[bool, typer.Option("--vectors", help="With the vectors.")] = False,
    home: Home = None,
    user: User = None,
    session: Session = None,
) -> None:
    """Write the records as JSON lines; the same content gives the same bytes."""
    with opened(home, user, session) as (memory, scope):
        lines = memory.maintenance.export(scope=scope, vectors=vectors)
        if file is None:
            for line in lines:
                print(line)
        else:
            write_lines(file, lines)


@store_app.command(name="import")
def import_records(
    file: Annotated[
        Path | None, typer.Argument(help="What was exported; from stdin if left out.")
    ] = None,
    format: Annotated[
        str, typer.Option(help="Who exported it: memagent, mem0, langgraph, or auto.")
    ] = "auto",
    user: Annotated[
        str | None, typer.Option(help="Whose memory it becomes, instead of whom it names.")
    ] = None,
    home: Home = None,
) -> None:
    """Take over what memagent, mem0 or LangGraph exported, as far as it is not there yet."""
    from memagent.stores.transfer.importing import FORMATS

    if format not in FORMATS:
        raise typer.BadParameter(f"expected one of {', '.join(FORMATS)}", param_hint="--format")
    if file is None and sys.stdin.isatty():
        raise typer.BadParameter("give a file, or lines on stdin")
    settings = load_settings(home=home)
    with ExitStack() as stack:
        memory = memory_of(settings, stack)
        print(f"{memory.maintenance.import_(lines_of(file), format=format, user=user)} new records")


@store_app.command()
def reembed(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Move the store to the embedder that the settings name; goes on where it was cut off."""
    from rich.console import Console
    from rich.progress import Progress

    settings = load_settings(home=home)
    with ExitStack() as stack:
        memory = memory_of(settings, stack)
        bar = stack.enter_context(Progress(console=Console(stderr=True), transient=True))
        job = bar.add_task("embedding", total=None)
        done = memory.maintenance.reembed(
            dry_run=dry_run,
            progress=lambda done, total: bar.update(job, completed=done, total=total),
        )
    if as_json:
        print(json.dumps(asdict(done)))
        return
    would = "would embed" if dry_run else "embedded"
    print(f"{would} {done.keys - done.already} of {done.keys} keys")
    if (alike := done.compatibility) is not None:
        fits = "can" if alike.ac else "cannot"
        costs = f"AC {alike.ac}, BC {alike.bc:+.2f}"
        costs += "" if alike.fc is None else f", FC {alike.fc:+.2f}"
        print(
            f"the new embedder {fits} read the old vectors ({costs}); {alike.neighbours:.0%} of"
            f" neighbours alike ({alike.probes} keys compared)"
        )


@store_app.command()
def stats(home: Home = None, as_json: Json = False) -> None:
    """Count users, records, superseded ones, keys and events."""
    settings = load_settings(home=home)
    with ExitStack() as stack:
        counts = memory_of(settings, stack).maintenance.stats()
    print(json.dumps(counts) if as_json else "\n".join(f"{n:>8} {k}" for k, n in counts.items()))


@store_app.command()
def verify(home: Home = None) -> None:
    """Check that the store is whole; exit code 1 and a line for each problem if not."""
    settings = load_settings(home=home)
    with ExitStack() as stack:
        problems = memory_of(settings, stack).maintenance.verify()
    print("\n".join(problems) or "the store is whole")
    if problems:
        raise typer.Exit(1)


@store_app.command()
def compact(home: Home = None) -> None:
    """Give free space back to the disk."""
    settings = load_settings(home=home)
    with ExitStack() as stack:
        sizes = memory_of(settings, stack).maintenance.compact()
    print(f"{sizes.before:,} bytes before, {sizes.after:,} after")
    if not sizes.log_emptied:
        told = "another process is still reading: the log keeps its pages until the next compact"
        print(told, file=sys.stderr)


@store_app.command()
def doctor(home: Home = None) -> None:
    """Say where everything lies, whether the weights are there, and whether the store is whole."""
    from memagent.config import config_file
    from memagent.models import weights

    settings = load_settings(home=home)
    print(f"settings  {config_file()}{'' if config_file().exists() else ' (not there)'}")
    print(f"memory    {settings.home}")
    for one in weights.ALL:
        path = weights.find(one, settings.home / "models")
        print(f"weights   {one.name}  {path or 'missing: run `memagent model pull`'}")
    verify(home)
