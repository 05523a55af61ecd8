"""Problem details (RFC 9457): errors of the library as `application/problem+json`."""

from typing import TYPE_CHECKING, Any

from memagent.errors import (
    ConfigError,
    ContextTooLong,
    ForgottenMeanwhile,
    InvalidInput,
    MemagentError,
    ModelUnavailable,
    NoAnswer,
    StoreBusy,
    StoreError,
)

if TYPE_CHECKING:
    from starlette.responses import Response


class Forbidden(Exception):
    """The credential does not reach so far; answered as 403, and never says what is there."""


MEDIA_TYPE = "application/problem+json"
STATUS: tuple[tuple[type[Exception], int], ...] = (
    (Forbidden, 403),
    (ContextTooLong, 413),
    (InvalidInput, 422),
    (ForgottenMeanwhile, 409),
    (StoreBusy, 503),
    (StoreError, 500),
    (ModelUnavailable, 503),
    (NoAnswer, 502),
    (ConfigError, 500),
    (MemagentError, 500),
)
"""Status of an error, by the first class that it is of."""
TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    412: "Precondition failed",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid input",
    429: "Too many requests",
    500: "Internal error",
    502: "No answer from the model",
    503: "Not available now",
}


def problem(
    status: int, detail: str, headers: dict[str, str] | None = None, *, kind: str | None = None
) -> "Response":
    """Return an error as a response: its status, a title, and one line that says what to mend.

    `kind` is the name of the library's own error, by which a client raises the same.
    """
    from starlette.responses import JSONResponse

    body: dict[str, Any] = {
        "type": "about:blank",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        **({"error": kind} if kind else {}),
    }
    return JSONResponse(body, status, headers, MEDIA_TYPE)


def status_of(error: Exception) -> int:
    """Return the HTTP status of an error that memagent raises on purpose."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)
