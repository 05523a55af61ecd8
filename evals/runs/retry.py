"""Retries of a question that a model server did not answer."""

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from memagent.errors import ConfigError, RunError, StoreError, UserError
from memagent.models.retry import failure_of

logger = logging.getLogger(__name__)
R = TypeVar("R")
DELAYS = (1.0, 2.0, 4.0, 8.0, *[15.0] * 20)
"""Seconds before each further attempt while the server is gone: five minutes in all, in which a
server that was restarted has loaded its model again."""
MAX_ATTEMPTS = 3
"""Greatest number of attempts at a question that the server fails at while it is there."""


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
