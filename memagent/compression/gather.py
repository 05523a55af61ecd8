"""From the notes that a question found to what fits into a budget: top-k aggregation of text.

CMT names the technique; for text it is ours: a softmax over the scores of the k best notes weighs
their sentences, and what is outside of them weighs exactly nothing. Hierarchical aggregation is
MAC's, over groups of notes, until one group is left.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from memagent.compression.base import Budget
from memagent.compression.extractive import Extractive
from memagent.embedding.encoder import Encoder
from memagent.errors import InvalidInput
from memagent.stores.banks.episodic import EpisodicBank
from memagent.stores.database.filters import Filter
from memagent.stores.ranking import Ranking, tokens_of
from memagent.text.english import content_words, sentences, stem
from memagent.types import Hit

SHARPNESS = 10.0
"""Scores are cosines, which differ by little: the softmax is taken of so many times the score."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A sentence of a note: which note's, its place among all, its weight and its score.

    The score is the weight of the note times what the sentence itself is score for the question.
    """

    text: str
    note: str
    place: int
    weight: float
    score: float


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


def top_k_weights(scores: Sequence[float], k: int) -> list[float]:
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
    """Merge what says the same, and keep what is score most within a budget, in order."""
    fitting = []
    for piece in sorted(without_duplicates(pieces), key=lambda one: (-one.score, one.place)):
        cost = tokens_of(len(piece.text))
        if piece.weight > 0 and cost <= tokens:
            fitting.append(piece)
            tokens -= cost
    return sorted(fitting, key=lambda one: one.place)


def without_duplicates(pieces: Sequence[Piece]) -> list[Piece]:
    """Leave out every piece of which another, of no less score, has all the words."""
    held: list[tuple[frozenset[str], Piece]] = []
    for piece in sorted(pieces, key=lambda one: (-one.score, one.place)):
        own = frozenset(stem(word) for word in content_words(piece.text)) or frozenset([piece.text])
        if not any(own <= other for other, _ in held):
            held.append((own, piece))
    return sorted((piece for _, piece in held), key=lambda one: one.place)


def aggregate_in_groups(
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


@dataclass(frozen=True, kw_only=True, slots=True)
class GatherOptions:
    """How notes are gathered: the `k` best, merged into at most `tokens` tokens.

    With `self_match`, the question is compressed like the notes (its runs of words) and compared by
    meaning alone; without, it is searched for like anything else. A `group` aggregates that many
    notes at a time, for a large `k`.

    Raises:
        InvalidInput: a number is less than 1, or a group less than 2.
    """

    k: int = 8
    tokens: int = 256
    group: int | None = None
    self_match: bool = True

    def __post_init__(self) -> None:
        if self.k < 1 or self.tokens < 1 or (self.group is not None and self.group < 2):
            raise InvalidInput(
                "gathering: expected k and tokens of at least 1 and groups of at least 2; found"
                f" {self.k}, {self.tokens} and {self.group}"
            )


def gather(
    bank: EpisodicBank, encoder: Encoder, question: str, where: Filter, how: GatherOptions
) -> Gathered:
    """Return what the notes in sight say that is nearest to a question."""
    query = compressed_question(question) if how.self_match else question
    vector = encoder.query(query)
    hits = bank.search(None if how.self_match else query, vector, where, Ranking(k=how.k))
    if not hits:
        return Gathered()
    weights = top_k_weights([hit.score for hit in hits], how.k)
    notes = _pieces(hits, weights, vector, encoder)
    every = [piece for note in notes for piece in note]
    if how.group is None:
        kept = aggregate(every, how.tokens)
    else:
        kept = aggregate_in_groups(notes, how.group, lambda some: aggregate(some, how.tokens))
    unlike = len(without_duplicates(every))
    return Gathered(
        pieces=tuple(kept),
        weights=tuple((hit.record.id, one) for hit, one in zip(hits, weights, strict=True)),
        left_out=unlike - len(kept),
        merged=len(every) - unlike,
    )


def compressed_question(question: str) -> str:
    """Return a question as the compressor leaves it: its words without those of grammar."""
    made = Extractive(embed=_none, unit="runs").compress(question, Budget(ratio=0.999))
    return made.text if made else question


def _none(texts: Sequence[str]) -> "np.typing.NDArray[np.float32]":
    return np.zeros((len(texts), 1), dtype=np.float32)


def _pieces(
    hits: Sequence[Hit],
    weights: Sequence[float],
    vector: "np.typing.NDArray[np.float32]",
    encoder: Encoder,
) -> list[list[Piece]]:
    """Return each note's sentences, score the note's weight times their own nearness."""
    told = [[span.of(hit.record.text) for span in sentences(hit.record.text)] for hit in hits]
    texts = [text for lines in told for text in lines]
    near = iter(encoder.documents(texts) @ vector)
    notes, place = [], 0
    for hit, weight, lines in zip(hits, weights, told, strict=True):
        note = []
        for line in lines:
            score = weight * max(0.0, float(next(near)))
            note.append(
                Piece(text=line, note=hit.record.id, place=place, weight=weight, score=score)
            )
            place += 1
        notes.append(note)
    return notes
