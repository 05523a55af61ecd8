"""The command line: thin callers; results on stdout, everything else on stderr."""

import json
import logging
from collections.abc import Callable
from contextlib import ExitStack
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from memagent import __version__
from memagent.cli import compression, maintenance, models, search, sessions
from memagent.cli import memory as records
from memagent.cli.chat.command import agent_of, chat
from memagent.cli.config import config_app
from memagent.cli.evals.report import data_app
from memagent.cli.evals.retrieval import add_to
from memagent.cli.evals.run import eval_app
from memagent.cli.importing import import_records
from memagent.cli.learning import feedback, rationales
from memagent.cli.learning.ranking import ranking_app
from memagent.cli.options import (
    CHAT,
    EVALUATION,
    LEARNING,
    MEMORY,
    SERVING,
    SETTINGS,
    STORE,
    Home,
    Json,
    Model,
    Session,
    User,
    memory_of,
    settings_of,
)
from memagent.cli.output import answer_object, print_timings
from memagent.cli.profile import profile_app
from memagent.cli.serving.audit import audit
from memagent.cli.serving.hooks import hook_app
from memagent.cli.serving.keys import keys_app
from memagent.cli.serving.mcp import mcp
from memagent.cli.serving.serve import serve
from memagent.errors import UserError
from memagent.terminal import PlainFormatter, guard_streams, say, say_text
from memagent.types import Scope

PANELS = (MEMORY, CHAT, LEARNING, EVALUATION, SERVING, STORE, SETTINGS)


class PanelGroup(TyperGroup):
    """Group of commands whose help shows the panels in the order of `PANELS`."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands, panel by panel."""
        panels = {name: vars(command)["rich_help_panel"] for name, command in self.commands.items()}
        return sorted(super().list_commands(ctx), key=lambda name: PANELS.index(panels[name]))


app = typer.Typer(
    cls=PanelGroup,
    help="A memory for language models: local, inspectable, measured.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line; an error that the user can fix is one line and exit code 1."""
    guard_streams()
    try:
        app()
    except UserError as error:
        say(f"memagent: {error}", err=True)
        raise SystemExit(1) from None


def _version(wanted: bool) -> None:
    if wanted:
        say(f"memagent {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            count=True,
            metavar="",
            show_default=False,
            help="Log to stderr what is done; -vv logs more.",
        ),
    ] = 0,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A memory for language models: local, inspectable, measured."""
    if not verbose:
        return
    logger, handler = logging.getLogger("memagent"), logging.StreamHandler()
    handler.setFormatter(PlainFormatter("%(levelname)s %(name)s: %(message)s"))
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if verbose == 1 else logging.DEBUG)

    @context.call_on_close
    def restore() -> None:
        logger.removeHandler(handler)
        logger.setLevel(before)


def ask(
    question: Annotated[str, typer.Argument(help="A question.", show_default=False)],
    home: Home = None,
    user: User = None,
    session: Session = None,
    model: Model = None,
    as_json: Json = False,
    reasoning: Annotated[
        bool, typer.Option("--reasoning", help="Print to stderr what the model thought.")
    ] = False,
    timings: Annotated[
        bool, typer.Option("--timings", help="Print to stderr where the time went.")
    ] = False,
) -> None:
    """Ask one question; the model answers it from memory."""
    settings = settings_of(home=home, user=user, model=model)
    with ExitStack() as stack:
        memory = memory_of(settings, stack)
        scope = Scope(user=settings.user, session=session)
        agent = agent_of(settings, memory)
        load = memory.maintenance.warm(scope=scope) if timings else 0.0
        answer = agent.ask(question, scope=scope)
    if reasoning and answer.reasoning:
        say_text(answer.reasoning, err=True)
    say_text(json.dumps(answer_object(answer)) if as_json else answer.answer)
    for note in filter(None, (answer.cut, answer.left_out)):
        say(f"memagent: {note}", err=True)
    if timings:
        print_timings(answer, load)


COMMANDS: tuple[tuple[str, str, Callable[..., Any]], ...] = (
    (MEMORY, "add", records.add),
    (MEMORY, "search", search.search),
    (MEMORY, "recall", search.recall),
    (MEMORY, "list", search.list_records),
    (MEMORY, "show", search.show),
    (MEMORY, "history", search.history),
    (MEMORY, "edit", records.edit),
    (MEMORY, "forget", records.forget),
    (MEMORY, "pin", records.pin),
    (MEMORY, "unpin", records.unpin),
    (MEMORY, "archive", records.archive),
    (MEMORY, "restore", records.restore),
    (MEMORY, "users", search.users),
    (MEMORY, "sessions", sessions.sessions),
    (MEMORY, "compress", compression.compress),
    (MEMORY, "gather", compression.gather),
    (MEMORY, "sources", compression.sources),
    (MEMORY, "generate-queries", compression.generate_queries),
    (CHAT, "chat", chat),
    (CHAT, "ask", ask),
    (LEARNING, "feedback", feedback.feedback),
    (LEARNING, "judge", feedback.judge),
    (LEARNING, "separate", feedback.separate),
    (LEARNING, "move-back", feedback.move_back),
    (LEARNING, "learn", rationales.learn),
    (STORE, "retain", maintenance.retain),
    (STORE, "export", maintenance.export),
    (STORE, "import", import_records),
    (STORE, "reembed", maintenance.reembed),
    (STORE, "stats", maintenance.stats),
    (STORE, "verify", maintenance.verify),
    (STORE, "compact", maintenance.compact),
    (SERVING, "serve", serve),
    (SERVING, "serve-model", models.serve_model),
    (SERVING, "mcp", mcp),
    (SERVING, "audit", audit),
    (SETTINGS, "doctor", maintenance.doctor),
)
"""Commands by their group in `--help`, in order."""
GROUPS = (
    (MEMORY, "profile", profile_app),
    (LEARNING, "changes", feedback.changes_app),
    (LEARNING, "rationales", rationales.rationales_app),
    (LEARNING, "ranking", ranking_app),
    (EVALUATION, "eval", eval_app),
    (EVALUATION, "data", data_app),
    (SERVING, "keys", keys_app),
    (SERVING, "model", models.model_app),
    (SERVING, "hook", hook_app),
    (SETTINGS, "config", config_app),
)
"""Groups of commands that have a name of their own."""
add_to(eval_app)
for panel, name, command in COMMANDS:
    app.command(name, rich_help_panel=panel)(command)
for panel, name, group in GROUPS:
    app.add_typer(group, name=name, rich_help_panel=panel)
