"""Retrievers: stores under test that read a conversation and rank its turns for a question."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from memagent.evals.arm import Parts
from memagent.evals.tasks.conversations.conversation import (
    Conversation,
    ConversationQuestion,
    ConversationTask,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranked:
    """Turns that a store found for a question, best first, by id.

    A store that chooses how many it shows, as `Memory.recall` does, has just those. `seconds` is
    what the search took, without embedding the question where the two can be told apart.
    """

    turns: tuple[str, ...]
    seconds: float


class Retriever(Protocol):
    """A store under test; made once for a run, and asked from one thread at a time."""

    def read(self, conversation: Conversation) -> None:
        """Store a conversation; every question about it comes later."""
        ...

    def find(self, question: ConversationQuestion, k: int) -> Ranked:
        """Return at most `k` turns of the question's conversation, best first."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...


MakeRetriever = Callable[[ConversationTask, Parts], Retriever]
"""A task and the parts of a run in; the store that reads its conversations out."""
