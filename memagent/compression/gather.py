"""Aggregation of notes: the sentences of the best notes for a question, within a token budget.

Top-k aggregation follows CMT, carried over to text: a softmax over the scores of the k best notes
weighs their sentences, and all other notes weigh exactly zero. Hierarchical aggregation follows
MAC: notes are merged group by group, until one group is left.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memagent.compression.base import Budget
from memagent.compression.extractive import Extractive
from memagent.embedding.encoder import Encoder
from memagent.errors import InvalidInput
from memagent.stores.banks.episodic import EpisodicBank
from memagent.stores.database.filters import Filter
from memagent.stores.ranking import Ranking, tokens_of
from memagent.text.english import content_words, stem
from memagent.text.sentences import sentences
from memagent.types import Hit

SHARPNESS = 10.0
"""The factor on scores before the softmax: scores are cosines, which differ by little."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A sentence of a note: the note's id, its place among all sentences, its weight and score.

    The weight is the note's; the score is the weight times the similarity of the sentence to the
    question.
    """

    text: str
    note: str
    place: int
    weight: float
    score: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathered:
    """The sentences gathered for a question, in the order of their notes.

    `weights` are the weights of the k best notes by id, which sum to one; `left_out` counts the
    sentences that did not fit into the budget, `merged` those that duplicate another.
    """

    pieces: tuple[Piece, ...] = ()
    weights: tuple[tuple[str, float], ...] = ()
    left_out: int = 0
    merged: int = 0

    @property
    def lines(self) -> tuple[str, ...]:
        """The texts to show a model."""
        return tuple(piece.text for piece in self.pieces)

    @property
    def tokens(self) -> int:
        """The approximate number of tokens of the texts."""
        return sum(tokens_of(len(line)) for line in self.lines)


def top_k_weights(scores: Sequence[float], k: int) -> list[float]:
    """Return a softmax over the k largest scores; all others weigh exactly zero.

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
    """Merge duplicates, and keep the pieces with the best scores within a budget, in order."""
    kept = []
    for piece in _by_score(without_duplicates(pieces)):
        cost = tokens_of(len(piece.text))
        if piece.weight > 0 and cost <= tokens:
            kept.append(piece)
            tokens -= cost
    return _in_order(kept)


def without_duplicates(pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces without those whose words a piece with no lower score also has."""
    kept: list[Piece] = []
    holding: dict[str, list[frozenset[str]]] = {}
    for piece in _by_score(pieces):
        stems = frozenset(stem(word) for word in content_words(piece.text))
        stems = stems or frozenset([piece.text])
        # What has all of the words has the rarest of them: only there is it looked for.
        rarest = min((holding.get(word, []) for word in stems), key=len)
        if not any(stems <= other for other in rarest):
            kept.append(piece)
            for word in stems:
                holding.setdefault(word, []).append(stems)
    return _in_order(kept)


def _by_score(pieces: Sequence[Piece]) -> list[Piece]:
    return sorted(pieces, key=lambda piece: (-piece.score, piece.place))


def _in_order(pieces: Sequence[Piece]) -> list[Piece]:
    return sorted(pieces, key=lambda piece: piece.place)


def aggregate_in_groups(
    notes: Sequence[Sequence[Piece]],
    size: int,
    reduce: Callable[[Sequence[Piece]], list[Piece]],
) -> list[Piece]:
    """Reduce groups of `size` notes, then groups of the results, until one group is left.

    Every note is in exactly one group.

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
    """Options of gathering: the `k` best notes are merged into at most `tokens` tokens.

    With `self_match`, the question is compressed like the notes (to its runs of words) and compared
    by embedding alone; without, the search is by words as well. With a `group`, that many notes are
    merged at a time, for a large `k`.

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
    bank: EpisodicBank, encoder: Encoder, question: str, where: Filter, options: GatherOptions
) -> Gathered:
    """Return the sentences of the visible notes that are nearest to a question."""
    query = compressed_question(question) if options.self_match else question
    vector = encoder.query(query)
    hits = bank.search(None if options.self_match else query, vector, where, Ranking(k=options.k))
    if not hits:
        return Gathered()
    weights = top_k_weights([hit.score for hit in hits], options.k)
    notes = _pieces(hits, weights, vector, encoder)
    pieces = [piece for note in notes for piece in note]
    if options.group is None:
        kept = aggregate(pieces, options.tokens)
    else:
        kept = aggregate_in_groups(
            notes, options.group, lambda group: aggregate(group, options.tokens)
        )
    unique = len(without_duplicates(pieces))
    return Gathered(
        pieces=tuple(kept),
        weights=tuple((hit.record.id, weight) for hit, weight in zip(hits, weights, strict=True)),
        left_out=unique - len(kept),
        merged=len(pieces) - unique,
    )


def compressed_question(question: str) -> str:
    """Return a question compressed like the notes: without its function words."""
    compressed = Extractive(embed=_no_vectors, unit="runs").compress(question, Budget(ratio=0.999))
    return compressed.text if compressed else question


def _no_vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    return np.zeros((len(texts), 1), dtype=np.float32)


def _pieces(
    hits: Sequence[Hit],
    weights: Sequence[float],
    vector: NDArray[np.float32],
    encoder: Encoder,
) -> list[list[Piece]]:
    """Return each note's sentences, scored by the note's weight times their own similarity."""
    lines_of = [[span.of(hit.record.text) for span in sentences(hit.record.text)] for hit in hits]
    texts = [text for lines in lines_of for text in lines]
    similarities = iter(encoder.documents(texts) @ vector)
    notes, place = [], 0
    for hit, weight, lines in zip(hits, weights, lines_of, strict=True):
        note = []
        for line in lines:
            score = weight * max(0.0, float(next(similarities)))
            note.append(
                Piece(text=line, note=hit.record.id, place=place, weight=weight, score=score)
            )
            place += 1
        notes.append(note)
    return notes
