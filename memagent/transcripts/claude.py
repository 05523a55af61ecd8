"""Conversations, projects and memories in a data export of Claude.

Kept are what the user wrote and pasted, what the assistant answered, the artifacts it made, the
instructions of projects, and Claude's own memory of the user. Left out are thoughts, tool calls and
their results, and the content of attached files and of projects' documents, which are only named.
"""

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

SOURCE = "claude"
MEMORY = "claude memory"
"""Session of what Claude noted about the user."""
_LEFT_OUT = {"thinking": "thought", "tool_use": "tool call", "tool_result": "tool output"}
"""Reasons to leave a block of a message out, by its type."""


def messages_in(conversation: Any) -> Iterator[Message | LeftOut]:
    """Yield the messages of a conversation: those shown last, then those of other branches."""
    if not isinstance(conversation, dict) or not isinstance(
        conversation.get("chat_messages"), list
    ):
        yield LeftOut(DAMAGED, "no conversation: it has no chat_messages")
        return
    session = text_or_none(conversation.get("uuid"))
    if session is None:
        yield LeftOut(DAMAGED, "a conversation without a uuid")
        return
    messages = dict[str, dict[str, Any]]()
    for number, message in enumerate(conversation["chat_messages"]):
        if not isinstance(message, dict):
            yield LeftOut(DAMAGED, f"message {number + 1} of {session} is no object")
            continue
        messages[text_or_none(message.get("uuid")) or f"{session}:{number}"] = message
    time = time_of(conversation.get("created_at"))
    title = text_or_none(conversation.get("name"))
    for id, branch in _order(messages, conversation.get("current_leaf_message_uuid")):
        time = time_of(messages[id].get("created_at")) or time
        role = ROLES.get(str(messages[id].get("sender")))
        if role is None:
            yield LeftOut("other role")
            continue
        text, names, left_out = _read(messages[id])
        yield from map(LeftOut, left_out)
        if text is None:
            yield from [] if left_out else [LeftOut("empty")]
            continue
        yield Message(
            id=f"{SOURCE}:{id}",
            role=role,
            text=text,
            time=time,
            session=session,
            metadata={
                **({"title": title} if title else {}),
                **({"branch": branch} if branch else {}),
                **({"attachments": names} if names else {}),
            },
        )


def memories_in(entry: Any) -> Iterator[Message | LeftOut]:
    """Yield what Claude noted about the user, in general and within projects."""
    fields = mapping(entry)
    texts = {"": fields.get("conversations_memory"), **mapping(fields.get("project_memories"))}
    account = text_or_none(fields.get("account_uuid")) or "account"
    for project, value in texts.items():
        if (text := text_or_none(value)) is not None:
            yield Message(
                id=f"{SOURCE}:memory:{account}:{project}".rstrip(":"),
                role="assistant",
                text=text,
                session=MEMORY,
                metadata={"title": "Claude's memory", **({"project": project} if project else {})},
            )


def project_in(entry: Any) -> Iterator[Message | LeftOut]:
    """Yield what the user wrote about a project; its documents are left out."""
    fields = mapping(entry)
    id = text_or_none(fields.get("uuid"))
    if id is None:
        yield LeftOut(DAMAGED, "a project without a uuid")
        return
    name = text_or_none(fields.get("name"))
    for part in ("description", "prompt_template"):
        if (text := text_or_none(fields.get(part))) is not None:
            yield Message(
                id=f"{SOURCE}:project:{id}:{part}",
                role="user",
                text=text,
                time=time_of(fields.get("created_at")),
                session=id,
                metadata={"title": name} if name else {},
            )
    for _ in objects(fields.get("docs")):
        yield LeftOut("document of a project")


def _order(
    messages: Mapping[str, Mapping[str, Any]], current: Any
) -> Iterator[tuple[str, str | None]]:
    """Yield ids in order; exports of before 2026 name no parents, and have no branches."""
    parents = {id: message.get("parent_message_uuid") for id, message in messages.items()}
    if not any(parent in parents for parent in parents.values() if isinstance(parent, str)):
        return iter([(id, None) for id in messages])
    if not isinstance(current, str):
        current = max(parents, key=lambda id: str(messages[id].get("created_at")))
    hashable = {id: parent if isinstance(parent, str) else None for id, parent in parents.items()}
    return paths(hashable, current)


def _read(message: Mapping[str, Any]) -> tuple[str | None, list[str], list[str]]:
    """Return the text of a message, the names of its files, and why parts are left out."""
    blocks, texts, left_out = objects(message.get("content")), list[str](), list[str]()
    for block in blocks:
        kind = str(block.get("type"))
        artifact = _artifact(block) if kind == "tool_use" else None
        if artifact is not None:
            texts.append(artifact)
        elif kind in _LEFT_OUT:
            left_out.append(_LEFT_OUT[kind])
        elif (text := text_or_none(block.get("text"))) is not None:
            texts.append(text)
    if not blocks and (text := text_or_none(message.get("text"))) is not None:
        texts.append(text)
    names = list[str]()
    for attachment in objects(message.get("attachments")):
        name = text_or_none(attachment.get("file_name"))
        pasted = text_or_none(attachment.get("extracted_content"))
        if name is not None:
            names.append(name)
            left_out += ["content of a file"] if pasted else []
        elif pasted is not None:  # a long text that was pasted into the message
            texts.append(pasted)
    for file in [*objects(message.get("files")), *objects(message.get("files_v2"))]:
        name = text_or_none(file.get("file_name"))
        if name is not None and name not in names:
            names.append(name)
    texts += [f"[file: {name}]" for name in names]
    return text_or_none("\n\n".join(texts)), names, left_out


def _artifact(block: Mapping[str, Any]) -> str | None:
    """Return the document that an assistant wrote as an artifact, under its title."""
    fields = mapping(block.get("input"))
    if block.get("name") != "artifacts" or fields.get("command") not in ("create", "rewrite"):
        return None
    text = text_or_none(fields.get("content"))
    return text and f"[artifact: {text_or_none(fields.get('title')) or 'untitled'}]\n{text}"
