"""Chat model of an OpenAI-style server, with a concurrency limit, retries and timings."""

import asyncio
import atexit
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import aclosing, closing, contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, cast
from weakref import WeakKeyDictionary

import openai
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_openai import ChatOpenAI
from pydantic import Field

from memagent.errors import ModelUnavailable
from memagent.models.concurrency import ConcurrencyLimiter
from memagent.models.errors import not_an_answer, translated
from memagent.process import abandon, at_fork

logger = logging.getLogger(__name__)

METADATA = "memagent"
"""The key of `RequestMonitor.timings` in a message's `response_metadata`."""
OVERLOAD_ERRORS = (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError)


class ServerChat(ChatOpenAI):
    """LangChain's OpenAI chat model for one server, with our limiter, timings and errors.

    The OpenAI client underneath retries (see `memagent.models.retry`). A stream is retried until it
    has begun, then never. Closing a stream, or cancelling the task that waits, closes the
    connection, so that the server stops generating.
    """

    limiter: ConcurrencyLimiter = Field(exclude=True)
    server_id: str
    """Identifies the server in what is stored about it: its URL, or "embedded"."""

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        monitor = RequestMonitor(self.limiter)
        with translated(), self.limiter.slot(), monitor.request():
            result = super()._generate(messages, stop, run_manager, **kwargs)
            return monitor.whole(result)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        monitor = RequestMonitor(self.limiter)
        with translated():
            async with self.limiter.aslot():
                with monitor.request():
                    result = await super()._agenerate(messages, stop, run_manager, **kwargs)
                    return monitor.whole(result)

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        monitor = RequestMonitor(self.limiter)
        source = cast("Generator[ChatGenerationChunk]", super()._stream(*args, **kwargs))
        with translated(), self.limiter.slot(), closing(source) as chunks:
            while True:
                with monitor.request():
                    chunk = next(chunks, None)
                if chunk is None:
                    break
                yield monitor.chunk(chunk)
            yield monitor.end()

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        monitor = RequestMonitor(self.limiter)
        source = cast("AsyncGenerator[ChatGenerationChunk]", super()._astream(*args, **kwargs))
        with translated():
            async with self.limiter.aslot(), aclosing(source) as chunks:
                while True:
                    with monitor.request():
                        chunk = await anext(chunks, None)
                    if chunk is None:
                        break
                    yield monitor.chunk(chunk)
                yield monitor.end()


class RequestMonitor:
    """Measurements of one call, from the moment it asks the limiter for a slot."""

    def __init__(self, limiter: ConcurrencyLimiter) -> None:
        self.limiter = limiter
        self.requests = 0
        self.response_came = False
        self._queued = time.perf_counter()
        self._sent: float | None = None
        self._first: float | None = None
        self._finished = False
        self._tokens = 0

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count the requests that the client sends in this block, and note how they fail."""
        token = _monitor.set(self)
        if self._sent is None:
            self._sent = time.perf_counter()
        try:
            yield
        except OVERLOAD_ERRORS:
            self.limiter.overloaded()
            raise
        except (ValueError, LookupError, TypeError) as error:
            if not self.response_came:
                raise
            raise not_an_answer(error) from error
        finally:
            _monitor.reset(token)

    def whole(self, result: ChatResult) -> ChatResult:
        """Record an answer that came in one piece."""
        message = result.generations[0].message
        self._count(message)
        self.limiter.succeeded(self._tokens)
        message.response_metadata[METADATA] = self.timings()
        return result

    def chunk(self, chunk: ChatGenerationChunk) -> ChatGenerationChunk:
        """Record a chunk of a streamed answer."""
        self._finished |= bool((chunk.generation_info or {}).get("finish_reason"))
        message = chunk.message
        if message.text or getattr(message, "tool_call_chunks", None):
            self._first = self._first or time.perf_counter()
        self._count(message)
        return chunk

    def end(self) -> ChatGenerationChunk:
        """Return a last chunk that carries the timings.

        Raises:
            ModelUnavailable: the stream ended before the answer did.
        """
        if not self._finished:
            raise ModelUnavailable("the model's server broke off in the middle of its answer")
        self.limiter.succeeded(self._tokens)
        metadata = {METADATA: self.timings()}
        return ChatGenerationChunk(message=AIMessageChunk(content="", response_metadata=metadata))

    def timings(self) -> dict[str, float]:
        """Return the seconds in all, to the first token and in the queue, and the requests."""
        now = time.perf_counter()
        return {
            "seconds": now - self._queued,
            "first": (self._first or now) - self._queued,
            "waited": (self._sent or now) - self._queued,
            "requests": self.requests,
        }

    def _count(self, message: BaseMessage) -> None:
        if isinstance(message, AIMessage) and message.usage_metadata:
            self._tokens = message.usage_metadata["total_tokens"]


_monitor: ContextVar[RequestMonitor | None] = ContextVar("monitor", default=None)


def _on_request(_: object) -> None:
    """Count a request; one that is sent again shows that the server refused or failed."""
    if (monitor := _monitor.get()) is not None:
        monitor.requests += 1
        if monitor.requests > 1:
            logger.info("sending a request to the model server again (%d)", monitor.requests)
            monitor.limiter.overloaded()


def _on_response(_: object) -> None:
    if (monitor := _monitor.get()) is not None:
        monitor.response_came = True


async def _aon_request(request: object) -> None:
    _on_request(request)


async def _aon_response(response: object) -> None:
    _on_response(response)


@cache
def http_client() -> Any:
    """Return the HTTP client that all chat models of this process share."""
    client = _ProcessClient()
    atexit.register(client.close)
    return client


@cache
def http_async_client() -> Any:
    """Return the shared asyncio client; each event loop gets its own connections."""
    return _LoopClient()


async def close_connections() -> None:
    """Close the connections of the running event loop."""
    await http_async_client().close_here()


class _ProcessClient(openai.DefaultHttpxClient):
    """HTTP client that opens connections of its own in a forked child."""

    def __init__(self) -> None:
        super().__init__()
        self._client: Any = None
        at_fork(after_in_child=self._begin_anew)

    def send(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request with this process's client."""
        if self._client is None:
            hooks: dict[str, Any] = {"request": [_on_request], "response": [_on_response]}
            self._client = openai.DefaultHttpxClient(event_hooks=hooks)
        return self._client.send(*args, **kwargs)

    def close(self) -> None:
        """Close the connections of this process."""
        super().close()
        if self._client is not None:
            self._client.close()

    def _begin_anew(self) -> None:
        abandon(self._client)
        self._client = None


class _LoopClient(openai.DefaultAsyncHttpxClient):
    """HTTP client for several event loops; a connection works only in the loop that opened it."""

    def __init__(self) -> None:
        super().__init__()
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()
        at_fork(after_in_child=self._begin_anew)

    async def send(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request with the running loop's client."""
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            hooks: dict[str, Any] = {"request": [_aon_request], "response": [_aon_response]}
            self._clients[loop] = openai.DefaultAsyncHttpxClient(event_hooks=hooks)
        return await self._clients[loop].send(*args, **kwargs)

    async def close_here(self) -> None:
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    def _begin_anew(self) -> None:
        abandon(self._clients)
        self._clients = WeakKeyDictionary()
