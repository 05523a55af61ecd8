"""Chat message history of langchain-core over one session of a memory."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import (
    BaseMessage,
    message_to_dict,
    messages_from_dict,
)
from langchain_core.utils.uuid import uuid7

from memagent.errors import InvalidInput, shown
from memagent.integrations.upsert import OWN, Upsert, upsert
from memagent.memory import arguments
from memagent.memory.aio import AsyncMemory, sync_of
from memagent.memory.memory import Memory
from memagent.memory.messages import TYPES, evidence_in, text_of
from memagent.types import NewRecord, Record, Scope, ScopeLike

logger = logging.getLogger(__name__)

MESSAGE = f"{OWN}message"
"""Metadata key of what a message holds besides its text."""
EVERY = 1_000_000_000
"""More messages than a session has."""
PAGE = 20
REPLIES = ("assistant", "tool")
"""Roles of messages that are made from those before them."""


class MemagentChatMessageHistory(BaseChatMessageHistory):
    """The messages of one session, in the order they were added; each is a record of its own.

    Any message of langchain-core comes back as it went in. What it says is remembered like anything
    else: a search of the user's memory finds it. Only what a human states counts as
    evidence; questions, replies, instructions and what tools return are not shown to a model as
    something known. (langchain-core keeps this interface until its 2.0.)

    Raises:
        InvalidInput: the scope has no session.
    """

    def __init__(self, memory: Memory | AsyncMemory, *, scope: ScopeLike) -> None:
        super().__init__()
        self.memory = sync_of(memory)
        self.scope = Scope.of(scope)
        if self.scope.session is None:
            raise InvalidInput("a chat history is of one session: give the scope a session")

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        """The messages, oldest first."""
        where = {MESSAGE: {"exists": True}}
        records = self.memory.list(scope=self.scope, limit=EVERY, where=where)
        return [message for one in sorted(records, key=self._place) for message in _restored(one)]

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Add messages, all or none.

        A reply, and what a tool returned, is forgotten with any message before it.

        Raises:
            InvalidInput: a message cannot be kept as text and JSON.
        """
        if isinstance(messages, str) or not isinstance(messages, Iterable):
            raise InvalidInput(f"messages: a list of messages is wanted, not {shown(messages)}")
        notes = [_note(message) for message in arguments.listed("messages", messages)]
        before = self._last_exchange()
        upserts = [
            Upsert(
                id=str(uuid7()),
                note=note,
                scope=self.scope,
                reply=note.metadata["role"] in REPLIES,
                shown=before if note.metadata["role"] in REPLIES else (),
            )
            for note in notes
        ]
        upsert(self.memory, upserts, within=self.scope)

    def _last_exchange(self) -> tuple[int, ...]:
        """Return the messages (by `seq`) since the last reply, and that one.

        It is linked to those before it in turn.
        """
        found: list[int] = []
        after: str | None = None
        while True:
            page = self.memory.list(
                scope=self.scope, limit=PAGE, where={MESSAGE: {"exists": True}}, after=after
            )
            for record in page:
                found.append(record.seq)
                if record.role in REPLIES:
                    return tuple(found)
            if page.next is None:
                return tuple(found)
            after = page.next

    def clear(self) -> None:
        """Erase the messages, as `Memory.forget` does; the session's other records stay."""
        self.memory.forget(scope=self.scope, where={MESSAGE: {"exists": True}})

    def _place(self, record: Record) -> int:
        """Return the place of a message, which it keeps when its record is updated."""
        if record.supersedes is None:
            return record.seq
        versions = [event.record for event in self.memory.history(record.id, scope=self.scope)]
        known = self.memory.get(versions, scope=self.scope)
        return min((one.seq for one in known), default=record.seq)


def _note(message: BaseMessage) -> NewRecord:
    """Return a message as a note: what it says is the value, the rest goes into the metadata."""
    if not isinstance(message, BaseMessage):
        raise InvalidInput(f"messages: a message of langchain-core, not {shown(message)}")
    stored, role = message_to_dict(message), TYPES.get(message.type, message.type)
    if isinstance(message.content, str) and message.content.strip():
        del stored["data"]["content"]
    return NewRecord(
        text=text_of(message),
        evidence=evidence_in(role, text_of(message)),
        metadata={MESSAGE: stored, "role": role},
    )


def _restored(record: Record) -> list[BaseMessage]:
    """Return a record as a message, or nothing if its metadata are not those of one.

    Anybody who writes into the session may write metadata.
    """
    try:
        stored: dict[str, Any] = record.metadata[MESSAGE]
        data = {"content": record.text, **stored["data"]}
        return messages_from_dict([{**stored, "data": data}])
    except (KeyError, TypeError, ValueError):
        logger.warning("record %d says that it is a message, but is none", record.seq)
        return []
