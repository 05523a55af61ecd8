"""Goal of a search over several hops by the English rules, and the trail of hops to it."""

from collections.abc import Sequence
from dataclasses import dataclass

from memagent.recall.rules.questions import AnswerType, TimeReference, has_candidate
from memagent.types import Hit, Record

MAX_HOPS = 4
"""Searches of one recall at most, the first included."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Goal:
    """The goal of a search: the question, the expected answer type, and its time reference."""

    question: str
    expected: AnswerType
    time: TimeReference | None = None

    def reached(self, text: str) -> bool:
        """Tell whether a text holds a candidate answer that the question does not name."""
        return has_candidate(text, self.expected, self.question)


@dataclass(frozen=True, kw_only=True, slots=True)
class Trail:
    """The hops from the records found to the goal: one query and one hit for each hop."""

    queries: tuple[str, ...] = ()
    hits: tuple[Hit, ...] = ()

    def extended(self, query: Sequence[str], record: Record, score: float, hop: int) -> "Trail":
        """Return the trail with one more hop."""
        hit = Hit(record=record, key=record.keys[0], score=score, why={"hop": float(hop)})
        return Trail(queries=(*self.queries, " ".join(query)), hits=(*self.hits, hit))
