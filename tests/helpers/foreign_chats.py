"""Files in the layouts in which other programs hold conversations."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

START = 1_700_000_000.0
"""Time of the first message: 2023-11-14, in seconds since 1970."""
ROOT = "00000000-0000-4000-8000-000000000000"
"""Parent of the first message in exports of Claude."""


def chatgpt_message(id: str, role: str, *parts: Any, **fields: Any) -> dict[str, Any]:
    """Return a message of ChatGPT; `fields` take the place of its own."""
    kind = "text" if all(isinstance(part, str) for part in parts) else "multimodal_text"
    return {
        "id": id,
        "author": {"role": role, "name": None, "metadata": {}},
        "create_time": START,
        "update_time": None,
        "content": {"content_type": kind, "parts": list(parts)},
        "status": "finished_successfully",
        "end_turn": True,
        "weight": 1.0,
        "metadata": {"model_slug": "gpt-4o"} if role == "assistant" else {},
        "recipient": "all",
        **fields,
    }


def chatgpt_conversation(
    id: str, *messages: Mapping[str, Any], title: str = "Talk", **fields: Any
) -> dict[str, Any]:
    """Return a conversation of ChatGPT: each message follows the one before, or its `parent`."""
    nodes: dict[str, Any] = {"root": {"id": "root", "message": None, "parent": None}}
    last = "root"
    for message in messages:
        message = dict(message)
        parent = message.pop("parent", last)
        last = message["id"]
        nodes[last] = {"id": last, "message": message, "parent": parent}
    for node in nodes.values():
        children = [id for id, other in nodes.items() if other["parent"] == node["id"]]
        node["children"] = children
    return {
        "title": title,
        "create_time": START,
        "update_time": START,
        "mapping": nodes,
        "moderation_results": [],
        "current_node": last,
        "conversation_id": id,
        "id": id,
        **fields,
    }


def small_talk(id: str, turns: int) -> dict[str, Any]:
    """Return a conversation of ChatGPT of so many questions and answers."""
    messages = []
    for turn in range(turns):
        said = f"In {id}, day {turn}, I planted {turn + 1} rows of tulips."
        time = {"create_time": START + 60 * turn}
        messages += [
            chatgpt_message(f"{id}-u{turn}", "user", said, **time),
            chatgpt_message(f"{id}-a{turn}", "assistant", f"Noted for {id}: {turn}.", **time),
        ]
    return chatgpt_conversation(id, *messages, title=f"Garden {id}")


def claude_conversation(id: str, *messages: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a conversation of Claude; a message follows the one before, or names its parent."""
    parent, linked = ROOT, []
    for message in messages:
        linked.append({"parent_message_uuid": parent, **message})
        parent = message["uuid"]
    return {
        "uuid": id,
        "name": "Talk",
        "summary": "",
        "created_at": "2025-01-01T12:00:00.000000Z",
        "updated_at": "2025-01-01T12:00:00.000000Z",
        "account": {"uuid": "account-1"},
        "chat_messages": linked,
        **fields,
    }


def claude_message(id: str, sender: str, text: str, **fields: Any) -> dict[str, Any]:
    """Return a message of Claude."""
    return {
        "uuid": id,
        "text": text,
        "content": [{"type": "text", "text": text, "citations": []}],
        "sender": sender,
        "created_at": "2025-01-01T12:00:01.000000Z",
        "updated_at": "2025-01-01T12:00:01.000000Z",
        "attachments": [],
        "files": [],
        **fields,
    }


def claude_code_line(id: str, role: str, content: Any, **fields: Any) -> str:
    """Return a line of a session of Claude Code."""
    return json.dumps(
        {
            "parentUuid": None,
            "isSidechain": False,
            "userType": "external",
            "cwd": "/home/ada/garden",
            "sessionId": "session-1",
            "version": "2.0.76",
            "type": role,
            "message": {"role": role, "content": content},
            "uuid": id,
            "timestamp": "2025-12-03T18:27:04.359Z",
            **fields,
        }
    )


def codex_line(kind: str, payload: Mapping[str, Any]) -> str:
    """Return a line of a session of Codex."""
    return json.dumps({"timestamp": "2025-10-29T00:59:38.317Z", "type": kind, "payload": payload})


def codex_message(role: str, *texts: str) -> str:
    """Return a line of a session of Codex in which somebody speaks."""
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text} for text in texts]
    return codex_line("response_item", {"type": "message", "role": role, "content": content})


def codex_session(id: str) -> str:
    """Return the first line of a session of Codex."""
    return codex_line("session_meta", {"id": id, "cwd": "/home/ada/garden", "cli_version": "0.46"})


def write_json(path: Path, value: Any) -> Path:
    """Write a value as JSON, and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def write_lines(path: Path, lines: Sequence[str]) -> Path:
    """Write lines, and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def write_zip(path: Path, files: Mapping[str, Any]) -> Path:
    """Write an archive of files that hold JSON, or bytes as they are; return the path."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in files.items():
            archive.writestr(name, value if isinstance(value, bytes) else json.dumps(value))
    path.write_bytes(buffer.getvalue())
    return path
