"""The command line: thin callers; results on stdout, everything else on stderr."""

import json
import sys
from contextlib import ExitStack, suppress
from dataclasses import replace
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer

from memagent import __version__
from memagent.cli.compression import compress_app
from memagent.cli.config import config_app
from memagent.cli.eval_report import data_app
from memagent.cli.evals import eval_app
from memagent.cli.feedback import feedback_app
from memagent.cli.learning import learn_app, rationales_app
from memagent.cli.maintenance import store_app, upkeep_app
from memagent.cli.memory import memory_app, search_app
from memagent.cli.models import model_app, serve_app
from memagent.cli.output import (
    Home,
    Json,
    Model,
    Session,
    User,
    answer_object,
    memory_of,
    print_timings,
)
from memagent.config import Settings, load_settings
from memagent.errors import UserError
from memagent.types import Scope

if TYPE_CHECKING:
    from memagent.agent.agent import Agent
    from memagent.memory.memory import Memory

app = typer.Typer(
    help="A memory for language models: local, inspectable, measured.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(memory_app)
app.add_typer(search_app)
app.add_typer(upkeep_app)
app.add_typer(feedback_app)
app.add_typer(compress_app)
app.add_typer(learn_app)
app.add_typer(rationales_app, name="rationales")
app.add_typer(store_app)
app.add_typer(serve_app)
app.add_typer(model_app, name="model")
app.add_typer(config_app, name="config")
app.add_typer(eval_app, name="eval")
app.add_typer(data_app, name="data")


def main() -> None:
    """Run the command line; what somebody can mend is one line on stderr and exit code 1."""
    try:
        app()
    except UserError as error:
        print(f"memagent: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _version(wanted: bool) -> None:
    if wanted:
        print(f"memagent {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options of memagent itself."""


@app.command()
def chat(
    home: Home = None,
    user: User = None,
    session: Annotated[
        str | None, typer.Option(help="Talk in this session, a new one if not given.")
    ] = None,
    resume: Annotated[bool, typer.Option("--continue", help="Go on where you left off.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="Only list the sessions.")] = False,
    model: Model = None,
) -> None:
    """Talk; what was said is remembered the next time. /help lists commands, Ctrl-D leaves."""
    from memagent.agent.conversation import Conversation
    from memagent.cli.chat import converse, lines, status

    settings = load_settings(home=home, user=user, model=model)
    with ExitStack() as stack:
        memory = memory_of(settings, stack)
        scope = Scope(user=settings.user, session=session)
        if listed:
            print("\n".join(memory.sessions(scope=scope.across_sessions())))
            return
        if resume and session is None:
            scope = replace(scope, session=_last_session(memory, scope))
        agent = _agent(settings, memory)
        # Both models load while the first line is typed; who is faster waits for them once.
        loading = Thread(target=_load, args=(agent, memory, scope))
        loading.start()
        stack.callback(loading.join)
        if not sys.stdin.isatty():
            agent.open()  # a script is told at once what is wrong
        talk = Conversation(agent, scope)

        def below() -> str:
            return status(talk.last, talk.agent.model_name)

        converse(talk, lambda: lines(below, settings.home / "chat-history"))


def _last_session(memory: "Memory", scope: Scope) -> str | None:
    """Return the session that was talked in last, None without any."""
    told = memory.list(scope=scope, where={"role": "assistant"}, limit=1)
    return told[0].scope.session if told else None


@app.command()
def ask(
    question: str,
    home: Home = None,
    user: User = None,
    session: Session = None,
    model: Model = None,
    as_json: Json = False,
    timings: Annotated[bool, typer.Option("--timings", help="Say where the time went.")] = False,
) -> None:
    """Answer one question from memory."""
    settings = load_settings(home=home, user=user, model=model)
    with ExitStack() as stack:
        memory = memory_of(settings, stack)
        scope = Scope(user=settings.user, session=session)
        agent = _agent(settings, memory)
        load = memory.maintenance.warm(scope=scope) if timings else 0.0
        answer = agent.ask(question, scope=scope)
    print(json.dumps(answer_object(answer)) if as_json else answer.answer)
    if answer.left_out:
        print(f"memagent: {answer.left_out}", file=sys.stderr)
    if timings:
        print_timings(answer, load)


def _load(agent: "Agent", memory: "Memory", scope: Scope) -> None:
    with suppress(UserError):  # the first question meets it again, and says so
        memory.maintenance.warm(scope=scope)
    with suppress(UserError):
        agent.open()


def _agent(settings: Settings, memory: "Memory") -> "Agent":
    from memagent.agent.agent import Agent
    from memagent.models.open_chat import chat_of

    return Agent(memory=memory, model=lambda: chat_of(settings), k=settings.recall_k)
