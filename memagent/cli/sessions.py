"""Sessions of a user as a numbered list: when each was, how many turns it has, how it began."""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from memagent.cli.options import Home, Json, User, opened
from memagent.cli.output import counted, minute, one_line, terminal_width, wrapped
from memagent.terminal import say

if TYPE_CHECKING:
    from memagent.stores.lifecycle.sessions import SessionSummary

TITLE = 60
"""Columns of a title; a longer one is cut at a terminal."""


def sessions(home: Home = None, user: User = None, as_json: Json = False) -> None:
    """List the sessions of a user: number, start, number of turns, first words, and name."""
    from memagent.stores.lifecycle.sessions import session_summaries

    with opened(home, user) as (memory, scope):
        found = session_summaries(memory.engine.store, scope)
    if as_json:
        say(json.dumps([session.to_dict() for session in found]))
        return
    for line in session_lines(found, terminal_width()):
        say(line)


def session_lines(
    sessions: "Sequence[SessionSummary]", width: int | None, current: str | None = None
) -> Iterator[str]:
    """Yield sessions as lines: number, start, number of turns, and the first words.

    A star marks the `current` session. Without a `width` a session is one line, with its name.
    """
    digits = max((len(str(session.number)) for session in sessions), default=0)
    turns = [counted(session.turns, "turn") for session in sessions]
    longest = max(map(len, turns), default=0)
    for session, count in zip(sessions, turns, strict=True):
        mark = "*" if session.session == current else " "
        head = f"{session.number:{digits}}{mark} {minute(session.started)}  {count:>{longest}}  "
        if width is None:
            yield f"{head}{one_line(session.session)}  {one_line(session.title)}"
        else:
            yield from wrapped(head, first_words(session.title), width)


def first_words(text: str) -> str:
    """Return how a text begins, cut to the width of a title."""
    from rich.text import Text

    title = Text(one_line(text))
    title.truncate(TITLE, overflow="ellipsis")
    return title.plain
