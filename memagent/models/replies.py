"""Replies of a chat model: text, whole or in pieces, or JSON that fits a schema."""

import time
from collections.abc import Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from memagent.errors import StructuredOutputError
from memagent.models.errors import translated
from memagent.models.reasoning import (
    ReasoningSplitter,
    joined,
    reasoning_of,
    split_message,
    split_reasoning,
    storable,
)
from memagent.models.vllm import repetition
from memagent.text.repetition import CUT, RepetitionFilter
from memagent.types import Call, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, BaseMessage
    from langchain_core.runnables import Runnable

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """Whole reply: the answer, the reasoning beside it, and the call's usage and timings.

    `reason` says in words why the answer is empty, if it is, and `cut` that the model fell into a
    loop (see `memagent.text.repetition`): the answer, or the reasoning, ends before it.
    """

    answer: str
    reasoning: str
    reason: str
    call: Call
    cut: str = ""


Piece = str | Reply
"""A piece of the answer's text; the last one is the whole reply."""


def reply(
    chat: "BaseChatModel", messages: "Sequence[BaseMessage]", *, stream: bool = False
) -> "Generator[Piece]":
    """Send one request and yield the answer, whole or in pieces, then the reply as a whole.

    What the model only thought is no piece of it (see `memagent.models.reasoning`). Closing the
    iterator closes the connection, so that the server stops generating; so does a model that
    falls into a loop. Of a loop that streams, the pieces hold a few words more than the answer.

    Raises:
        ContextTooLong: the messages do not fit into the model's context.
        ModelUnavailable: the server does not answer, or refuses.
    """
    reader = _Reader()
    with translated():
        if stream:
            source = cast("Generator[AIMessage]", chat.stream(list(messages)))
            with closing(source) as pieces:
                for piece in pieces:
                    if text := reader.take(piece):
                        yield text
                    if reader.loops:
                        break
        else:
            reader.take(repetition.invoke(chat, messages))
    if (rest := reader.end()) and stream:
        yield rest
    whole = reader.reply()
    if not stream and whole.answer:
        yield whole.answer
    yield whole


async def areply(
    chat: "BaseChatModel", messages: "Sequence[BaseMessage]", *, stream: bool = False
) -> "AsyncGenerator[Piece]":
    """Send one request like `reply`; cancelling the reading task closes the connection."""
    reader = _Reader()
    with translated():
        if stream:
            source = cast("AsyncGenerator[AIMessage]", chat.astream(list(messages)))
            async with aclosing(source) as pieces:
                async for piece in pieces:
                    if text := reader.take(piece):
                        yield text
                    if reader.loops:
                        break
        else:
            reader.take(await repetition.ainvoke(chat, messages))
    if (rest := reader.end()) and stream:
        yield rest
    whole = reader.reply()
    if not stream and whole.answer:
        yield whole.answer
    yield whole


class _Reader:
    """Reader of one reply: keeps answer and reasoning apart, ends a loop, and measures the call."""

    def __init__(self) -> None:
        self._timer = CallTimer()
        self._splitter = ReasoningSplitter()
        self._text, self._beside = RepetitionFilter(), RepetitionFilter()
        self._why = _Why()

    @property
    def loops(self) -> bool:
        """True if the model repeats itself, so that nothing more is to be read."""
        return self._text.found or self._beside.found

    def take(self, message: "AIMessage") -> str:
        """Take a message or a piece of one, and return what can be shown of the answer."""
        self._timer.record(message)
        self._why.record(message)
        self._beside.feed(reasoning_of(message))
        return self._splitter.feed(self._text.feed(str(message.text)))

    def end(self) -> str:
        """Return what can still be shown of the answer when the stream is at its end."""
        self._beside.end(ran_out=self._why.ran_out)
        return self._splitter.feed(self._text.end(ran_out=self._why.ran_out))

    def reply(self) -> Reply:
        """Return the whole reply."""
        found = self._text.found
        split = split_reasoning(storable(self._text.kept)) if found else self._splitter.end()
        reasoning = joined([storable(self._beside.kept).strip(), split.reasoning])
        cut, call = CUT if self.loops or self._why.repeated else "", self._timer.call()
        if self.loops and not call.usage.completion_tokens:  # a closed stream does not report them
            usage = replace(call.usage, completion_tokens=self._timer.pieces)
            call = replace(call, usage=usage)
        return Reply(
            answer=split.answer,
            reasoning=reasoning,
            reason=self._why.words(reasoning, cut),
            call=call,
            cut=cut,
        )


