"""Source expansion: replaces a note that lacks the answer by sentences of its sources."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from memagent.embedding.encoder import Encoder
from memagent.recall.rules.questions import AnswerType, answer_type, has_candidate
from memagent.stores.banks.compression import CompressionBank
from memagent.stores.database.derived import COMPRESSED_KEY
from memagent.text.english import content_words, needs_context, sentences, stem
from memagent.types import Hit, Recollection, Record, Scope

logger = logging.getLogger(__name__)

MAX_EXPANDED = 5
"""The limit of notes expanded in one recall."""
MAX_EMBEDDED = 16
"""The limit of source sentences that are embedded for one note."""
MAX_KEY_SENTENCES = 2
"""A key that holds at most this many sentences of the sources is shown as it is."""


class SourceExpander:
    """Expands the notes among recalled records to their sources, where the notes are not enough."""

    def __init__(self, bank: CompressionBank, encoder: Encoder) -> None:
        self._bank = bank
        self._encoder = encoder

    def expand(self, question: str, found: Recollection, scope: Scope) -> Recollection:
        """Return a recollection with source sentences in place of the notes that are not enough.

        A note is enough if it holds a candidate answer, and no sentence of its sources holds more
        words of the question. A note whose source was recalled too is left out.
        """
        if not any(COMPRESSED_KEY in hit.record.metadata for hit in found.hits):
            return found
        recalled = {hit.record.id for hit in found.hits}
        expected, hits, examined = answer_type(question), list[Hit](), 0
        for hit in found.hits:
            if COMPRESSED_KEY not in hit.record.metadata or not hit.record.sources:
                hits.append(hit)
            elif recalled.isdisjoint(hit.record.sources):
                expanded = None
                if examined < MAX_EXPANDED:
                    examined += 1
                    expanded = self._expanded(hit, question, expected, scope)
                hits.append(expanded or hit)
        logger.debug("examined %d notes for expansion to their sources", examined)
        return replace(found, hits=tuple(hits))

    def _expanded(
        self, hit: Hit, question: str, expected: AnswerType | None, scope: Scope
    ) -> Hit | None:
        """Return a hit with the best source sentence of a note, None if the note is enough."""
        sources = self._bank.sources(scope, hit.record.id, deep=True)
        question_stems = _stems(question)
        scored = [
            (_count_shared(question_stems, span.of(record.text)), span.of(record.text), record)
            for record in sources
            for span in sentences(record.text)
        ]
        if not scored:
            return None
        most = max(shared for shared, _, _ in scored)
        answers = expected is not None and has_candidate(hit.record.text, expected, question)
        if answers and _count_shared(question_stems, hit.record.text) >= most:
            return None
        best = sorted(scored, key=lambda sentence: -sentence[0])[:MAX_EMBEDDED]
        return self._excerpt(hit, question, [(text, record) for _, text, record in best])

    def _excerpt(self, hit: Hit, question: str, candidates: Sequence[tuple[str, Record]]) -> Hit:
        """Return a hit on a source of a note, with the best sentence as its excerpt.

        That is the key by which the note was found, if the key is text of the source; else the
        sentence nearest to the question by embedding and by shared words. A sentence that names
        somebody only by pronoun comes with the one before it.
        """
        why = {**hit.why, "expanded": 1.0}
        in_key = [record for text, record in candidates if text in hit.key]
        if 0 < len(in_key) <= MAX_KEY_SENTENCES:
            return replace(hit, record=in_key[0], why=why, excerpt=hit.key)
        question_stems = _stems(question)
        vectors = self._encoder.documents([text for text, _ in candidates])
        cosines = vectors @ self._encoder.query(question)
        counts = np.array([_count_shared(question_stems, text) for text, _ in candidates])
        shares = counts / max(1, len(question_stems))
        text, record = candidates[int(np.argmax(cosines + shares))]
        return replace(hit, record=record, why=why, excerpt=_with_context(text, record))


def _with_context(sentence: str, record: Record) -> str:
    """Return a sentence, with the one before it if it needs that as context."""
    if needs_context(sentence):
        ordered = [span.of(record.text) for span in sentences(record.text)]
        place = ordered.index(sentence)
        return " ".join(ordered[max(0, place - 1) : place + 1])
    return sentence


def _stems(text: str) -> set[str]:
    return {stem(word) for word in content_words(text)}


def _count_shared(question_stems: set[str], text: str) -> int:
    """Return the number of a question's stems that a text holds."""
    return len(question_stems & _stems(text))
