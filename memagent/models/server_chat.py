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

from memagent.errors import MemagentError, ModelUnavailable
from memagent.models import http, wire
from memagent.models.concurrency import ConcurrencyLimiter
from memagent.models.errors import not_an_answer, reported, translated
from memagent.models.reasoning import storable
from memagent.process import abandon, at_fork, lock
from memagent.urls import ServerAddress

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
    address: ServerAddress = Field(exclude=True, repr=False)
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
            if monitor.sent_nothing:  # a server that does not stream
                with monitor.request():
                    result = super()._generate(*args, **kwargs)
                yield monitor.chunk(_as_chunk(result))
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
                if monitor.sent_nothing:
                    with monitor.request():
                        result = await super()._agenerate(*args, **kwargs)
                    yield monitor.chunk(_as_chunk(result))
                yield monitor.end()

    def _create_chat_result(
        self, response: Any, generation_info: dict[str, Any] | None = None
    ) -> ChatResult:
        plain = isinstance(response, dict | str | type(None))
        body = wire.completion(response if plain else response.model_dump(warnings=False))
        result = super()._create_chat_result(body, generation_info)
        said = body["choices"][0]["message"]
        message = result.generations[0].message
        message.additional_kwargs["refusal"] = said["refusal"]
        _keep_reasoning(message, said["reasoning_content"])
        return result

    def _convert_chunk_to_generation_chunk(
        self, chunk: dict[str, Any], *args: Any, **kwargs: Any
    ) -> ChatGenerationChunk | None:
        monitor = _monitor.get()
        data = wire.chunk(chunk)
        if monitor is not None and data["choices"]:
            monitor.join_halves(data["choices"][0]["delta"])
        converted = super()._convert_chunk_to_generation_chunk(data, *args, **kwargs)
        if converted is not None and data["choices"]:
            delta = data["choices"][0]["delta"]
            _keep_reasoning(converted.message, delta["reasoning_content"])
            if isinstance(delta.get("refusal"), str):
                converted.message.additional_kwargs["refusal"] = delta["refusal"]
        return converted


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
        self._received = False
        self._halves = {"content": "", "reasoning_content": ""}
        self._tokens = 0
        self.watch = wire.StreamWatch()

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
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            if not self.response_came or isinstance(error, MemagentError):
                raise
            if isinstance(error, wire.StreamedError):
                raise reported(str(error)) from error
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
        self._received = True
        self._finished |= bool((chunk.generation_info or {}).get("finish_reason"))
        message = chunk.message
        if message.text or getattr(message, "tool_call_chunks", None):
            self._first = self._first or time.perf_counter()
        self._count(message)
        return chunk

    @property
    def sent_nothing(self) -> bool:
        """True if the server's answer held no event of a stream, not even its end."""
        return not self._received and not self.watch.done

    def join_halves(self, delta: dict[str, Any]) -> None:
        """Keep the first half of a character at the end of a piece for the piece that follows."""
        for name, half in self._halves.items():
            text = half + delta[name]
            self._halves[name] = ""
            if "\ud800" <= text[-1:] <= "\udbff":
                text, self._halves[name] = text[:-1], text[-1]
            delta[name] = storable(text)

    def end(self) -> ChatGenerationChunk:
        """Return a last chunk that carries the timings.

        Raises:
            ModelUnavailable: the stream ended before the answer did.
        """
        if not self._finished and not self.watch.done:
            raise ModelUnavailable("the model's server broke off in the middle of its answer")
        self.limiter.succeeded(self._tokens)
        metadata = {METADATA: self.timings()}
        left = storable(self._halves["content"])  # its other half never came
        return ChatGenerationChunk(message=AIMessageChunk(content=left, response_metadata=metadata))

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


def _as_chunk(result: ChatResult) -> ChatGenerationChunk:
    """Return a whole answer as the only piece of a stream."""
    generation = result.generations[0]
    message = AIMessageChunk(
        content=generation.message.text,
        additional_kwargs=generation.message.additional_kwargs,
        usage_metadata=getattr(generation.message, "usage_metadata", None),
    )
    return ChatGenerationChunk(message=message, generation_info=generation.generation_info)


def _keep_reasoning(message: BaseMessage, reasoning: str) -> None:
    """Keep reasoning that came in a field of its own where LangChain's models keep it."""
    if reasoning:
        message.additional_kwargs["reasoning_content"] = reasoning


_loop_clients: list["_LoopClient"] = []
_monitor: ContextVar[RequestMonitor | None] = ContextVar("monitor", default=None)


def _on_request(_: object) -> None:
    """Count a request; one that is sent again shows that the server refused or failed."""
    if (monitor := _monitor.get()) is not None:
        monitor.requests += 1
        if monitor.requests > 1:
            logger.info("sending a request to the model server again (%d)", monitor.requests)
            monitor.limiter.overloaded()


def _on_response(response: Any) -> None:
    if not _is_watched(response):
        response.read()
        wire.inspect(response)


async def _aon_request(request: object) -> None:
    _on_request(request)


async def _aon_response(response: Any) -> None:
    if not _is_watched(response):
        await response.aread()
        wire.inspect(response)


def _is_watched(response: Any) -> bool:
    """Watch an answer that is a stream, and tell whether it is one."""
    monitor = _monitor.get()
    if monitor is None:
        return wire.is_stream(response)
    monitor.response_came = True
    if response.status_code != 200 or not wire.is_stream(response):
        return False
    monitor.watch = wire.StreamWatch()
    monitor.watch.attach(response)
    return True


def http_client(address: ServerAddress) -> Any:
    """Return the HTTP client of a server; chat models that need the same one share it."""
    return _http_client(tuple(http.client_options(address).items()))


def http_async_client(address: ServerAddress) -> Any:
    """Return the asyncio client of a server; each event loop gets its own connections."""
    return _http_async_client(tuple(http.client_options(address).items()))


async def close_connections() -> None:
    """Close the connections of the running event loop."""
    for client in _loop_clients:
        await client.close_here()


@cache
def _http_client(options: tuple[tuple[str, Any], ...]) -> Any:
    client = _ProcessClient(dict(options))
    atexit.register(client.close)
    return client


@cache
def _http_async_client(options: tuple[tuple[str, Any], ...]) -> Any:
    _loop_clients.append(_LoopClient(dict(options)))
    return _loop_clients[-1]


class _ProcessClient(openai.DefaultHttpxClient):
    """HTTP client that opens connections of its own in a forked child."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__(**options)
        self._options = options
        self._client: Any = None
        self._opening = lock()
        at_fork(after_in_child=self._begin_anew)

    def send(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request with this process's client."""
        with self._opening:
            if self._client is None:
                hooks: dict[str, Any] = {"request": [_on_request], "response": [_on_response]}
                self._client = openai.DefaultHttpxClient(event_hooks=hooks, **self._options)
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

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__(**options)
        self._options = options
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()
        at_fork(after_in_child=self._begin_anew)

    async def send(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request with the running loop's client."""
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            hooks: dict[str, Any] = {"request": [_aon_request], "response": [_aon_response]}
            self._clients[loop] = openai.DefaultAsyncHttpxClient(event_hooks=hooks, **self._options)
        return await self._clients[loop].send(*args, **kwargs)

    async def close_here(self) -> None:
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    def _begin_anew(self) -> None:
        abandon(self._clients)
        self._clients = WeakKeyDictionary()
