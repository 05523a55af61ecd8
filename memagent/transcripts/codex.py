"""Session logs of Codex: what the user said and the assistant answered, line by line.

Since September 2025 a line wraps its item (`session_meta`, `response_item`, `event_msg`); before,
the first line was the session and the others were the items. Events repeat what the items say.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from memagent.transcripts.message import (
    DAMAGED,
    ROLES,
    LeftOut,
    Message,
    objects,
    text_or_none,
    time_of,
)

SOURCE = "codex"
NOT_SAID = (
    "<environment_context>",
    "<user_instructions>",
    "<permissions instructions>",
    "<turn_aborted>",
    "<user_shell_command>",
    "<skill>",
    "# AGENTS.md instructions",
)
"""Beginnings of texts that the program writes in the user's name."""
_LEFT_OUT = {
    "reasoning": "thought",
    "function_call": "tool call",
    "custom_tool_call": "tool call",
    "local_shell_call": "tool call",
    "web_search_call": "tool call",
    "function_call_output": "tool output",
    "custom_tool_call_output": "tool output",
}
"""Reasons to leave an item out, by its type."""


def entries_in(entries: Iterator[tuple[int, Any]], name: str) -> Iterator[Message | LeftOut]:
    """Yield the messages of a log; `entries` are its lines by their numbers, from 1.

    `name` stands for the session until the log says its id. A message has no id of its own but
    its session and its line: a log only grows.
    """
    session, started, shared = name, None, dict[str, Any]()
    for number, entry in entries:
        if not isinstance(entry, dict):
            yield LeftOut(DAMAGED, f"line {number} is no object")
            continue
        payload = entry.get("payload")
        item = payload if isinstance(payload, dict) else entry
        kind = entry.get("type")
        if kind == "session_meta" or (kind is None and "id" in item and "timestamp" in item):
            session = text_or_none(item.get("id")) or session
            started = time_of(item.get("timestamp"))
            folder = text_or_none(item.get("cwd"))
            shared = {"folder": folder} if folder else {}
        elif kind == "turn_context":
            model = text_or_none(item.get("model"))
            shared = {**shared, **({"model": model} if model else {})}
        elif kind == "response_item" or item is entry:
            found = _read(item)
            if isinstance(found, LeftOut):
                yield found
                continue
            yield Message(
                id=f"{SOURCE}:{session}:{number}",
                role=found[0],
                text=found[1],
                time=time_of(entry.get("timestamp")) or started,
                session=session,
                metadata=shared,
            )


def _read(item: Mapping[str, Any]) -> tuple[Any, str] | LeftOut:
    """Return the role and the text of an item, or why it is left out."""
    kind = str(item.get("type"))
    if kind != "message":
        return LeftOut(_LEFT_OUT.get(kind, "entry of the program"))
    role = ROLES.get(str(item.get("role")))
    if role is None:
        return LeftOut("system")
    texts = list[str]()
    for block in objects(item.get("content")):
        if block.get("type") == "input_image":
            texts.append("[image]")
        elif (text := text_or_none(block.get("text"))) is not None and (
            role == "assistant" or not text.startswith(NOT_SAID)
        ):
            texts.append(text)
    if not texts and isinstance(item.get("content"), str):
        texts = [item["content"]]
    text = text_or_none("\n\n".join(texts))
    if text is None or (role == "user" and text.startswith(NOT_SAID)):
        return LeftOut("written by the program")
    return role, text
