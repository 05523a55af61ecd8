"""Ingestion of a conversation: turn by turn, as an application writes it, the same for every arm.

Each session is written by `Memory.add_messages` into a scope of the conversation's user and that
session, in order; a message has its role, its speaker's name where there is one, its time, and as
its id that of the turn. In a session whose turns share one time, each turn is a second later than
the one before, so that their order is kept. A turn of no session is a note, which is written by
`Memory.add_many`.
"""

import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from weakref import WeakKeyDictionary

from memagent.evals.tasks.conversations.conversation import Conversation, Turn
from memagent.memory.memory import Memory
from memagent.types import NewRecord, Scope

SECOND = timedelta(seconds=1)
_WRITING = threading.Lock()
"""One conversation is written at a time; whoever comes second finds it written."""
_WRITTEN: WeakKeyDictionary[Memory, dict[str, dict[str, tuple[str, ...]]]] = WeakKeyDictionary()
"""Ids of the turns by those of their records, by the memory and the user."""


def scope_of(data: str, conversation: str) -> Scope:
    """Return the scope of a conversation of a data set, across its sessions."""
    return Scope(user=f"{data}/{conversation}")


def ingest(memory: Memory, conversation: Conversation, scope: Scope) -> dict[str, tuple[str, ...]]:
    """Write a conversation, and return the ids of its turns by those of their records.

    Turns that are written already are not written again. Where undated turns of a session have the
    same words they are one record, which stands for all of them.
    """
    with _WRITING:
        written = _WRITTEN.setdefault(memory, {})
        if scope.user in written:
            return written[scope.user]
        turns: dict[str, tuple[str, ...]] = {}
        for session, said in conversation.sessions().items():
            if session:
                whose = Scope(user=scope.user, session=session)
                records = memory.add_messages(messages_of(said), scope=whose)
            else:
                notes = [NewRecord(id=t.id, text=t.text, valid_from=t.when) for t in said]
                records = memory.add_many(notes, scope=Scope(user=scope.user))
            for turn, record in zip(said, records, strict=True):
                turns[record.id] = (*turns.get(record.id, ()), turn.id)
        written[scope.user] = turns
    return turns


def messages_of(session: Sequence[Turn]) -> list[dict[str, Any]]:
    """Return the turns of one session as the messages that `Memory.add_messages` takes."""
    messages = []
    later = timedelta(0)
    before = None
    for turn in session:
        later = later + SECOND if before is not None and turn.when == before else timedelta(0)
        before = turn.when
        message: dict[str, Any] = {"id": turn.id, "role": turn.role, "content": turn.text}
        if turn.name:
            message["name"] = turn.name
        if turn.when is not None:
            message["timestamp"] = turn.when + later
        messages.append(message)
    return messages
