"""Text of conversation turns: one line for each message, tool call and result.

A tool's result stands on the line of its call, so that a summary keeps or drops both together.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memagent.compression.base import Budget, Compressed
from memagent.types import Record

RESULT_CHARS = 400
"""The length limit of a tool result; the rest of it stays in the source."""
MESSAGE = "memagent.message"
"""The metadata key under which `MemagentChatMessageHistory` stores a message."""
USED = "used "
"""The start of a line with a tool call and its result."""
_VERBS = {"user": "asked", "human": "asked", "assistant": "replied", "ai": "replied"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a turn; `is_tool_use` marks a tool call, a tool's result, or both."""

    text: str
    is_tool_use: bool = False


def speaker(record: Record) -> str:
    """Return who speaks in a record, empty if it is no part of a conversation."""
    return str(_message(record).get("type", record.metadata.get("role")) or "")


def turn_lines(records: Sequence[Record]) -> list[Line]:
    """Return the lines of whole turns, each tool result on the line of its call."""
    results = {
        str(data["tool_call_id"]): _result(record.text, data.get("status") == "error")
        for record in records
        if (data := _data(record)).get("tool_call_id")
    }
    lines: list[Line] = []
    shown: set[str] = set()
    for record in records:
        steps = record.metadata.get("steps", [])
        lines += _step_lines(steps if isinstance(steps, list) else [])
        data = _data(record)
        calls = [call for call in data.get("tool_calls") or [] if isinstance(call, dict)]
        if str(data.get("tool_call_id", "")) in shown:
            continue
        if not calls or data.get("content", True):  # else the record's text is that of the calls
            lines.append(_message_line(record))
        for call in calls:
            result = results.get(str(call.get("id")))
            lines.append(_tool_line(call.get("name"), call.get("args", {}), result))
            shown.add(str(call.get("id")))
    return lines


def parse_lines(texts: Sequence[str]) -> list[Line]:
    """Return the lines of texts that `fit_lines` made."""
    return [Line(line, line.startswith(USED)) for text in texts for line in text.split("\n")]


def fit_lines(lines: Sequence[Line], budget: Budget) -> Compressed | None:
    """Return the lines that fit into a budget, in order; lines of tool use go first."""
    limit, kept = budget.chars("\n".join(line.text for line in lines)), set[int]()
    for place in sorted(range(len(lines)), key=lambda place: (not lines[place].is_tool_use, place)):
        if len(lines[place].text) + 1 <= limit or not kept:
            kept.add(place)
            limit -= len(lines[place].text) + 1
    text = "\n".join(lines[place].text for place in sorted(kept))
    return Compressed(text=text) if text else None


def _step_lines(steps: Sequence[Any]) -> Iterator[Line]:
    """Yield a line for each tool call among the stored steps of an agent's turn."""
    call: Mapping[str, Any] | None = None
    for step in steps:
        kind = step.get("step") if isinstance(step, dict) else None
        if kind == "acted":
            if call is not None:
                yield _tool_line(call.get("tool"), call.get("arguments", {}), None)
            call = step
        elif kind == "observed" and call is not None:
            result = _result(str(step.get("text", "")), bool(step.get("failed")))
            yield _tool_line(call.get("tool"), call.get("arguments", {}), result)
            call = None
    if call is not None:
        yield _tool_line(call.get("tool"), call.get("arguments", {}), None)


def _result(text: str, failed: bool) -> str:
    return f"failed: {text}" if failed else text


def _tool_line(tool: object, arguments: object, result: str | None) -> Line:
    call = f"{USED}{tool}({json.dumps(arguments, default=str)})"
    text = call if result is None else f"{call}: {_on_one_line(result)[:RESULT_CHARS]}"
    return Line(text, is_tool_use=True)


def _message_line(record: Record) -> Line:
    who = speaker(record)
    text = _on_one_line(record.text)
    text = text[:RESULT_CHARS] if who == "tool" else text
    return Line(f"{_VERBS.get(who, who)}: {text}" if who else text, is_tool_use=who == "tool")


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def _message(record: Record) -> Mapping[str, Any]:
    found = record.metadata.get(MESSAGE)
    return found if isinstance(found, dict) else {}


def _data(record: Record) -> Mapping[str, Any]:
    found = _message(record).get("data")
    return found if isinstance(found, dict) else {}
