"""The chat model behind an OpenAI-style server: bounded, retried, timed, with our errors."""

import asyncio
import atexit
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

METADATA = "memagent"
"""Under this key a message's `response_metadata` holds its `Watch.told`: seconds and requests."""
OVERLOADED = (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError)


class ServerChat(ChatOpenAI):
    """LangChain's OpenAI chat model, for one server of the user's.

    The OpenAI client underneath retries (connection loss, time-out, 408, 409, 429 with its
    Retry-After, 5xx; exponential, with jitter). Added here: a place in the server's queue, the
    timings, and errors of ours. A stream is retried until it has begun, then never. Closing a
    stream, or cancelling the task that waits, closes the connection, and the server stops.
    """

    gate: ConcurrencyLimiter = Field(exclude=True)
    place: str
    """What stands for the server in what is remembered of it: its URL, or "embedded"."""

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        watch = Watch(self.gate)
        with translated(), self.gate.entered(), watch.asking():
            result = super()._generate(messages, stop, run_manager, **kwargs)
            return watch.whole(result)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        watch = Watch(self.gate)
        with translated():
            async with self.gate.aentered():
                with watch.asking():
                    result = await super()._agenerate(messages, stop, run_manager, **kwargs)
                    return watch.whole(result)

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        watch = Watch(self.gate)
        source = cast("Generator[ChatGenerationChunk]", super()._stream(*args, **kwargs))
        with translated(), self.gate.entered(), closing(source) as chunks:
            while True:
                with watch.asking():
                    chunk = next(chunks, None)
                if chunk is None:
                    break
                yield watch.piece(chunk)
            yield watch.end()

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        watch = Watch(self.gate)
        source = cast("AsyncGenerator[ChatGenerationChunk]", super()._astream(*args, **kwargs))
        with translated():
            async with self.gate.aentered(), aclosing(source) as chunks:
                while True:
                    with watch.asking():
                        chunk = await anext(chunks, None)
                    if chunk is None:
                        break
                    yield watch.piece(chunk)
                yield watch.end()


class Watch:
    """What is measured of one call, from the moment it wants a place in the queue."""

    def __init__(self, gate: ConcurrencyLimiter) -> None:
        self.gate = gate
        self.requests = 0
        self.answered = False
        self._wanted = time.perf_counter()
        self._sent: float | None = None
        self._first: float | None = None
        self._finished = False
        self._tokens = 0

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Watch what the client does in here: its requests, and how they fail."""
        token = _watch.set(self)
        if self._sent is None:
            self._sent = time.perf_counter()
        try:
            yield
        except OVERLOADED:
            self.gate.refused()
            raise
        except (ValueError, LookupError, TypeError) as error:
            if not self.answered:
                raise
            raise not_an_answer(error) from error
        finally:
            _watch.reset(token)

    def whole(self, result: ChatResult) -> ChatResult:
        """Note an answer that came in one piece."""
        message = result.generations[0].message
        self._note(message)
        self.gate.answered(self._tokens)
        message.response_metadata[METADATA] = self.told()
        return result

    def piece(self, chunk: ChatGenerationChunk) -> ChatGenerationChunk:
        """Note a piece of an answer."""
        self._finished |= bool((chunk.generation_info or {}).get("finish_reason"))
        message = chunk.message
        if message.text or getattr(message, "tool_call_chunks", None):
            self._first = self._first or time.perf_counter()
        self._note(message)
        return chunk

    def end(self) -> ChatGenerationChunk:
        """Return the last piece, which says how long it took.

        Raises:
            ModelUnavailable: the pieces ended before the answer did.
        """
        if not self._finished:
            raise ModelUnavailable("the model's server broke off in the middle of its answer")
        self.gate.answered(self._tokens)
        metadata = {METADATA: self.told()}
        return ChatGenerationChunk(message=AIMessageChunk(content="", response_metadata=metadata))

    def told(self) -> dict[str, float]:
        """Return how long it took, in seconds, and how many requests."""
        now = time.perf_counter()
        return {
            "seconds": now - self._wanted,
            "first": (self._first or now) - self._wanted,
            "waited": (self._sent or now) - self._wanted,
            "requests": self.requests,
        }

    def _note(self, message: BaseMessage) -> None:
        if isinstance(message, AIMessage) and message.usage_metadata:
            self._tokens = message.usage_metadata["total_tokens"]


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


def _sending(_: object) -> None:
    """Count a request; one that is sent again says that the server refused or failed."""
    if (watch := _watch.get()) is not None:
        watch.requests += 1
        if watch.requests > 1:
            watch.gate.refused()


def _answering(_: object) -> None:
    if (watch := _watch.get()) is not None:
        watch.answered = True


async def _asending(request: object) -> None:
    _sending(request)


async def _aanswering(response: object) -> None:
    _answering(response)


@cache
def http_client() -> Any:
    """Return the HTTP client that all chat models of this process share."""
    hooks: dict[str, Any] = {"request": [_sending], "response": [_answering]}
    client = openai.DefaultHttpxClient(event_hooks=hooks)
    atexit.register(client.close)
    return client


@cache
def http_async_client() -> Any:
    """Return the same for asyncio; it keeps the connections of each event loop apart."""
    return _LoopClient()


async def close_connections() -> None:
    """Close the connections that this event loop has left open."""
    await http_async_client().close_here()


class _LoopClient(openai.DefaultAsyncHttpxClient):
    """An HTTP client for more event loops than one: a connection is of use in its own only."""

    def __init__(self) -> None:
        super().__init__()
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()

    async def send(self, *args: Any, **kwargs: Any) -> Any:
        """Send by the running loop's own client."""
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            hooks: dict[str, Any] = {"request": [_asending], "response": [_aanswering]}
            self._clients[loop] = openai.DefaultAsyncHttpxClient(event_hooks=hooks)
        return await self._clients[loop].send(*args, **kwargs)

    async def close_here(self) -> None:
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()
