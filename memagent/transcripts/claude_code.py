"""Session logs of Claude Code: what the user said and the assistant answered, line by line."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

NOT_SAID = (
    "<command-name>",
    "<command-message>",
    "<local-command-stdout>",
    "<bash-input>",
    "<bash-stdout>",
    "<system-reminder>",
    "[Request interrupted by user",
)
"""Beginnings of texts that the program writes in the user's name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """Message of a session: its id in the log, who said it, and when, where that is known."""

    id: str
    role: Literal["user", "assistant"]
    text: str
    time: datetime | None = None
    session: str | None = None


def messages_in(lines: Iterable[str | bytes]) -> Iterator[Message]:
    """Yield the messages in lines of a log; tool calls, their results and thoughts are none.

    Lines that are no JSON, or no message, are passed over: what programs write changes.
    """
    for line in lines:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and (message := _message(entry)) is not None:
            yield message


def _message(entry: Mapping[str, Any]) -> Message | None:
    role, id, inner = entry.get("type"), entry.get("uuid"), entry.get("message")
    if role not in ("user", "assistant") or not isinstance(id, str) or not id.strip():
        return None
    hidden = ("isMeta", "isSidechain", "isCompactSummary", "isApiErrorMessage")
    if not isinstance(inner, dict) or any(entry.get(name) for name in hidden):
        return None
    text = _text(inner.get("content")).strip()
    if not text or (role == "user" and text.startswith(NOT_SAID)):
        return None
    session = entry.get("sessionId")
    return Message(
        id=id,
        role="user" if role == "user" else "assistant",
        text=text,
        time=_time(entry.get("timestamp")),
        session=session if isinstance(session, str) and session.strip() else None,
    )


def _text(content: Any) -> str:
    """Return the texts of a message's content; it is a text, or a list of blocks."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    texts = [
        block["text"]
        for block in blocks
        if isinstance(block, dict)
        and block.get("type") == "text"
        and isinstance(block.get("text"), str)
    ]
    return "\n\n".join(text for text in texts if not text.startswith(NOT_SAID))


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone()
    except (TypeError, ValueError, OverflowError):
        return None
