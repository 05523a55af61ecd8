"""Session logs of Claude Code: what the user said and the assistant answered, line by line."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from memagent.transcripts.message import LeftOut, Message, text_or_none, time_of

SOURCE = "claude-code"
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


_HIDDEN = {
    "isMeta": "written by the program",
    "isSidechain": "said by a sub-agent",
    "isCompactSummary": "summary by the program",
    "isApiErrorMessage": "written by the program",
}
"""Reasons to leave an entry out, by the marks that it may have."""


def messages_in(lines: Iterable[str | bytes]) -> Iterator[Message]:
    """Yield the messages in lines of a log; tool calls, their results and thoughts are none.

    Lines that are no JSON, or no message, are passed over: what programs write changes.
    """
    for line in lines:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(found := message_of(entry), Message):
            yield found


def message_of(entry: Any) -> Message | LeftOut:
    """Return the message that an entry of a log is, or why it is left out."""
    if not isinstance(entry, dict):
        return LeftOut("entry of the program")
    role, id, inner = entry.get("type"), text_or_none(entry.get("uuid")), entry.get("message")
    if role not in ("user", "assistant") or id is None or not isinstance(inner, dict):
        return LeftOut("entry of the program")
    for mark, reason in _HIDDEN.items():
        if entry.get(mark):
            return LeftOut(reason)
    text = text_or_none(_text(inner.get("content")))
    if text is None:
        return LeftOut(_without_text(inner.get("content")))
    if role == "user" and text.startswith(NOT_SAID):
        return LeftOut("written by the program")
    return Message(
        id=id,
        role="user" if role == "user" else "assistant",
        text=text,
        time=time_of(entry.get("timestamp")),
        session=text_or_none(entry.get("sessionId")),
        metadata=_more(entry, inner),
    )


def _more(entry: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, Any]:
    named = {"folder": entry.get("cwd"), "model": inner.get("model")}
    return {name: text for name, value in named.items() if (text := text_or_none(value))}


def _without_text(content: Any) -> str:
    """Return what sort of entry one without a text is, by its first block."""
    blocks = content if isinstance(content, list) else []
    kinds = [block.get("type") for block in blocks if isinstance(block, dict)]
    reasons = {"tool_use": "tool call", "tool_result": "tool output", "thinking": "thought"}
    return reasons.get(str(kinds[0]), "written by the program") if kinds else "empty"


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
