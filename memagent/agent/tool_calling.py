"""One step of a model that has tools: it uses one, answers, or makes a mistake.

A model that calls tools by itself is asked to. Any other is held to a JSON schema that leaves it
the choice between a call of each tool and an answer. `supports_tools` tells them apart. A call that
comes as text is read all the same (`memagent.text.raw_calls`), and is never an answer.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from memagent.errors import StructuredOutputError
from memagent.models.capabilities import rejects_tools, store_tool_support, supports_tools
from memagent.models.errors import translated
from memagent.models.reasoning import split_message, storable
from memagent.models.replies import CallTimer, ran_out, why_empty, with_json_schema
from memagent.models.vllm import repetition
from memagent.prompts import invalid_call, tool_exchange, tool_instructions
from memagent.text.raw_calls import RawCall, Unreadable, read_call
from memagent.text.repetition import without_repetition
from memagent.tools.base import schema_problems
from memagent.types import Call

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, BaseMessage
    from langchain_core.tools import BaseTool

NO_TOOLS = "no tool can be used any more, so answer with what is known"
"""Reason of a mistake: a call where the model was to answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """Tool call of the model: the tool's name, and arguments that fit its schema.

    `id` is the call's, for a model that calls tools by itself, else None.
    """

    name: str
    arguments: Mapping[str, Any]
    id: str | None = None
    text: str = ""
    call: Call = field(default_factory=Call, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """Answer of the model, its reasoning apart; `reason` says why an empty one is empty.

    `cut` says that it was cut where the model began to repeat itself.
    """

    text: str
    reasoning: str = field(default="", compare=False)
    reason: str = field(default="its reply is empty", compare=False)
    cut: str = field(default="", compare=False)
    call: Call = field(default_factory=Call, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mistake:
    """Reply of the model that is no call and no answer: `reason` says why, `text` is the reply."""

    text: str
    reason: str
    call: Call = field(default_factory=Call, compare=False)


Decision = Action | Text | Mistake


def act(
    chat: "BaseChatModel", messages: "Sequence[BaseMessage]", tools: "Sequence[BaseTool]"
) -> Decision:
    """Ask a model for its next step; of more calls than one, the first is taken.

    Nothing is run here. The messages of `observed` give the model the result.

    Raises:
        ContextTooLong: the messages do not fit into the model's context.
        ModelUnavailable: the server does not answer, or refuses.
    """
    timer = CallTimer()
    if supports_tools(chat):
        try:
            with translated():
                said = chat.bind_tools(list(tools)).invoke(list(messages))
            return _called(said, messages, tools, timer)
        except Exception as error:
            if isinstance(error.__cause__, ValidationError):
                return _unreadable(error.__cause__, timer)
            if not rejects_tools(error):
                raise
            store_tool_support(chat, False)
    return choose(chat, messages, tools, timer)


def choose(
    chat: "BaseChatModel",
    messages: "Sequence[BaseMessage]",
    tools: "Sequence[BaseTool]",
    timer: CallTimer | None = None,
) -> Decision:
    """Ask a model for its next step like `act`, held to a JSON schema whatever it can do."""
    timer = timer or CallTimer()
    try:
        with translated():
            said = _choice(chat, tools).invoke(_with_instructions(messages, tools))
    except StructuredOutputError as error:
        return Mistake(text=error.text, reason=str(error), call=timer.call())
    return _chosen(said, messages, tools, timer)


async def aact(
    chat: "BaseChatModel", messages: "Sequence[BaseMessage]", tools: "Sequence[BaseTool]"
) -> Decision:
    """Ask a model for its next step like `act`."""
    timer = CallTimer()
    if await asyncio.to_thread(supports_tools, chat):
        try:
            with translated():
                said = await chat.bind_tools(list(tools)).ainvoke(list(messages))
            return _called(said, messages, tools, timer)
        except Exception as error:
            if isinstance(error.__cause__, ValidationError):
                return _unreadable(error.__cause__, timer)
            if not rejects_tools(error):
                raise
            store_tool_support(chat, False)
    try:
        with translated():
            said = await _choice(chat, tools).ainvoke(_with_instructions(messages, tools))
    except StructuredOutputError as error:
        return Mistake(text=error.text, reason=str(error), call=timer.call())
    return _chosen(said, messages, tools, timer)


def conclude(
    chat: "BaseChatModel", messages: "Sequence[BaseMessage]", tools: "Sequence[BaseTool]"
) -> Text | Mistake:
    """Ask a model for its answer, without any tool; a call of one is a mistake.

    A model that was held to a JSON schema is held to that of an answer.

    Raises:
        ContextTooLong: the messages do not fit into the model's context.
        ModelUnavailable: the server does not answer, or refuses.
    """
    timer = CallTimer()
    native = supports_tools(chat)
    with translated():
        said = repetition.invoke(chat if native else _answer_only(chat), messages)
    return _concluded(said, messages, tools, timer, native)


async def aconclude(
    chat: "BaseChatModel", messages: "Sequence[BaseMessage]", tools: "Sequence[BaseTool]"
) -> Text | Mistake:
    """Ask a model for its answer like `conclude`."""
    timer = CallTimer()
    native = await asyncio.to_thread(supports_tools, chat)
    with translated():
        said = await repetition.ainvoke(chat if native else _answer_only(chat), messages)
    return _concluded(said, messages, tools, timer, native)


def observed(decision: Action | Mistake, result: str = "") -> "list[BaseMessage]":
    """Return the messages that give a model the result of its step, to be put after the others."""
    if isinstance(decision, Mistake):
        return invalid_call(decision.text, decision.reason)
    return tool_exchange(decision.text, decision.name, decision.arguments, result, decision.id)


def _called(
    said: "AIMessage",
    messages: "Sequence[BaseMessage]",
    tools: "Sequence[BaseTool]",
    timer: CallTimer,
) -> Decision:
    """Return the step of a model that calls tools by itself."""
    split, call = split_message(said), timer.call(said)
    text = split.answer
    if said.tool_calls:
        first = said.tool_calls[0]
        return _checked(first["name"], first["args"], tools, text, call, first["id"] or "call")
    if said.invalid_tool_calls:
        broken = said.invalid_tool_calls[0]
        raw = f"{broken['name']}: {broken['args']}"
        return Mistake(text=text or raw, reason="the arguments are not JSON", call=call)
    answer = _whole(said, text, split.reasoning, call)
    return _read(answer, messages, tools, "call")


def _concluded(
    said: "AIMessage",
    messages: "Sequence[BaseMessage]",
    tools: "Sequence[BaseTool]",
    timer: CallTimer,
    native: bool,
) -> Text | Mistake:
    """Return the last step of a turn: an answer, or a call as a mistake."""
    split, call = split_message(said), timer.call(said)
    text = split.answer if native else _unwrapped(split.answer)
    answer = _whole(said, text, split.reasoning, call)
    calls = [*said.tool_calls, *said.invalid_tool_calls]
    if calls and not text:
        raw = f"{calls[0]['name']}: {calls[0]['args']}"
        return Mistake(text=raw, reason=NO_TOOLS, call=call)
    if isinstance(_read(answer, messages, tools, None), Text):
        return answer
    return Mistake(text=text, reason=NO_TOOLS, call=call)


def _whole(said: "AIMessage", text: str, reasoning: str, call: Call) -> Text:
    """Return the answer of a message, without the loop that it may have fallen into."""
    kept, cut = without_repetition(text, ran_out=ran_out(said))
    reason = why_empty(said, reasoning)
    return Text(text=kept, reasoning=reasoning, reason=reason, cut=cut, call=call)


def _unwrapped(text: str) -> str:
    """Return the answer in the JSON of one; any other text as it is."""
    try:
        held = json.loads(text)
    except (ValueError, RecursionError):
        return text
    only = isinstance(held, dict) and set(held) == {"answer"} and isinstance(held["answer"], str)
    return storable(held["answer"]) if only else text


def _read(
    answer: Text, messages: "Sequence[BaseMessage]", tools: "Sequence[BaseTool]", id: str | None
) -> Decision:
    """Return the step that a text is: the call in it, if there is one, else the answer.

    A call without a mark that stands in a note, a question or a result is quoted, and not made.
    """
    found = read_call(answer.text, {tool["name"]: tool["parameters"] for tool in _schemas(tools)})
    if isinstance(found, RawCall) and found.unmarked and _is_quoted(found.unmarked, messages):
        return answer
    if isinstance(found, RawCall):
        step = _checked(found.name, found.arguments, tools, answer.text, answer.call, id)
        return replace(step, text="") if isinstance(step, Action) else step
    if isinstance(found, Unreadable):
        return Mistake(text=answer.text, reason="the call cannot be read", call=answer.call)
    return answer


def _unreadable(error: ValidationError, timer: CallTimer) -> Mistake:
    """Return the step of a model whose arguments are JSON, but no object."""
    text = str(error.errors()[0]["input"])
    return Mistake(text=text, reason="the call cannot be read", call=timer.call())


def _chosen(
    said: "AIMessage",
    messages: "Sequence[BaseMessage]",
    tools: "Sequence[BaseTool]",
    timer: CallTimer,
) -> Decision:
    """Return the step of a model that was held to a JSON schema."""
    split, call = split_message(said), timer.call(said)
    text = split.answer
    if not text:
        return Text(text="", reason=why_empty(said, split.reasoning), call=call)
    try:
        chosen = json.loads(text)
    except (ValueError, RecursionError):
        chosen, wrong = None, "the reply is not JSON"
    else:
        wrong = "the reply is not a JSON object"
    if isinstance(chosen, dict) and isinstance(chosen.get("answer"), str):
        answer = storable(chosen["answer"])
        return _read(_whole(said, answer, split.reasoning, call), messages, tools, None)
    step = _read(Text(text=text, call=call), messages, tools, None)  # a server may know no schemas
    if not isinstance(step, Text):
        return step
    if isinstance(chosen, dict):
        return _checked(chosen.get("tool"), chosen.get("arguments"), tools, text, call, None)
    return Mistake(text=text, reason=wrong, call=call)


def _is_quoted(text: str, messages: "Sequence[BaseMessage]") -> bool:
    quoted = " ".join(text.split())
    shown = (message for message in messages if message.type not in ("ai", "system"))
    return any(quoted in " ".join(str(message.text).split()) for message in shown)


def _checked(
    name: Any, arguments: Any, tools: "Sequence[BaseTool]", text: str, call: Call, id: str | None
) -> Decision:
    named = {tool.name: tool for tool in tools}
    if name not in named:
        there = ", ".join(named) or "none"
        reason = f"there is no tool {name!r}, there are: {there}"
        return Mistake(text=text or str(name), reason=reason, call=call)
    said = text or json.dumps({"tool": name, "arguments": arguments})
    if not isinstance(arguments, dict):
        return Mistake(text=said, reason="the arguments are no JSON object", call=call)
    for where, why in schema_problems(named[name], arguments):
        return Mistake(text=said, reason=f"argument {where!r}: {why}", call=call)
    return Action(name=name, arguments=arguments, id=id, text=text if id else "", call=call)


def _choice(chat: "BaseChatModel", tools: "Sequence[BaseTool]") -> Any:
    return with_json_schema(chat, "step", {"anyOf": [*map(_form, _schemas(tools)), _ANSWER]})


def _answer_only(chat: "BaseChatModel") -> Any:
    return with_json_schema(chat, "answer", _ANSWER)


def _with_instructions(
    messages: "Sequence[BaseMessage]", tools: "Sequence[BaseTool]"
) -> "list[BaseMessage]":
    """Return the messages with the tools in the system message: what is stable stays first."""
    from langchain_core.messages import SystemMessage

    instructions, rest = tool_instructions(_schemas(tools)), list(messages)
    if rest and isinstance(rest[0], SystemMessage):
        return [SystemMessage(f"{rest[0].text}\n\n{instructions}"), *rest[1:]]
    return [SystemMessage(instructions), *rest]


def _schemas(tools: "Sequence[BaseTool]") -> list[dict[str, Any]]:
    from langchain_core.utils.function_calling import convert_to_openai_tool

    return [cast("dict[str, Any]", convert_to_openai_tool(tool)["function"]) for tool in tools]


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _form(tool: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of a call of a tool."""
    return _object({"tool": {"const": tool["name"]}, "arguments": tool["parameters"]})


_ANSWER = _object({"answer": {"type": "string"}})
