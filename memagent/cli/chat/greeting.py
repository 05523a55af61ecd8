"""Greeting of the chat: whose memory it is, where it lies, and where the talk had stopped."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from memagent import __version__
from memagent.agent.conversation import Conversation
from memagent.cli.maintenance import toy_warning
from memagent.cli.output import counted, minute, speaker, terminal_width, wrapped
from memagent.cli.sessions import first_words
from memagent.stores.lifecycle.sessions import session_summaries
from memagent.types import Record, Scope
from memagent.urls import masked_url

if TYPE_CHECKING:
    from memagent.config import Settings
    from memagent.memory.memory import Memory

TURNS = 3
"""Past turns that are shown when a session goes on."""
LONGEST = 400
"""Characters of what was said that are shown of each."""


def greeting(settings: "Settings", memory: "Memory") -> Iterator[str]:
    """Yield the lines that a chat at a terminal opens with."""
    width, scope = terminal_width(), Scope(user=settings.user)
    known = counted(memory.count(scope=scope), "memory")
    yield f"memagent {__version__}"
    yield from wrapped("user   ", f"{settings.user}, {known}", width)
    yield from wrapped("store  ", _with_tilde(settings.home), width)
    yield from wrapped("model  ", model_label(settings), width)
    if warning := toy_warning(settings):
        yield from wrapped("", warning, width)
    yield from wrapped("", "/help lists the commands, Ctrl-D leaves.", width)


def _with_tilde(path: Path) -> str:
    """Return a path as a shell takes it, with a tilde for the user's own folder."""
    path = path.absolute()
    home = Path.home()
    return f"~/{path.relative_to(home)}" if home in path.parents else str(path)


def model_label(settings: "Settings") -> str:
    """Return the setting of the chat model, with the model's name where it is set."""
    name = f" ({settings.model_name})" if settings.model_name else ""
    return f"{masked_url(settings.model)}{name}"


def last_turns(conversation: Conversation) -> Iterator[str]:
    """Yield the last turns of a session that goes on: when, who, and what was said."""
    memory, scope = conversation.memory, conversation.scope
    said = memory.list(scope=scope, where={"role": {"in": ["user", "assistant"]}}, limit=4 * TURNS)
    turns = list(_last(reversed([record for record in said if record.kind == "episode"])))
    if not turns:
        return
    found = session_summaries(memory.engine.store, scope)[0]
    title = f"{first_words(found.title)} ({counted(found.turns, 'turn')})"
    yield from wrapped("session  ", title, terminal_width())
    longest = max(len(speaker(record)) for record in turns)
    for record in turns:
        text = record.text if len(record.text) <= LONGEST else f"{record.text[:LONGEST]}…"
        head = f"{minute(record.valid_from)}  {speaker(record):{longest}}  "
        yield from wrapped(head, text, terminal_width())


def _last(records: "Iterator[Record]") -> list[Record]:
    """Return the records of the last turns; a turn begins with what the user says."""
    turns: list[list[Record]] = []
    for record in records:
        if record.role == "user" or not turns:
            turns.append([])
        turns[-1].append(record)
    return [record for turn in turns[-TURNS:] for record in turn]
