"""Conversations in a data export of ChatGPT.

A conversation is a tree (`mapping`) with an end that was shown last (`current_node`). Kept are what
the user wrote and what the assistant answered, canvas documents and custom instructions; left out
are system messages, tool calls and their output, thoughts, and what was hidden in the conversation.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from memagent.transcripts.branches import paths
from memagent.transcripts.message import (
    DAMAGED,
    ROLES,
    LeftOut,
    Message,
    mapping,
    objects,
    text_or_none,
    time_of,
)

SOURCE = "chatgpt"
INSTRUCTIONS = "custom instructions"
"""Session of what users wrote about themselves for every conversation."""
_LEFT_OUT = {
    "thoughts": "thought",
    "reasoning_recap": "thought",
    "execution_output": "tool output",
    "computer_output": "tool output",
    "system_error": "tool output",
    "tether_browsing_display": "tool output",
    "tether_quote": "tool output",
    "model_editable_context": "hidden",
}
"""Reasons to leave a message out, by the type of its content."""
_CITATION = re.compile("\ue200[^\ue201]*\ue201|[\ue200-\ue206]")
"""Marks of sources within answers: characters that only ChatGPT's own page can show."""
_FENCED = re.compile(r"```(.*)```", re.DOTALL)


def messages_in(conversation: Any) -> Iterator[Message | LeftOut]:
    """Yield the messages of a conversation: those shown last, then those of other branches."""
    if not isinstance(conversation, dict) or not isinstance(conversation.get("mapping"), dict):
        yield LeftOut(DAMAGED, "no conversation: it has no mapping")
        return
    session = text_or_none(conversation.get("conversation_id") or conversation.get("id"))
    if session is None:
        yield LeftOut(DAMAGED, "a conversation without an id")
        return
    nodes = {id: mapping(node) for id, node in conversation["mapping"].items()}
    parents = {id: node.get("parent") for id, node in nodes.items()}
    current = conversation.get("current_node")
    time = time_of(conversation.get("create_time"))
    shared = _of_conversation(conversation)
    for id, branch in paths(parents, current if isinstance(current, str) else None):
        message = nodes[id].get("message")
        if not isinstance(message, dict):
            if message is not None:
                yield LeftOut(DAMAGED, f"a message of {session} is no object")
            continue
        time = time_of(message.get("create_time")) or time
        found = _read(message)
        if isinstance(found, LeftOut):
            yield found
            continue
        role, text, more = found
        instructions = "custom_instructions" in more
        place = {"branch": branch} if branch is not None and not instructions else {}
        named = text_or_none(message.get("id")) or id
        if instructions:
            named = f"instructions:{hashlib.sha256(text.encode()).hexdigest()[:32]}"
        yield Message(
            id=f"{SOURCE}:{named}",
            role=role,
            text=text,
            time=time,
            session=INSTRUCTIONS if instructions else session,
            metadata={**({} if instructions else shared), **more, **place},
        )


def _of_conversation(conversation: Mapping[str, Any]) -> dict[str, Any]:
    """Return what all messages of a conversation have in their metadata."""
    project = text_or_none(conversation.get("conversation_template_id"))
    named = {"title": text_or_none(conversation.get("title")), "project": project}
    return {name: value for name, value in named.items() if value is not None}


