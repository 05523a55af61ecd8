"""Drilling down: from a note that does not say what is wanted to what it was made from."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from memagent.embedding import Encoder
from memagent.extracts import sentences
from memagent.questions import Want, offers, wants
from memagent.stores.compression import CompressionBank
from memagent.stores.derived import MARK
from memagent.stores.words import content_words, stem
from memagent.types import Hit, Recollection, Record, Scope

DRILLS = 5
"""At most so many notes of one recall are looked behind."""
LOOKED_AT = 16
"""At most so many sentences of a note's sources are compared by meaning."""
SHOWN = 2
"""So many sentences are shown in the place of a note."""


class Driller:
    """Looks behind the notes among what was recalled, where they are not enough."""

    def __init__(self, bank: CompressionBank, encoder: Encoder) -> None:
        self._bank = bank
        self._encoder = encoder

    def drilled(self, question: str, found: Recollection, scope: Scope) -> Recollection:
        """Return what was recalled, with the sentences wanted in the place of notes without them.

        A note is enough if it holds something of the kind that is asked for, and no sentence of its
        sources holds more of the question's words. A note whose source was recalled too goes.
        """
        notes = [hit for hit in found.hits if MARK in hit.record.metadata]
        if not notes:
            return found
        here = {hit.record.id for hit in found.hits}
        want, hits, drills = wants(question), list[Hit](), 0
        for hit in found.hits:
            if MARK not in hit.record.metadata or not hit.record.sources:
                hits.append(hit)
            elif here.isdisjoint(hit.record.sources):
                below = None
                if drills < DRILLS:
                    drills += 1
                    below = self._below(hit, question, want, scope)
                hits.append(below or hit)
        return replace(found, hits=tuple(hits))

    def _below(self, hit: Hit, question: str, want: Want | None, scope: Scope) -> Hit | None:
        """Return the best sentences of what a note was made from, None if the note is enough."""
        sources = self._bank.sources(scope, hit.record.id, deep=True)
        asked = {stem(word) for word in content_words(question)}
        told = [
            (_held(asked, span.of(record.value)), span.of(record.value), record)
            for record in sources
            for span in sentences(record.value)
        ]
        if not told:
            return None
        most = max(held for held, _, _ in told)
        offered = want is not None and offers(hit.record.value, want, question)
        if offered and _held(asked, hit.record.value) >= most:
            return None
        likely = sorted(told, key=lambda one: -one[0])[:LOOKED_AT]
        return self._shown(hit, question, [(text, record) for _, text, record in likely])

    def _shown(self, hit: Hit, question: str, told: Sequence[tuple[str, Record]]) -> Hit:
        """Return a hit on the source of the nearest sentence, that shows this and one more of it.

        What is nearest is told by meaning and by words, as a search does.
        """
        asked = {stem(word) for word in content_words(question)}
        vectors = self._encoder.documents([text for text, _ in told])
        near = vectors @ self._encoder.query(question)
        words = np.array([_held(asked, text) for text, _ in told]) / max(1, len(asked))
        best = np.argsort(-(near + words), kind="stable")
        record = told[best[0]][1]
        own = [place for place in best if told[place][1].id == record.id][:SHOWN]
        texts = {told[place][0] for place in own}
        order = [span.of(record.value) for span in sentences(record.value)]
        return Hit(
            record=record,
            key=told[best[0]][0],
            score=hit.score,
            why={**hit.why, "drilled": 1.0},
            excerpt=" ".join(text for text in order if text in texts),
        )


def _held(asked: set[str], text: str) -> int:
    """Return how many of the question's words (stems) a text holds."""
    return len(asked & {stem(word) for word in content_words(text)})
