"""What a model is asked for, and what comes back: text, whole or in pieces, or JSON of a shape."""

import time
from collections.abc import Sequence
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from memagent.errors import StructuredOutputError
from memagent.models.errors import translated
from memagent.types import Call, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, BaseMessage
    from langchain_core.runnables import Runnable

M = TypeVar("M", bound=BaseModel)
Piece = tuple[str, Call | None]
"""A piece of text; the last one is empty and comes with what the call took."""


def reply(
    chat: "BaseChatModel", messages: "Sequence[BaseMessage]", *, stream: bool = False
) -> "Generator[Piece]":
    """Ask once, and yield the text, whole or in pieces as they come, then what the call took.

    Closing the iterator closes the connection, so that the server stops.

    Raises:
        ContextTooLong: the messages do not fit into the model's context.
        ModelUnavailable: the server does not answer, or refuses.
    """
    clock = Clock()
    with translated():
        if not stream:
            message = chat.invoke(list(messages))
            yield str(message.text), None
            yield "", clock.call(message)
            return
        source = cast("Generator[AIMessage]", chat.stream(list(messages)))
        with closing(source) as pieces:
            for piece in pieces:
                clock.see(piece)
                if piece.text:
                    yield str(piece.text), None
    yield "", clock.call()


async def areply(
    chat: "BaseChatModel", messages: "Sequence[BaseMessage]", *, stream: bool = False
) -> "AsyncGenerator[Piece]":
    """Ask like `reply`; cancelling the task that reads closes the connection."""
    clock = Clock()
    with translated():
        if not stream:
            message = await chat.ainvoke(list(messages))
            yield str(message.text), None
            yield "", clock.call(message)
            return
        source = cast("AsyncGenerator[AIMessage]", chat.astream(list(messages)))
        async with aclosing(source) as pieces:
            async for piece in pieces:
                clock.see(piece)
                if piece.text:
                    yield str(piece.text), None
    yield "", clock.call()


def structured(chat: "BaseChatModel", messages: "Sequence[BaseMessage]", schema: type[M]) -> M:
    """Ask for a reply of a given shape, decoded by the server's JSON schema where it can.

    Raises:
        StructuredOutputError: the reply was cut off, is not JSON, or does not fit the schema.
        ContextTooLong: the messages do not fit into the model's context.
        ModelUnavailable: the server does not answer, or refuses.
    """
    shape = shaped(chat, schema.__name__, schema.model_json_schema())
    with translated():
        message = shape.invoke(list(messages))
    return fitted(message, schema)


async def astructured(
    chat: "BaseChatModel", messages: "Sequence[BaseMessage]", schema: type[M]
) -> M:
    """Ask for a reply of a given shape like `structured`."""
    shape = shaped(chat, schema.__name__, schema.model_json_schema())
    with translated():
        message = await shape.ainvoke(list(messages))
    return fitted(message, schema)


def shaped(
    chat: "BaseChatModel", name: str, schema: dict[str, Any]
) -> "Runnable[list[BaseMessage], AIMessage]":
    """Return the chat model, bound to answer with JSON of a schema."""
    shape = {"name": name, "schema": schema, "strict": True}
    bound = chat.bind(response_format={"type": "json_schema", "json_schema": shape})
    return cast("Runnable[list[BaseMessage], AIMessage]", bound)


def fitted(message: "AIMessage", schema: type[M]) -> M:
    """Return what a message holds as JSON of a schema.

    Raises:
        StructuredOutputError: it was cut off, is not JSON, or does not fit the schema.
    """
    text = str(message.text)
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


class Clock:
    """Tells what a call took: as the server chat measured it, or else as seen from here."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._first: float | None = None
        self._usage: Any = None
        self._told: dict[str, Any] = {}

    def see(self, message: "AIMessage") -> None:
        """Note a message, or a piece of one."""
        if message.text:
            self._first = self._first or time.perf_counter()
        self._usage = message.usage_metadata or self._usage
        self._told |= message.response_metadata.get("memagent", {})

    def call(self, message: "AIMessage | None" = None) -> Call:
        """Return what it took so far."""
        if message is not None:
            self.see(message)
        now = time.perf_counter()
        counts = self._usage or {}
        details = counts.get("input_token_details", {})
        return Call(
            usage=Usage(
                prompt_tokens=counts.get("input_tokens", 0),
                completion_tokens=counts.get("output_tokens", 0),
                cached_tokens=details.get("cache_read", 0) or 0,
                requests=self._told.get("requests", 1),
            ),
            seconds=self._told.get("seconds", now - self._started),
            first=self._told.get("first", (self._first or now) - self._started),
            waited=self._told.get("waited", 0.0),
        )
