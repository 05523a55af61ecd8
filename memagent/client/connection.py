"""Connection to a server: sends calls, retries what may be sent again, and raises its errors."""

import asyncio
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
from pydantic_core import to_json

from memagent import errors
from memagent.client.calls import Call
from memagent.errors import InvalidInput, MemagentError, UserError
from memagent.models.http import client_options
from memagent.types import Scope, ScopeLike
from memagent.urls import ServerAddress, masked_url

T = TypeVar("T")

RETRIES = 3
PAUSE_SECONDS = 0.2
"""Seconds before the first retry; each further one waits twice as long."""
TEMPORARY = (429, 502, 503, 504)
MAX_PAUSE = 10.0


class ServerUnavailable(UserError):
    """The server of the memory does not answer, or not yet."""


class NotAllowed(UserError):
    """The key is missing or wrong, or does not reach so far."""


class Connection:
    """Connection to one server, for threads and for event loops.

    A call that is sent again after a lost connection changes nothing twice: it carries the same
    idempotency key.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None,
        scope: ScopeLike | None,
        timeout: float,
        transport: Any = None,
    ) -> None:
        self.address = ServerAddress.of(url.removesuffix("/").removesuffix("/v1"))
        self.scope = None if scope is None else Scope.of(scope)
        self._options: dict[str, Any] = {
            **client_options(self.address),
            "base_url": f"{self.address.url}/v1/",
            "timeout": timeout,
        }
        if key:
            self._options["headers"] = {"Authorization": f"Bearer {key}"}
        if transport is not None:
            self._options["transport"] = transport
        self._sync: httpx.Client | None = None
        self._async: httpx.AsyncClient | None = None

    @property
    def sync(self) -> httpx.Client:
        """HTTP client for threads."""
        self._sync = self._sync or httpx.Client(**self._options)
        return self._sync

    @property
    def awaited(self) -> httpx.AsyncClient:
        """HTTP client for an event loop."""
        self._async = self._async or httpx.AsyncClient(**self._options)
        return self._async

    def send(self, call: Call[T]) -> T:
        """Send a call, and return its value.

        Raises:
            NotAllowed: the key is refused.
            ServerUnavailable: the server does not answer.
            MemagentError: the error of the library that the server names.
        """
        request = self._request(call)
        for pause in [*pauses(), None]:
            with self._translated():
                try:
                    reply = self.sync.request(**request)
                except httpx.TransportError:
                    if pause is None:
                        raise
                    time.sleep(pause)
                    continue
            if reply.status_code in TEMPORARY and pause is not None:
                time.sleep(pause_of(reply, pause))
                continue
            return call.parse(checked(reply).content)
        raise AssertionError("the last try returns or raises")

    async def asend(self, call: Call[T]) -> T:
        """Send a call from an event loop, and return its value; raises as `send`."""
        request = self._request(call)
        for pause in [*pauses(), None]:
            with self._translated():
                try:
                    reply = await self.awaited.request(**request)
                except httpx.TransportError:
                    if pause is None:
                        raise
                    await asyncio.sleep(pause)
                    continue
            if reply.status_code in TEMPORARY and pause is not None:
                await asyncio.sleep(pause_of(reply, pause))
                continue
            return call.parse(checked(reply).content)
        raise AssertionError("the last try returns or raises")

    def _request(self, call: Call[T]) -> dict[str, Any]:
        headers = {} if call.once else {"Idempotency-Key": uuid.uuid4().hex}
        request: dict[str, Any] = {"method": call.method, "url": call.path, "headers": headers}
        request["params"] = call.query(self.scope)
        if call.body is not None:
            try:
                request["content"] = to_json(call.body)
            except ValueError as error:  # half of a character, or what no JSON holds
                raise InvalidInput(f"this cannot be sent: {error}") from error
            headers["Content-Type"] = "application/json"
        return request

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPError as error:
            reason = masked_url(str(error)) or type(error).__name__
            url = self.address.url
            raise ServerUnavailable(f"no memagent server answers at {url}: {reason}") from error

    def close(self) -> None:
        """Close the connections of threads."""
        if self._sync is not None:
            self._sync.close()

    async def aclose(self) -> None:
        """Close the connections of the event loop."""
        if self._async is not None:
            await self._async.aclose()


def pauses() -> list[float]:
    """Return the seconds to wait before each retry."""
    return [PAUSE_SECONDS * 2**number for number in range(RETRIES)]


def pause_of(reply: httpx.Response, pause: float) -> float:
    """Return how long to wait as the server says, if it does."""
    told = reply.headers.get("retry-after", "")
    return min(float(told), MAX_PAUSE) if told.isdigit() else pause


def checked(reply: httpx.Response) -> httpx.Response:
    """Return a reply that is none of an error.

    Raises:
        MemagentError: the error that the server names, or by its status.
    """
    if reply.is_success:
        return reply
    try:
        problem = json.loads(reply.content)
        detail, name = str(problem["detail"]), problem.get("error")
    except (ValueError, LookupError, TypeError, AttributeError):
        detail, name = f"the server answers {reply.status_code}", None
    raise error_of(reply.status_code, detail, name)


def error_of(status: int, detail: str, name: str | None) -> MemagentError:
    """Return the error that a server's problem stands for."""
    if status in (401, 403):
        return NotAllowed(detail)
    kind = getattr(errors, name, None) if isinstance(name, str) else None
    if isinstance(kind, type) and issubclass(kind, UserError):
        return kind(detail)
    if status in TEMPORARY or status >= 500:
        return ServerUnavailable(detail)
    return InvalidInput(detail)
