"""Recall strategy: the interface of what chooses the memories to show for a question."""

from dataclasses import KW_ONLY, dataclass
from typing import Protocol

from memagent.stores.database.filters import Filter
from memagent.types import Recollection, Scope

RECORDS = 20
"""Records that are shown at most, where the caller does not say."""
TOKENS = 1_500
"""Tokens (of about four characters) of the texts shown together, where the caller does not say."""


@dataclass(frozen=True, slots=True)
class RecallQuery:
    """Question to recall for, what may be found, and how much may be shown.

    At most `k` records are shown, with texts of at most `tokens` tokens together.
    `learned_scope` is the scope whose learned hop directions a strategy of rules follows.
    """

    question: str
    _: KW_ONLY
    where: Filter
    learned_scope: Scope
    k: int = RECORDS
    tokens: int | None = TOKENS


class Strategy(Protocol):
    """Way of recalling."""

    def recall(self, query: RecallQuery) -> Recollection:
        """Return the records to show for a question, oldest first."""
        ...

    def learn(self, question: str, answer: str, scope: Scope, learned_scope: Scope) -> bool:
        """Learn what leads to a known answer; return whether there was anything to learn."""
        ...