def _read(message: Mapping[str, Any]) -> tuple[Any, str, dict[str, Any]] | LeftOut:
    """Return the role, the text and the metadata of a message, or why it is left out."""
    metadata, content = mapping(message.get("metadata")), mapping(message.get("content"))
    kind = content.get("content_type")
    if kind == "user_editable_context" or metadata.get("is_user_system_message"):
        text = _instructions(metadata, content)
        return ("user", text, {"custom_instructions": True}) if text else LeftOut("empty")
    author = mapping(message.get("author")).get("role")
    role = ROLES.get(author) if isinstance(author, str) else None
    if role is None:
        return LeftOut({"system": "system", "tool": "tool output"}.get(str(author), "other role"))
    if metadata.get("is_visually_hidden_from_conversation"):
        return LeftOut("hidden")
    if isinstance(kind, str) and kind in _LEFT_OUT:
        return LeftOut(_LEFT_OUT[kind])
    recipient = message.get("recipient") or "all"
    if role == "assistant" and recipient != "all":
        canvas = _canvas(content) if recipient == "canmore.create_textdoc" else None
        return (role, canvas, _more(metadata, [])) if canvas else LeftOut("tool call")
    files = _files(metadata)
    text, names = _text(content, files)
    if text is None:
        return LeftOut("empty")
    return role, text, _more(metadata, names)


def _more(metadata: Mapping[str, Any], attachments: list[str]) -> dict[str, Any]:
    model = text_or_none(metadata.get("model_slug"))
    return {
        **({"model": model} if model else {}),
        **({"attachments": attachments} if attachments else {}),
    }


def _instructions(metadata: Mapping[str, Any], content: Mapping[str, Any]) -> str | None:
    """Return what a user wrote about themselves, and about the answers they would like."""
    plain = mapping(metadata.get("user_context_message_data"))
    texts = [plain.get("about_user_message"), plain.get("about_model_message")]
    if not any(texts):
        texts = [content.get("user_profile"), content.get("user_instructions")]
    whole = [text for text in map(text_or_none, texts) if text]
    inner = [fenced.group(1) if (fenced := _FENCED.search(text)) else text for text in whole]
    return text_or_none("\n\n".join(text.strip() for text in inner))


def _files(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of a message's attachments by their ids."""
    files = dict[str, str]()
    for number, item in enumerate(objects(metadata.get("attachments"))):
        if name := text_or_none(item.get("name")):
            files[str(item.get("id", number))] = name
    return files


def _text(content: Mapping[str, Any], files: Mapping[str, str]) -> tuple[str | None, list[str]]:
    """Return the text of a message, and the names of what is attached to it."""
    parts = content.get("parts")
    if not isinstance(parts, list):
        parts = [content.get("text")]
    if content.get("content_type") == "code" and isinstance(content.get("text"), str):
        parts = [f"```\n{content['text']}\n```" if content["text"].strip() else ""]
    texts, names = list[str](), list[str]()
    for part in parts:
        if isinstance(part, str):
            texts.append(_CITATION.sub("", part))
        elif isinstance(part, dict):
            texts.append(_part(part, files, names))
    rest = [name for name in files.values() if name not in names]
    texts += [f"[file: {name}]" for name in rest]
    joined = "\n\n".join(text.strip() for text in texts if text.strip())
    return text_or_none(joined), [*names, *rest]


def _part(part: Mapping[str, Any], files: Mapping[str, str], names: list[str]) -> str:
    """Return a part of a message as a text: what was spoken, or the name of an image."""
    kind = str(part.get("content_type"))
    if kind == "audio_transcription" or isinstance(part.get("text"), str):
        return text_or_none(part.get("text")) or ""
    if kind == "image_asset_pointer":
        pointer = str(part.get("asset_pointer")).rsplit("/", 1)[-1]
        name = text_or_none(files.get(pointer, pointer)) or "image"
        names.append(name)
        return f"[image: {name}]"
    return ""  # sound and video: what was said stands beside them


def _canvas(content: Mapping[str, Any]) -> str | None:
    """Return the document that an assistant opened in a canvas, under its name."""
    parts = content.get("parts")
    raw = content.get("text") or (parts[0] if isinstance(parts, list) and parts else None)
    try:
        document = mapping(json.loads(raw)) if isinstance(raw, str) else {}
    except (ValueError, RecursionError):
        return None
    text = text_or_none(document.get("content"))
    return text and f"[canvas: {text_or_none(document.get('name')) or 'untitled'}]\n{text}"
