"""From the notes that a question found to what fits into a budget: top-k aggregation of text.

CMT names the technique; for text it is ours: a softmax over the scores of the k best notes weighs
their sentences, and what is outside of them weighs exactly nothing. Hierarchical aggregation is
MAC's, over groups of notes, until one group is left.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from memagent.errors import InvalidInput
from memagent.stores.ranking import tokens_of
from memagent.text.english import content_words, stem

SHARPNESS = 10.0
"""Scores are cosines, which differ by little: the softmax is taken of so many times the score."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A sentence of a note: which note's, its place among all, its weight and its worth.

    The worth is the weight of the note times what the sentence itself is worth for the question.
    """

    text: str
    note: str
    place: int
    weight: float
    worth: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathered:
    """What was gathered for a question: its pieces, in the order of the notes.

    `weights` are those of the k best notes, of sum one; `left_out` counts the pieces that found no
    room, `merged` those that another piece says as well.
    """

    pieces: tuple[Piece, ...] = ()
    weights: tuple[tuple[str, float], ...] = ()
    left_out: int = 0
    merged: int = 0

    @property
    def lines(self) -> tuple[str, ...]:
        """The texts, for a model."""
        return tuple(piece.text for piece in self.pieces)

    @property
    def tokens(self) -> int:
        """About how many tokens the texts have."""
        return sum(tokens_of(len(line)) for line in self.lines)


def weighted(scores: Sequence[float], k: int) -> list[float]:
    """Return a softmax over the k largest scores; the rest weighs exactly zero.

    Raises:
        InvalidInput: k is less than 1.
    """
    if k < 1:
        raise InvalidInput(f"k must be at least 1, not {k}")
    best = sorted(range(len(scores)), key=lambda place: -scores[place])[:k]
    powers = {place: math.exp(SHARPNESS * (scores[place] - scores[best[0]])) for place in best}
    total = sum(powers.values())
    return [powers.get(place, 0.0) / total if powers else 0.0 for place in range(len(scores))]


def aggregate(pieces: Sequence[Piece], tokens: int) -> list[Piece]:
    """Merge what says the same, and keep what is worth most within a budget, in order."""
    fitting = []
    for piece in sorted(merged(pieces), key=lambda one: (-one.worth, one.place)):
        cost = tokens_of(len(piece.text))
        if piece.weight > 0 and cost <= tokens:
            fitting.append(piece)
            tokens -= cost
    return sorted(fitting, key=lambda one: one.place)


def merged(pieces: Sequence[Piece]) -> list[Piece]:
    """Leave out every piece of which another, of no less worth, has all the words."""
    held: list[tuple[frozenset[str], Piece]] = []
    for piece in sorted(pieces, key=lambda one: (-one.worth, one.place)):
        own = frozenset(stem(word) for word in content_words(piece.text)) or frozenset([piece.text])
        if not any(own <= other for other, _ in held):
            held.append((own, piece))
    return sorted((piece for _, piece in held), key=lambda one: one.place)


def in_groups(
    notes: Sequence[Sequence[Piece]],
    size: int,
    reduce: Callable[[Sequence[Piece]], list[Piece]],
) -> list[Piece]:
    """Aggregate group by group of `size` notes, then groups of the outcomes, until one is left.

    The loop runs over the notes, however many there are, so that each of them is in one group.

    Raises:
        InvalidInput: a group has fewer than two notes.
    """
    if size < 2:
        raise InvalidInput(f"a group has at least 2 notes, not {size}")
    level = [list(note) for note in notes]
    while len(level) > 1:
        groups = [level[start : start + size] for start in range(0, len(level), size)]
        level = [reduce([piece for note in group for piece in note]) for group in groups]
    return reduce(level[0]) if level else []
