"""Conversation in a request of an OpenAI client: its last user message, and notes before it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from memagent.errors import InvalidInput
from memagent.models.reasoning import storable

Api = Literal["chat/completions", "responses"]
TEXTS = {"chat/completions": "text", "responses": "input_text"}
"""Type of a part of a message that holds text, by interface."""
SPOKEN = ("user", "assistant")
"""Roles by whose words one conversation is told from another; instructions may hold the time."""


@dataclass(frozen=True, slots=True)
class TurnDigest:
    """Turn of a conversation: a digest of all that was said until then, and the replies to it."""

    id: str
    replies: list[str]


@dataclass(frozen=True, slots=True)
class Conversation:
    """Body of a request, and the place of its last user message; -1 if `input` is a mere text."""

    api: Api
    body: Mapping[str, Any]
    place: int

    @property
    def _messages(self) -> Sequence[Any]:
        found = self.body["messages" if self.api == "chat/completions" else "input"]
        return [{"role": "user", "content": found}] if isinstance(found, str) else found

    @property
    def said(self) -> str:
        """Text of the last user message; images and files in it are left out."""
        return storable(_text(self._messages[max(self.place, 0)].get("content")))

    @property
    def texts(self) -> frozenset[str]:
        """Texts of all messages, which a note need not repeat."""
        return frozenset(
            _text(message.get("content")).strip()
            for message in self._messages
            if isinstance(message, Mapping)
        )

    @property
    def id(self) -> str:
        """Digest of what was said and replied up to the last user message."""
        return self.turns[-1].id

    @property
    def turns(self) -> Sequence[TurnDigest]:
        """Turns of the conversation up to that of the last user message, which has no reply."""
        before = str(self.body.get("previous_response_id") or "").encode(errors="replace")
        digest, turns = hashlib.sha256(before), list[TurnDigest]()
        for message in self._messages[: self.place + 1 or None]:
            if not isinstance(message, Mapping) or message.get("role") not in SPOKEN:
                continue
            role, text = message["role"], _text(message.get("content"))
            if not text.strip():
                continue  # a call of tools, or an image
            digest.update(json.dumps([role, text]).encode() + b"\n")
            if role == "user":
                turns.append(TurnDigest(digest.hexdigest(), []))
            elif turns:
                turns[-1].replies.append(text)
        return turns

    def with_notes(self, notes: str) -> dict[str, Any]:
        """Return the body with notes before the last user message; all else stays as it is."""
        if self.place < 0:
            return {**self.body, "input": notes + self.body["input"]}
        messages = list(self._messages)
        message = dict(messages[self.place])
        content = message.get("content")
        if isinstance(content, str):
            message["content"] = notes + content
        else:
            part = {"type": TEXTS[self.api], "text": notes}
            message["content"] = [part, *(content or [])]
        messages[self.place] = message
        return {**self.body, "messages" if self.api == "chat/completions" else "input": messages}


def conversation_of(api: Api, raw: bytes) -> tuple[Mapping[str, Any], Conversation | None]:
    """Return the body of a request, and its conversation; None where no user says anything.

    Raises:
        InvalidInput: the body is not a JSON object.
    """
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("the body is not JSON") from error
    if not isinstance(body, dict):
        raise InvalidInput("the body is no JSON object")
    messages = body.get("messages" if api == "chat/completions" else "input")
    if api == "responses" and isinstance(messages, str):
        return body, Conversation(api, body, -1) if messages.strip() else None
    if not isinstance(messages, list):
        return body, None  # the model's server says what is wrong with it
    for place in range(len(messages) - 1, -1, -1):
        message = messages[place]
        if isinstance(message, Mapping) and message.get("role") == "user":
            found = Conversation(api, body, place)
            return body, found if found.said.strip() else None
    return body, None


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, Mapping)]
    return "\n".join(text for text in texts if isinstance(text, str))
