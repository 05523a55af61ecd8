"""Source expansion: replaces a note that lacks the answer by sentences of its sources."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from memagent.embedding.calibration import calibration
from memagent.embedding.encoder import Encoder
from memagent.stores.banks.compression import CompressionBank
from memagent.stores.banks.episodic import EpisodicBank
from memagent.stores.database.derived import COMPRESSED_KEY
from memagent.text.sentences import sentences
from memagent.types import Hit, Recollection, Record, Scope

logger = logging.getLogger(__name__)

MAX_EXPANDED = 5
"""The limit of notes expanded in one recall."""
MAX_EMBEDDED = 16
"""The limit of source sentences that are embedded for one note."""
MAX_KEY_SENTENCES = 2
"""A key that holds at most this many sentences of the sources is shown as it is."""
MARGIN = 0.05
"""A source sentence is shown where it is more relevant than its note by more than this."""


@dataclass(frozen=True, slots=True)
class _Sentence:
    """Sentence of a source, with the one before it, and the share of the question it covers."""

    text: str
    before: str
    record: Record
    covered: float


class SourceExpander:
    """Expands the notes among recalled records to their sources, where the notes are not enough."""

    def __init__(self, notes: CompressionBank, bank: EpisodicBank, encoder: Encoder) -> None:
        self._notes = notes
        self._bank = bank
        self._encoder = encoder

    def expand(self, question: str, found: Recollection, scope: Scope) -> Recollection:
        """Return a recollection with source sentences in place of the notes that are not enough.

        A note is enough if no sentence of its sources is clearly more relevant to the question. A
        note whose source was recalled too is left out.
        """
        if not any(COMPRESSED_KEY in hit.record.metadata for hit in found.hits):
            return found
        recalled = {hit.record.id for hit in found.hits}
        covered, hits, examined = self._bank.coverage(question, scope), list[Hit](), 0
        for hit in found.hits:
            if COMPRESSED_KEY not in hit.record.metadata or not hit.record.sources:
                hits.append(hit)
            elif recalled.isdisjoint(hit.record.sources):
                expanded = None
                if examined < MAX_EXPANDED:
                    examined += 1
                    expanded = self._expanded(hit, question, covered, scope)
                hits.append(expanded or hit)
        logger.debug("examined %d notes for expansion to their sources", examined)
        return replace(found, hits=tuple(hits))

    def _expanded(
        self, hit: Hit, question: str, covered: Callable[[str], float], scope: Scope
    ) -> Hit | None:
        """Return a hit on a source of a note, with an excerpt of it, None if the note is enough.

        That is the key by which the note was found, if the most relevant sentence is in it and
        little else; or that sentence, after the one before it, which may say whom it is about.
        """
        noted = covered(hit.record.text)
        sources = self._notes.sources(scope, hit.record.id, deep=True)
        candidates = [
            sentence
            for record in sources
            for sentence in _sentences(record, covered)
            if sentence.covered >= noted
        ]
        candidates = sorted(candidates, key=lambda one: -one.covered)[:MAX_EMBEDDED]
        if not candidates:
            return None
        relevance = self._relevance(question, hit.record.text, noted, candidates)
        best = candidates[int(np.argmax(relevance[1:]))]
        if relevance[1:].max() <= relevance[0] + MARGIN:
            return None
        why = {**hit.why, "expanded": 1.0}
        in_key = [sentence for sentence in candidates if sentence.text in hit.key]
        if best in in_key and len(in_key) <= MAX_KEY_SENTENCES:
            return replace(hit, record=best.record, why=why, excerpt=hit.key)
        excerpt = f"{best.before} {best.text}".strip()
        return replace(hit, record=best.record, why=why, excerpt=excerpt)

    def _relevance(
        self, question: str, note: str, noted: float, candidates: list[_Sentence]
    ) -> NDArray[np.float64]:
        """Return the relevance of a note, and of source sentences, in [0, 1].

        It is the mean of the scaled cosine and of the share of the question that is covered.
        """
        vectors = self._encoder.documents([note, *(sentence.text for sentence in candidates)])
        cosines = calibration(self._encoder).scaled(vectors @ self._encoder.query(question))
        covered = np.array([noted, *(sentence.covered for sentence in candidates)])
        return np.asarray((cosines.clip(0, 1) + covered) / 2, dtype=np.float64)


def _sentences(record: Record, covered: Callable[[str], float]) -> list[_Sentence]:
    texts = [span.of(record.text) for span in sentences(record.text)]
    pairs = zip(texts, ["", *texts], strict=False)
    return [_Sentence(text, before, record, covered(text)) for text, before in pairs]
