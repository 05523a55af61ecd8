"""What was asked, done and replied in turns of a conversation, in lines of which some are kept."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memagent.compressor import Budget, Compressed
from memagent.types import Record

RESULT_CHARS = 400
"""Of a longer tool result the beginning is kept with its call; the rest is in the source."""
MESSAGE = "memagent.message"
"""Where a chat history keeps what a message is; see chat_history.py."""
USED = "used "
"""How a line begins that tells of a tool call, and of its result."""
_SAID = {"user": "asked", "human": "asked", "agent": "replied", "ai": "replied"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line; `done` tells whether a tool was used, whose call and result are both in it."""

    text: str
    done: bool = False


def role(record: Record) -> str:
    """Return who speaks in a record, empty if it is no part of a conversation."""
    told = _message(record).get("type", record.metadata.get("author"))
    return str(told or "")


def lines_of(records: Sequence[Record]) -> list[Line]:
    """Return what records of whole turns tell; the result of a tool stands with its call."""
    results = {
        str(found["tool_call_id"]): _result(record.value, found.get("status") == "error")
        for record in records
        if (found := _data(record)).get("tool_call_id")
    }
    told: list[Line] = []
    shown: set[str] = set()
    for record in records:
        steps = record.metadata.get("steps", [])
        told += _of_steps(steps if isinstance(steps, list) else [])
        data = _data(record)
        calls = [call for call in data.get("tool_calls") or [] if isinstance(call, dict)]
        name = str(data.get("tool_call_id", ""))
        if name in shown:
            continue
        if not calls or data.get("content", True):  # else the value is that of the calls
            told.append(_said(record))
        for call in calls:
            result = results.get(str(call.get("id")))
            told.append(_used(call.get("name"), call.get("args", {}), result))
            shown.add(str(call.get("id")))
    return told


def lines_again(texts: Sequence[str]) -> list[Line]:
    """Return the lines of texts that were made of such lines before."""
    return [Line(line, line.startswith(USED)) for text in texts for line in text.split("\n")]


def fitting(lines: Sequence[Line], budget: Budget) -> Compressed | None:
    """Return the lines there is room for, in order: what was done comes before any words."""
    room, kept = budget.chars("\n".join(line.text for line in lines)), set[int]()
    for place in sorted(range(len(lines)), key=lambda place: (not lines[place].done, place)):
        if len(lines[place].text) + 1 <= room or not kept:
            kept.add(place)
            room -= len(lines[place].text) + 1
    text = "\n".join(lines[place].text for place in sorted(kept))
    return Compressed(text=text) if text else None


def _of_steps(steps: Sequence[Any]) -> Iterator[Line]:
    """Yield each call that an agent's steps tell of, with what it gave."""
    call: Mapping[str, Any] | None = None
    for step in steps:
        kind = step.get("step") if isinstance(step, dict) else None
        if kind == "acted":
            if call is not None:
                yield _used(call.get("tool"), call.get("arguments", {}), None)
            call = step
        elif kind == "observed" and call is not None:
            result = _result(str(step.get("text", "")), bool(step.get("failed")))
            yield _used(call.get("tool"), call.get("arguments", {}), result)
            call = None
    if call is not None:
        yield _used(call.get("tool"), call.get("arguments", {}), None)


def _result(text: str, failed: bool) -> str:
    return f"failed: {text}" if failed else text


def _used(tool: object, arguments: object, result: str | None) -> Line:
    call = f"{USED}{tool}({json.dumps(arguments, default=str)})"
    return Line(call if result is None else f"{call}: {_flat(result)[:RESULT_CHARS]}", done=True)


def _said(record: Record) -> Line:
    who = role(record)
    text = _flat(record.value)
    text = text[:RESULT_CHARS] if who == "tool" else text
    return Line(f"{_SAID.get(who, who)}: {text}" if who else text, done=who == "tool")


def _flat(text: str) -> str:
    return " ".join(text.split())


def _message(record: Record) -> Mapping[str, Any]:
    found = record.metadata.get(MESSAGE)
    return found if isinstance(found, dict) else {}


def _data(record: Record) -> Mapping[str, Any]:
    found = _message(record).get("data")
    return found if isinstance(found, dict) else {}