class _Why:
    """Reason why an answer is empty, from what a server says beside it."""

    def __init__(self) -> None:
        self._finish = ""
        self._refusal = ""

    def record(self, message: "AIMessage") -> None:
        """Record a message, or a piece of one."""
        self._finish = str(message.response_metadata.get("finish_reason") or self._finish)
        self._refusal += str(message.additional_kwargs.get("refusal") or "")

    @property
    def repeated(self) -> bool:
        """True if the server found that the model repeats itself, as vLLM can."""
        return self._finish == repetition.FINISH

    @property
    def ran_out(self) -> bool:
        """True if the model did not end the reply by itself."""
        return self.repeated or self._finish == "length"

    def words(self, reasoning: str, cut: str = "") -> str:
        """Return the reason in words."""
        if self._refusal:
            return f"it refuses: {storable(self._refusal).strip()}"
        if cut:
            return "it repeated itself" + (" while it reasoned" if reasoning else "")
        if self._finish == "length":
            where = "while it reasoned" if reasoning else "before it wrote anything"
            return f"its tokens ran out {where} (setting max_tokens)"
        if self._finish == "content_filter":
            return "the server's content filter held it back"
        return "it only reasoned" if reasoning else "its reply is empty"


def ran_out(message: "AIMessage") -> bool:
    """Tell whether the model did not end a message by itself."""
    why = _Why()
    why.record(message)
    return why.ran_out


def why_empty(message: "AIMessage", reasoning: str) -> str:
    """Return why a message holds no answer, in words."""
    why = _Why()
    why.record(message)
    return why.words(reasoning)


def structured(chat: "BaseChatModel", messages: "Sequence[BaseMessage]", schema: type[M]) -> M:
    """Return a reply that fits a schema; servers that can constrain their output to the schema.

    Raises:
        StructuredOutputError: the reply was cut off, is not JSON, or does not fit the schema.
        ContextTooLong: the messages do not fit into the model's context.
        ModelUnavailable: the server does not answer, or refuses.
    """
    bound = with_json_schema(chat, schema.__name__, schema.model_json_schema())
    with translated():
        message = bound.invoke(list(messages))
    return parse(message, schema)


def with_json_schema(
    chat: "BaseChatModel", name: str, schema: dict[str, Any]
) -> "Runnable[list[BaseMessage], AIMessage]":
    """Return the chat model, bound to answer with JSON that fits a schema."""
    shape = {"name": name, "schema": schema, "strict": True}
    bound = chat.bind(response_format={"type": "json_schema", "json_schema": shape})
    return cast("Runnable[list[BaseMessage], AIMessage]", bound)


def parse(message: "AIMessage", schema: type[M]) -> M:
    """Parse a message's JSON into a schema's model.

    Raises:
        StructuredOutputError: the message was cut off, is not JSON, or does not fit the schema.
    """
    text = split_message(message).answer
    try:
        return schema.model_validate_json(text)
    except ValidationError as error:
        if message.response_metadata.get("finish_reason") == "length":
            raise StructuredOutputError("truncated", text) from error
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            raise StructuredOutputError("not JSON", text, first["msg"]) from error
        where = ".".join(str(part) for part in first["loc"])
        detail = f"{where}: {first['msg']}" if where else first["msg"]
        raise StructuredOutputError("does not fit", text, detail) from error


class CallTimer:
    """Usage and timings of one call: as `ServerChat` measured them, or else as seen from here."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._first: float | None = None
        self._usage: Any = None
        self._measured: dict[str, Any] = {}
        self.pieces = 0
        """Pieces so far, each a token or more."""

    def record(self, message: "AIMessage") -> None:
        """Record a message, or a piece of one."""
        if message.text:
            self._first = self._first or time.perf_counter()
        self.pieces += 1
        self._usage = message.usage_metadata or self._usage
        self._measured |= message.response_metadata.get("memagent", {})

    def call(self, message: "AIMessage | None" = None) -> Call:
        """Return the usage and timings so far."""
        if message is not None:
            self.record(message)
        now = time.perf_counter()
        counts = self._usage or {}
        details = counts.get("input_token_details", {})
        return Call(
            usage=Usage(
                prompt_tokens=counts.get("input_tokens", 0),
                completion_tokens=counts.get("output_tokens", 0),
                cached_tokens=details.get("cache_read", 0) or 0,
                requests=self._measured.get("requests", 1),
            ),
            seconds=self._measured.get("seconds", now - self._started),
            first=self._measured.get("first", (self._first or now) - self._started),
            waited=self._measured.get("waited", 0.0),
        )
