"""Drilling down: from a note that does not say what is wanted to what it was made from."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from memagent.embedding.encoder import Encoder
from memagent.recall.rules.questions import AnswerType, answer_type, has_candidate
from memagent.stores.banks.compression import CompressionBank
from memagent.stores.database.derived import COMPRESSED_KEY
from memagent.text.english import content_words, needs_context, sentences, stem
from memagent.types import Hit, Recollection, Record, Scope

MAX_EXPANDED = 5
"""At most so many notes of one recall are looked behind."""
LOOKED_AT = 16
"""At most so many sentences of a note's sources are compared by meaning."""
SHOWN = 2
"""A key of so many sentences of the source is shown as it is."""


class SourceExpander:
    """Looks behind the notes among what was recalled, where they are not enough."""

    def __init__(self, bank: CompressionBank, encoder: Encoder) -> None:
        self._bank = bank
        self._encoder = encoder

    def expand(self, question: str, found: Recollection, scope: Scope) -> Recollection:
        """Return what was recalled, with the sentences wanted in the place of notes without them.

        A note is enough if it holds something of the kind that is asked for, and no sentence of its
        sources holds more of the question's words. A note whose source was recalled too goes.
        """
        notes = [hit for hit in found.hits if COMPRESSED_KEY in hit.record.metadata]
        if not notes:
            return found
        here = {hit.record.id for hit in found.hits}
        want, hits, drills = answer_type(question), list[Hit](), 0
        for hit in found.hits:
            if COMPRESSED_KEY not in hit.record.metadata or not hit.record.sources:
                hits.append(hit)
            elif here.isdisjoint(hit.record.sources):
                below = None
                if drills < MAX_EXPANDED:
                    drills += 1
                    below = self._below(hit, question, want, scope)
                hits.append(below or hit)
        return replace(found, hits=tuple(hits))

    def _below(self, hit: Hit, question: str, want: AnswerType | None, scope: Scope) -> Hit | None:
        """Return the best sentences of what a note was made from, None if the note is enough."""
        sources = self._bank.sources(scope, hit.record.id, deep=True)
        asked = {stem(word) for word in content_words(question)}
        told = [
            (_held(asked, span.of(record.text)), span.of(record.text), record)
            for record in sources
            for span in sentences(record.text)
        ]
        if not told:
            return None
        most = max(held for held, _, _ in told)
        offered = want is not None and has_candidate(hit.record.text, want, question)
        if offered and _held(asked, hit.record.text) >= most:
            return None
        likely = sorted(told, key=lambda one: -one[0])[:LOOKED_AT]
        return self._shown(hit, question, [(text, record) for _, text, record in likely])

    def _shown(self, hit: Hit, question: str, told: Sequence[tuple[str, Record]]) -> Hit:
        """Return a hit on a source of a note, which shows the one sentence wanted of it.

        It is the one by which the note was found, if its key is a sentence of the source; else the
        one nearest to the question, by meaning and by words. A sentence that speaks of somebody
        only by pronoun is shown with the one before it.
        """
        why = {**hit.why, "expanded": 1.0}
        matched = [record for text, record in told if text in hit.key]
        if 0 < len(matched) <= SHOWN:
            return replace(hit, record=matched[0], why=why, excerpt=hit.key)
        asked = {stem(word) for word in content_words(question)}
        vectors = self._encoder.documents([text for text, _ in told])
        near = vectors @ self._encoder.query(question)
        words = np.array([_held(asked, text) for text, _ in told]) / max(1, len(asked))
        text, record = told[int(np.argmax(near + words))]
        return replace(hit, record=record, why=why, excerpt=_with_context(text, record))


def _with_context(sentence: str, record: Record) -> str:
    if needs_context(sentence):
        order = [span.of(record.text) for span in sentences(record.text)]
        place = order.index(sentence)
        return " ".join(order[max(0, place - 1) : place + 1])
    return sentence


def _held(asked: set[str], text: str) -> int:
    """Return how many of the question's words (stems) a text holds."""
    return len(asked & {stem(word) for word in content_words(text)})
