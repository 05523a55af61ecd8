"""`memagent profile`: show, update and edit what is lasting about a user."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memagent.cli.options import (
    AsOf,
    Home,
    Json,
    Limit,
    Model,
    User,
    Why,
    full_id,
    opened,
    settings_of,
    short_ids,
)
from memagent.cli.output import counted, print_tables, progress_bar, terminal_width, wrapped
from memagent.files import write_atomic
from memagent.terminal import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from memagent.memory.memory import Memory
    from memagent.types import ProfileLine, Scope

profile_app = typer.Typer(
    help="Show and edit the lasting facts and preferences that the model is always shown.",
    invoke_without_command=True,
)
LINE = "Id of a line, or its first characters."
LineId = Annotated[str, typer.Argument(metavar="ID", help=LINE, show_default=False)]


@profile_app.callback()
def show(
    context: typer.Context,
    tokens: Annotated[
        int | None,
        typer.Option(
            min=1, help="Tokens of the lines at most; all if not given.", show_default=False
        ),
    ] = None,
    as_of: AsOf = None,
    home: Home = None,
    user: User = None,
    as_json: Json = False,
) -> None:
    """Show and edit the lasting facts and preferences that the model is always shown.

    Without a command it shows the lines, each with its id and the ids of its sources.
    """
    if context.invoked_subcommand is not None:
        return
    with opened(home, user) as (memory, scope):
        lines = memory.profile.lines(scope=scope, tokens=tokens, as_of=as_of)
        if as_json:
            say(json.dumps([asdict(line) for line in lines]))
            return
        for line in profile_lines(memory, scope, lines):
            say(line)
        if not lines:
            say("the profile is empty: `memagent profile update` fills it", err=True)


@profile_app.command()
def update(
    write: Annotated[
        bool,
        typer.Option("--write", help="Let the chat model word the lines, if it passes a check."),
    ] = False,
    limit: Limit = None,
    home: Home = None,
    user: User = None,
    model: Model = None,
    as_json: Json = False,
) -> None:
    """Look through new statements of the user, and add the lasting ones; a cut run goes on."""
    from memagent.models.open_chat import chat_of

    chat = chat_of(settings_of(home=home, user=user, model=model)) if write else None
    with opened(home, user) as (memory, scope), progress_bar("looking through", limit) as bar:
        found = memory.profile.update(
            scope=scope, model=chat, limit=limit, progress=lambda count: bar(completed=count)
        )
    if as_json:
        say(json.dumps(asdict(found)))
        return
    say(f"looked through {counted(found.records)}: {counted(found.lines, 'new line')}")
    if found.why:
        say(f"memagent: {found.why}", err=True)
    elif not found.done:
        say("memagent: there is more to look through", err=True)


@profile_app.command()
def add(
    text: Annotated[str, typer.Argument(help="What is lasting.", show_default=False)],
    why: Why = None,
    home: Home = None,
    user: User = None,
    as_json: Json = False,
) -> None:
    """Add a line; the text is remembered as said by the user, too."""
    with opened(home, user) as (memory, scope):
        line = memory.profile.add(text, scope=scope, who=scope.user, why=why)
    _say_line(line, "added", as_json)


@profile_app.command()
def edit(
    id: LineId,
    text: Annotated[str, typer.Argument(help="The new words.", show_default=False)],
    why: Why = None,
    home: Home = None,
    user: User = None,
    as_json: Json = False,
) -> None:
    """Put a line into other words; `memagent changes undo` takes it back."""
    with opened(home, user) as (memory, scope):
        whole = full_id(memory, scope, id, "line")
        line = memory.profile.edit(whole, text, scope=scope, who=scope.user, why=why)
    _say_line(line, "edited", as_json)


@profile_app.command()
def remove(
    id: LineId, why: Why = None, home: Home = None, user: User = None, as_json: Json = False
) -> None:
    """Remove a line, which does not come back; what it was made from stays remembered."""
    with opened(home, user) as (memory, scope):
        whole = full_id(memory, scope, id, "line")
        change = memory.profile.remove(whole, scope=scope, who=scope.user, why=why)
    say(json.dumps({"change": change.id}) if as_json else f"removed; undo: {change.id}")


@profile_app.command()
def train(
    out: Annotated[Path, typer.Option(help="File of the weights, as JSON.", show_default=False)],
    embedder: Annotated[
        list[str], typer.Option(help="Embedders to train for; can be given several times.")
    ] = ["all-MiniLM-L6-v2", "multilingual"],  # noqa: B006
    as_json: Json = False,
) -> None:
    """Train the classifier that chooses lines, on labelled statements in eight languages."""
    from memagent.evals.report.measures import as_tables
    from memagent.evals.tasks.preferences.statements import trained
    from memagent.memory.memory import Memory

    weights, measures = {}, list[dict[str, Any]]()
    with progress_bar(total=len(embedder)) as bar:
        for name in embedder:
            with Memory.in_memory(embedder=name) as memory:
                found = trained(memory.engine.encoder)
            weights[name] = found.classifier.to_dict()
            measures += [{"embedder": name} | row for row in found.measures]
            bar(advance=1, description=name)
    rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(each)}" for name, each in weights.items())
    write_atomic(out, f"{{\n{rows}\n}}\n")
    if as_json:
        say(json.dumps({"held-out topics": measures}))
        return
    print_tables(as_tables({"held-out topics": measures}))
    say(f"the weights: {out}", err=True)


def profile_lines(
    memory: "Memory", scope: "Scope", lines: "Sequence[ProfileLine]"
) -> "Iterator[str]":
    """Yield lines of a profile: id, text, and the ids of the records they were made from."""
    width, every = terminal_width(), [id for line in lines for id in (line.id, *line.sources)]
    ids = dict(zip(every, every, strict=True)) if width is None else short_ids(memory, scope, every)
    for line in lines:
        marks = "".join(f"{mark} " for mark in _marks(line))
        sources = ", ".join(ids[source] for source in line.sources)
        yield from wrapped(f"{ids[line.id]}  ", f"{marks}{line.text} ({sources})", width)


def _marks(line: "ProfileLine") -> "Iterator[str]":
    if line.pinned:
        yield "[pinned]"
    if line.by != "statements":
        yield f"[{line.by}]"


def _say_line(line: "ProfileLine", done: str, as_json: bool) -> None:
    say(json.dumps(asdict(line)) if as_json else f"{done} as {line.id}")
