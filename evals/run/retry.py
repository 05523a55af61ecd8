"""What a failed question tells of the model's server, and how long to wait for one that is gone."""

import sys
import threading
from collections.abc import Callable
from typing import Literal, TypeVar

from memagent.errors import ConfigError, ModelUnavailable, RunError, StoreError, UserError

R = TypeVar("R")
Trouble = Literal["gone", "failed", "refused"]
"""The server is not there, it failed at the question, or it will not answer it."""
PAUSES = (1.0, 2.0, 4.0, 8.0, *[15.0] * 20)
"""How long a question waits, in seconds, each time that the server is gone: five minutes in all,
in which a server that was restarted has loaded its model again."""
TRIES = 3
"""How often a question is asked that the server fails at while it is there."""
AWAY = (429, 502, 503, 504)
"""The statuses of a server that is too busy, of one that shuts down, and of a proxy before it."""


class ServerGone(RunError):
    """The server was waited for, and did not come back."""


class NotAnswered(Exception):
    """This one question has no answer; others may have."""


def patiently(ask: Callable[[], R], stop: threading.Event) -> R:
    """Return what `ask` returns, asked again while the server is gone; `stop` ends the waiting.

    Raises:
        ServerGone: it stayed away.
        NotAnswered: the server refuses the question, or fails at it again and again.
    """
    for tries, pause in enumerate((*PAUSES, None), start=1):
        try:
            return ask()
        except UserError as error:
            if isinstance(error, StoreError | ConfigError):
                raise
            kind = trouble(error)
            if kind == "refused" or (kind == "failed" and tries >= TRIES):
                raise NotAnswered(f"{type(error).__name__}: {error}") from error
            if pause is None or stop.wait(pause):
                raise ServerGone(str(error)) from error
    raise AssertionError("the last pause is None")


def trouble(error: UserError) -> Trouble:
    """Return what an error tells of the server, by what the OpenAI client raised beneath it."""
    openai, cause = sys.modules.get("openai"), error.__cause__
    if openai is None or not isinstance(error, ModelUnavailable):
        return "refused"
    if isinstance(cause, openai.APIConnectionError):
        return "gone"
    if not isinstance(cause, openai.APIStatusError):
        return "refused"
    if cause.status_code in AWAY:
        return "gone"
    return "failed" if cause.status_code >= 500 else "refused"
