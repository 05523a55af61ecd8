"""Commands on a whole store: retain, export, reembed, stats, verify, compact, doctor."""

import json
import shlex
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memagent.cli.discover import FoundServer, discover
from memagent.cli.input import write_lines
from memagent.cli.options import DryRun, Home, Json, Session, User, memory_of, opened, settings_of
from memagent.cli.output import counted, progress_bar
from memagent.errors import SandboxUnavailable
from memagent.models import weights
from memagent.models.telemetry import traces
from memagent.terminal import say, say_data, say_text
from memagent.types import Policy

if TYPE_CHECKING:
    from memagent.config import Settings

EMBEDDED = "local"
"""The setting of the embedded default model."""
TOY = (
    f"The built-in model, {weights.SMOLLM2.name}, is a toy for trying things out; any server of a"
    " better one will do (Ollama, llama.cpp, vLLM, a hosted one): memagent chat --model"
    " http://localhost:11434/v1, and `memagent doctor` finds those on this machine."
)
START = (
    "none on this machine: start one (`ollama serve`, `llama-server -m FILE.gguf`, `vllm serve"
    " MODEL`), or name one elsewhere: memagent config set model URL"
)
SHOWN = 5
"""Models of a server that are named at most."""


def retain(
    capacity: Annotated[int, typer.Argument(min=0, help="Records that stay.", show_default=False)],
    policy: Annotated[Policy, typer.Option(help="Which go first.")] = "activation",
    dry_run: DryRun = False,
    home: Home = None,
    user: User = None,
    session: Session = None,
    as_json: Json = False,
) -> None:
    """Archive the least useful records until so many are left; nothing is lost."""
    with opened(home, user, session) as (memory, scope):
        done = memory.maintenance.retain(capacity, scope=scope, policy=policy, dry_run=dry_run)
    if as_json:
        say(json.dumps(asdict(done)))
        return
    would = "would archive" if dry_run else "archived"
    say(f"{would} {counted(len(done.archived))}, {done.kept} stay ({done.pinned} pinned)")
    for id in done.archived:
        say(id)


def export(
    file: Annotated[
        Path | None, typer.Option(help="Write here, not to stdout.", show_default=False)
    ] = None,
    vectors: Annotated[bool, typer.Option("--vectors", help="The vectors, too.")] = False,
    home: Home = None,
    user: User = None,
    session: Session = None,
) -> None:
    """Write records as JSON lines; the same content gives the same bytes."""
    with opened(home, user, session) as (memory, scope):
        lines = memory.maintenance.export(scope=scope, vectors=vectors)
        if file is None:
            for line in lines:
                say_data(line)
        else:
            write_lines(file, lines)


def reembed(
    dry_run: DryRun = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Move the store to the embedder of the settings; a run that was cut off goes on."""
    settings = settings_of(home=home)
    with ExitStack() as stack:
        memory = memory_of(settings, stack)
        update = stack.enter_context(progress_bar("embedding"))
        done = memory.maintenance.reembed(
            dry_run=dry_run,
            progress=lambda done, total: update(completed=done, total=total),
        )
    if as_json:
        say(json.dumps(asdict(done)))
        return
    would = "would embed" if dry_run else "embedded"
    say(f"{would} {done.keys - done.already} of {done.keys} keys")
    if (alike := done.compatibility) is not None:
        fits = "can" if alike.ac else "cannot"
        costs = f"AC {alike.ac}, BC {alike.bc:+.2f}"
        costs += "" if alike.fc is None else f", FC {alike.fc:+.2f}"
        say(
            f"the new embedder {fits} read the old vectors ({costs}); {alike.neighbours:.0%} of"
            f" neighbours alike ({alike.probes} keys compared)"
        )


def stats(home: Home = None, as_json: Json = False) -> None:
    """Count users, records, superseded ones, keys and events."""
    settings = settings_of(home=home)
    with ExitStack() as stack:
        counts = memory_of(settings, stack).maintenance.stats()
    say_text(json.dumps(counts) if as_json else "\n".join(f"{n:>8} {k}" for k, n in counts.items()))


def verify(home: Home = None, as_json: Json = False) -> None:
    """Check that the store is whole; if not, list the problems, with exit code 1."""
    settings = settings_of(home=home)
    with ExitStack() as stack:
        problems = memory_of(settings, stack).maintenance.verify()
    if as_json:
        say(json.dumps(problems))
    else:
        for line in problems or ["the store is whole"]:
            say(line)
    if problems:
        raise typer.Exit(1)


def compact(home: Home = None) -> None:
    """Give free space back to the disk."""
    settings = settings_of(home=home)
    with ExitStack() as stack:
        sizes = memory_of(settings, stack).maintenance.compact()
    say(f"{sizes.before:,} bytes before, {sizes.after:,} after")
    if not sizes.log_emptied:
        note = "another process is still reading: the log keeps its pages until the next compact"
        say(note, err=True)


def doctor(home: Home = None, as_json: Json = False) -> None:
    """Show where everything lies, which model servers run here, and whether the store is whole.

    Exit code 1 if it is not.
    """
    from memagent.config import config_file

    settings = settings_of(home=home)
    held = {one.name: weights.find(one, settings.home / "models") for one in weights.ALL}
    servers = discover()
    if not as_json:
        say(f"settings  {config_file()}{'' if config_file().exists() else ' (not there)'}")
        say(f"memory    {settings.home}")
        say(f"redaction {settings.redaction}")
        say(f"model     {settings.model}{' (a toy)' if settings.model == EMBEDDED else ''}")
        for line in server_lines(servers):
            say(line)
        say(f"sandbox   {_sandbox()}")
        for name, path in held.items():
            say(f"weights   {name}  {path or 'missing: run `memagent model pull`'}")
        for line in traces() or ["none: nothing is sent but to the model's and embedder's servers"]:
            say(f"telemetry {line}")
        verify(home)
        return
    with ExitStack() as stack:
        problems = memory_of(settings, stack).maintenance.verify()
    paths = {name: path and str(path) for name, path in held.items()}
    where = {"settings": str(config_file()), "memory": str(settings.home), "weights": paths}
    models = {"servers": [asdict(server) for server in servers], "redaction": settings.redaction}
    checks = {"sandbox": _sandbox(), "telemetry": traces(), "problems": problems}
    say(json.dumps(where | models | checks))
    if problems:
        raise typer.Exit(1)


def server_lines(servers: tuple[FoundServer, ...]) -> Iterator[str]:
    """Yield what to say of the servers on this machine: each with its models, and how to use it."""
    if not servers:
        yield f"servers   {START}"
    for server in servers:
        more = len(server.models) - SHOWN
        named = ", ".join(server.models[:SHOWN]) + (f" and {more} more" if more > 0 else "")
        if server.needs_key:
            named = "it wants a key"
        yield f"servers   {server.program} at {server.url}: {named or 'it has no model loaded'}"
        commands = [f"memagent config set model {server.url}"]
        if server.needs_key:
            commands.append("memagent config set api_key KEY")
        elif server.models:
            commands.append(f"memagent config set model_name {shlex.quote(server.models[0])}")
        yield f"          to use it: {' && '.join(commands)}"


def toy_warning(settings: "Settings") -> str | None:
    """Return one line on the built-in model, and how to use another; None where another is set."""
    return TOY if settings.model == EMBEDDED else None


def _sandbox() -> str:
    """Return what builds the sandbox of the tool `python` here, or why nothing does."""
    from memagent.tools.python import require_sandbox

    try:
        return require_sandbox()
    except SandboxUnavailable as error:
        return str(error)
