"""Retry policy for model servers: how requests are repeated, and what a failure says."""

import sys
from typing import Any, Literal

from memagent.config import MAX_SECONDS
from memagent.errors import InvalidInput, ModelUnavailable, UserError

CHAT_RETRIES = 4
EMBEDDING_RETRIES = 5
CONNECT_SECONDS = 5.0
"""Seconds within which a server has to be reached."""
UNAVAILABLE = (429, 502, 503, 504)
"""The statuses of a server that is busy or shutting down, and of a proxy in front of one."""

Failure = Literal["gone", "failed", "refused"]
"""The server is not there, it failed at the request, or it will not answer it."""


def client_options(
    retries: int, timeout: float, connect_timeout: float = CONNECT_SECONDS
) -> dict[str, Any]:
    """Return the retry and timeout options of an OpenAI client; times are in seconds.

    The client repeats a request up to `retries` times after a lost connection, a timeout, 408, 409,
    429 or 5xx. It waits for Retry-After (up to two minutes; where a server wants more, it gives
    up), else 0.5 s at first and up to 8 s, with jitter.

    Raises:
        InvalidInput: a time is not above 0, or endless.
    """
    from openai import Timeout

    for name, seconds in (("timeout", timeout), ("connect_timeout", connect_timeout)):
        if not 0 < seconds <= MAX_SECONDS:
            raise InvalidInput(f"{name}: expected seconds, more than 0, not {seconds!r}")
    return {"max_retries": retries, "timeout": Timeout(timeout, connect=connect_timeout)}


def failure_of(error: UserError) -> Failure:
    """Classify a failed request by the OpenAI client's error that caused it."""
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
