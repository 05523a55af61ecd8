"""The commands over a whole store: move it, count it, check it."""

import json
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from memagent.cli_output import Home, Json, Session, User, memory_of, opened
from memagent.config import load_settings
from memagent.reading import lines_of, write_lines

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
        lines = memory.export(scope=scope, vectors=vectors)
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
        print(f"{memory.import_(lines_of(file), format=format, user=user)} new records")


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
        done = memory.reembed(
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
        counts = memory_of(settings, stack).stats()
    print(json.dumps(counts) if as_json else "\n".join(f"{n:>8} {k}" for k, n in counts.items()))


@store_app.command()
def verify(home: Home = None) -> None:
    """Check that the store is whole; exit code 1 and a line for each problem if not."""
    settings = load_settings(home=home)
    with ExitStack() as stack:
        problems = memory_of(settings, stack).verify()
    print("\n".join(problems) or "the store is whole")
    if problems:
        raise typer.Exit(1)


@store_app.command()
def compact(home: Home = None) -> None:
    """Give free space back to the disk."""
    settings = load_settings(home=home)
    with ExitStack() as stack:
        sizes = memory_of(settings, stack).compact()
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
