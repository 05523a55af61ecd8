"""Retries of a question that a model server did not answer."""

import logging
import sys
import threading
from collections.abc import Callable
from typing import Literal, TypeVar

from memagent.errors import ConfigError, ModelUnavailable, RunError, StoreError, UserError

logger = logging.getLogger(__name__)
R = TypeVar("R")
Failure = Literal["gone", "failed", "refused"]
"""The server is not there, it failed at the question, or it will not answer it."""
DELAYS = (1.0, 2.0, 4.0, 8.0, *[15.0] * 20)
"""Seconds before each further attempt while the server is gone: five minutes in all, in which a
server that was restarted has loaded its model again."""
MAX_ATTEMPTS = 3
"""Greatest number of attempts at a question that the server fails at while it is there."""
UNAVAILABLE = (429, 502, 503, 504)
"""HTTP statuses of a server that is too busy, of one that shuts down, and of a proxy before it."""


class ServerGone(RunError):
    """The model server did not come back in time."""


class NotAnswered(Exception):
    """The server has no answer to this one question; it may have one to others."""


def with_retries(ask: Callable[[], R], stop: threading.Event) -> R:
    """Call `ask` until it answers, with delays while the server is gone; `stop` ends the waiting.

    Raises:
        ServerGone: the server stayed away.
        NotAnswered: the server refuses the question, or fails at it again and again.
    """
    for attempt, delay in enumerate((*DELAYS, None), start=1):
        try:
            return ask()
        except UserError as error:
            if isinstance(error, StoreError | ConfigError):
                raise
            failure = failure_of(error)
            if failure == "refused" or (failure == "failed" and attempt >= MAX_ATTEMPTS):
                logger.warning("a question got no answer (%s) after attempt %d", failure, attempt)
                raise NotAnswered(f"{type(error).__name__}: {error}") from error
            logger.info("model server: %s at attempt %d, next in %s s", failure, attempt, delay)
            if delay is None or stop.wait(delay):
                raise ServerGone(str(error)) from error
    raise AssertionError("the last delay is None")


def failure_of(error: UserError) -> Failure:
    """Classify an error of a model call by the error of the OpenAI client beneath it."""
    openai, cause = sys.modules.get("openai"), error.__cause__
    if openai is None or not isinstance(error, ModelUnavailable):
        return "refused"
    if isinstance(cause, openai.APIConnectionError):
        return "gone"
    if not isinstance(cause, openai.APIStatusError):
        return "refused"
    if cause.status_code in UNAVAILABLE:
        return "gone"
    return "failed" if cause.status_code >= 500 else "refused"
