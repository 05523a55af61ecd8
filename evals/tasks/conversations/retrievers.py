"""Retrievers: stores under test that read a conversation and rank its turns for a question."""

from dataclasses import dataclass
from typing import Protocol

from memagent.evals.tasks.conversations.conversation import Conversation, ConversationQuestion


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranked:
    """Turns that a store found for a question, best first, by id.

    A store that shows few has as many as it shows. `seconds` is what the search alone took, without
    embedding the question where the store lets the two be told apart.
    """

    turns: tuple[str, ...]
    seconds: float


class Retriever(Protocol):
    """A store under test; one is made for a run, and may be asked from several threads."""

    def read(self, conversation: Conversation) -> None:
        """Store a conversation, once; every question about it comes after."""
        ...

    def find(self, question: ConversationQuestion, k: int) -> Ranked:
        """Return at most `k` turns of the question's conversation, best first."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...
