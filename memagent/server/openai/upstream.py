"""Upstream: the model's own server, asked by plain HTTP and passed on byte for byte."""

import logging
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
from anyio import to_thread

from memagent.errors import ConfigError, ModelUnavailable
from memagent.models import http
from memagent.models.server_chat import ServerChat
from memagent.server.openai.responses import LACKING
from memagent.server.services import Services
from memagent.urls import masked_url

logger = logging.getLogger(__name__)

PASSED = ("content-type", "accept", "openai-beta", "user-agent")
"""Headers of a request that the model's server gets; the key of ours is not among them."""
HOPS = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}
)
"""Headers of a reply that are of one connection only."""
KEPT, KEPT_SECONDS = 100, 2.0
"""Idle connections, and the seconds they are kept: fewer than a server keeps them."""


class Upstream:
    """Model's server of the settings; opened at the first request."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._client: httpx.AsyncClient | None = None
        self._chat: ServerChat | None = None
        self.lacks_responses = False
        """True once the server is known to have no `/v1/responses`."""

    async def open(self) -> ServerChat:
        """Return the model, opened now if need be.

        Raises:
            ModelUnavailable: it cannot be reached.
            ConfigError: it is no server's.
        """
        if self._chat is None:
            chat = await to_thread.run_sync(self._services.agent.open)
            if not isinstance(chat, ServerChat):
                raise ConfigError("this model has no server to pass requests on to")
            limits = httpx.Limits(
                max_connections=None, max_keepalive_connections=KEPT, keepalive_expiry=KEPT_SECONDS
            )
            settings = self._services.settings
            timeout = httpx.Timeout(settings.timeout, connect=settings.connect_timeout, pool=None)
            options = http.client_options(chat.address)
            self._client = httpx.AsyncClient(limits=limits, timeout=timeout, **options)
            self._chat = chat
        return self._chat

    @asynccontextmanager
    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> AsyncIterator[httpx.Response]:
        """Send a request on, and give the reply while it comes.

        Raises:
            ModelUnavailable: the server cannot be reached, or goes away.
        """
        chat = await self.open()
        assert self._client is not None
        key: Any = chat.openai_api_key
        sent = {name: headers[name] for name in PASSED if name in headers}
        sent["accept-encoding"] = "identity"  # so that bytes pass as they come
        if chat.address.auth is None:
            sent["authorization"] = f"Bearer {key.get_secret_value()}"
        url = f"{chat.address.url}/{path}"
        with _reached():
            async with self._client.stream(method, url, headers=sent, content=body) as reply:
                yield reply

    async def refuses_responses(self, reply: httpx.Response) -> bool:
        """Tell whether a reply says that there is no `/v1/responses`, and keep that in mind.

        A model that is not there is refused by the same status, but named.
        """
        if reply.status_code not in LACKING:
            return False
        await whole(reply)
        self.lacks_responses = "model" not in reply.text.lower()
        return self.lacks_responses

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()


async def whole(reply: httpx.Response) -> bytes:
    """Return the whole body of a reply.

    Raises:
        ModelUnavailable: the server breaks off.
    """
    with _reached():
        return await reply.aread()


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        reason = masked_url(str(error)) or type(error).__name__
        raise ModelUnavailable(f"the model's server: {reason}") from error


def passed_on(reply: httpx.Response) -> dict[str, str]:
    """Return the headers of a reply that a client gets."""
    return {name: value for name, value in reply.headers.items() if name.lower() not in HOPS}


class Stopwatch:
    """Seconds since it was made, and until the first byte."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self.first: float | None = None

    def mark(self) -> None:
        """Note the first byte."""
        if self.first is None:
            self.first = self.seconds

    @property
    def seconds(self) -> float:
        """Seconds until now."""
        return time.perf_counter() - self._started
