"""Command `memagent chat`: opens the memory and the model, and greets."""

import sys
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer

from memagent.cli.chat.terminal_state import ended_by_signals
from memagent.cli.chat.waiting import Waiting
from memagent.cli.options import Home, Model, User, memory_of, settings_of
from memagent.errors import UserError
from memagent.terminal import say
from memagent.types import Scope

if TYPE_CHECKING:
    from memagent.agent.agent import Agent
    from memagent.config import Settings
    from memagent.memory.memory import Memory


def chat(
    home: Home = None,
    user: User = None,
    session: Annotated[
        str | None,
        typer.Option(help="Session to talk in; a new one if not given.", show_default=False),
    ] = None,
    resume: Annotated[bool, typer.Option("--continue", help="Continue the last session.")] = False,
    model: Model = None,
) -> None:
    """Chat with a model that remembers; /help lists commands, Ctrl-D leaves."""
    waiting = Waiting()
    waiting.show("starting")
    try:
        _chat(home, user, session, resume, model, waiting)
    finally:
        waiting.pause()


def _chat(
    home: Path | None,
    user: str | None,
    session: str | None,
    resume: bool,
    model: str | None,
    waiting: Waiting,
) -> None:
    from memagent.agent.conversation import Conversation
    from memagent.cli.chat.greeting import greeting, last_turns
    from memagent.cli.chat.loop import NOT_OPEN, converse, status
    from memagent.cli.chat.profile import update_at_end
    from memagent.cli.chat.prompt import at_terminal, lines
    from memagent.stores.lifecycle.input_history import InputHistory

    settings = settings_of(home=home, user=user, model=model)
    with ExitStack() as stack:
        memory = memory_of(settings, stack)
        scope = Scope(user=settings.user, session=session)
        if resume and session is None:
            scope = _last_session(memory, scope)
        agent = agent_of(settings, memory)
        # Both models load while the first line is typed; who is faster waits for them once.
        failed: list[str] = []
        loading = Thread(target=_load, args=(agent, memory, scope, failed))
        loading.start()
        stack.callback(loading.join)
        conversation = Conversation(agent, scope, corrections=settings.corrections)
        waiting.pause()
        if at_terminal():
            for line in (*greeting(settings, memory), *last_turns(conversation)):
                say(line)
            if resume and not conversation.turns:
                say("There is no session to continue: this is a new one.")
        if not sys.stdin.isatty():
            agent.open()  # a script fails at once if the model cannot be opened

        def toolbar() -> str:
            name = conversation.agent.model_name
            return status(conversation.last, failed[0] if failed and name == NOT_OPEN else name)

        typed = None
        if settings.input_history:
            typed = InputHistory(settings.home, settings.user, memory.engine.redactor)
        stack.enter_context(ended_by_signals(lambda: conversation.saving))
        converse(conversation, lambda: lines(toolbar, typed))
        if settings.profile:
            update_at_end(memory, scope.across_sessions())


def agent_of(settings: "Settings", memory: "Memory") -> "Agent":
    """Return the agent that the settings name."""
    from memagent.agent.agent import Agent
    from memagent.models.open_chat import chat_of

    return Agent(
        memory=memory,
        model=lambda: chat_of(settings),
        k=settings.recall_k,
        profile=settings.profile_tokens if settings.profile else 0,
    )


def _last_session(memory: "Memory", scope: Scope) -> Scope:
    """Return the scope of the session that was talked in last, or the same if there is none."""
    from memagent.stores.lifecycle.sessions import session_summaries

    talks = [session for session in session_summaries(memory.engine.store, scope) if session.turns]
    if not talks:
        return scope
    return replace(scope, session=max(talks, key=lambda session: session.last).session)


def _load(agent: "Agent", memory: "Memory", scope: Scope, failed: list[str]) -> None:
    """Load both models, and put the reason why the chat model cannot be opened into `failed`."""
    with suppress(UserError):  # the first question meets it again, and says so
        memory.maintenance.warm(scope=scope)
    try:
        agent.open()
    except UserError as error:
        failed.append(str(error))
