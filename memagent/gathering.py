"""What the notes of the bank hold for a question: matched by themselves, weighed, merged."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from memagent.aggregation import Gathered, Piece, aggregate, in_groups, merged, weighted
from memagent.compressor import Budget
from memagent.embedding.encoder import Encoder
from memagent.errors import InvalidInput
from memagent.extractive import Extractive
from memagent.stores.banks.episodic import EpisodicBank
from memagent.stores.database.filters import Filter
from memagent.stores.ranking import Ranking
from memagent.text.english import sentences
from memagent.types import Hit


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathering:
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
    bank: EpisodicBank, encoder: Encoder, question: str, where: Filter, how: Gathering
) -> Gathered:
    """Return what the notes in sight say that is nearest to a question."""
    query = compressed(question) if how.self_match else question
    vector = encoder.query(query)
    hits = bank.search(None if how.self_match else query, vector, where, Ranking(k=how.k))
    if not hits:
        return Gathered()
    weights = weighted([hit.score for hit in hits], how.k)
    notes = _pieces(hits, weights, vector, encoder)
    every = [piece for note in notes for piece in note]
    if how.group is None:
        kept = aggregate(every, how.tokens)
    else:
        kept = in_groups(notes, how.group, lambda some: aggregate(some, how.tokens))
    unlike = len(merged(every))
    return Gathered(
        pieces=tuple(kept),
        weights=tuple((hit.record.id, one) for hit, one in zip(hits, weights, strict=True)),
        left_out=unlike - len(kept),
        merged=len(every) - unlike,
    )


def compressed(question: str) -> str:
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
    """Return each note's sentences, worth the note's weight times their own nearness."""
    told = [[span.of(hit.record.value) for span in sentences(hit.record.value)] for hit in hits]
    texts = [text for lines in told for text in lines]
    near = iter(encoder.documents(texts) @ vector)
    notes, place = [], 0
    for hit, weight, lines in zip(hits, weights, told, strict=True):
        note = []
        for line in lines:
            worth = weight * max(0.0, float(next(near)))
            note.append(
                Piece(text=line, note=hit.record.id, place=place, weight=weight, worth=worth)
            )
            place += 1
        notes.append(note)
    return notes
