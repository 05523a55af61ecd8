"""Lessons from feedback, shown where the question that they were taught for is asked again.

A lesson is a record of the kind "lesson"; its metadata say which feedback it was made from (see
`memagent.feedback.reflection`). By its text it is found and ranked like any other record. The
questions that it was taught for are keys, too, but find it only if the same is asked in the same
words: a cosine does not tell a paraphrase from its opposite. With MiniLM, "Who leads Ada?" and
"Whom does Ada lead?" have a cosine of 0.94, and "When is the rent due?" and "When does the rent
have to be paid?" one of 0.83. It is shown to the model as a note, never said in its place.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from memagent.embedding.encoder import Encoder
from memagent.stores.banks.episodic import EpisodicBank
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import Filter
from memagent.stores.lifecycle.undo import change_data
from memagent.stores.ranking import Ranking, reliability
from memagent.text.english import content_words, stem
from memagent.text.words import query_words
from memagent.types import Hit, Record, Scope

logger = logging.getLogger(__name__)

NEAREST = 8
"""Number of questions nearest to the one asked that are compared with it."""
MIN_RELIABILITY = 0.4
"""A lesson below was judged harmful too often, and is not preferred to other records."""
TIE_WINDOW = 0.9
"""Lessons with at least this share of the best reliability are equally reliable."""
LED = 2
"""Number of records that a hint leads to, at most."""
CANDIDATES = Ranking(k=32)
"""Ranking of the records that a hint may lead to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LessonMatch:
    """A lesson that was taught for a question, and the records that it leads to if it is a hint.

    `instead` are the ids of the lessons that it is preferred to, `queries` the texts that were
    searched for.
    """

    lesson: Hit
    instead: frozenset[str] = frozenset()
    led: tuple[Hit, ...] = ()
    queries: tuple[str, ...] = ()

    @property
    def hits(self) -> tuple[Hit, ...]:
        """The lesson, and what it leads to."""
        return (self.lesson, *self.led)

    def before(self, hits: Sequence[Hit]) -> list[Hit]:
        """Return hits after the lesson and what it leads to, without what it is preferred to."""
        known = self.instead.union(hit.record.id for hit in self.hits)
        return [*self.hits, *(hit for hit in hits if hit.record.id not in known)]


class Lessons:
    """Finds the lesson that was taught for a question."""

    def __init__(self, store: SqliteStore, bank: EpisodicBank, encoder: Encoder) -> None:
        self._store = store
        self._bank = bank
        self._encoder = encoder

    def taught(
        self, question: str, vector: NDArray[np.float32], where: Filter
    ) -> LessonMatch | None:
        """Return the lesson that was taught for a question, None without one.

        `vector` is the question's, normalised. Of several the most reliable one counts; of equally
        reliable ones the newest.
        """
        if where.kind not in (None, "lesson"):
            return None
        found = self._taught(question, vector, replace(where, kind="lesson"))
        lessons = [hit for hit in found if hit.score >= MIN_RELIABILITY]
        if not lessons:
            return None
        best = max(hit.score for hit in lessons)
        lesson = max(
            (hit for hit in lessons if hit.score >= TIE_WINDOW * best),
            key=lambda hit: hit.record.moment,
        )
        logger.debug("a lesson was taught for this question, and %d others", len(found) - 1)
        match = LessonMatch(lesson=lesson, instead=frozenset(hit.record.id for hit in found))
        change = change_data(lesson.record)
        if change is None or change["feedback"] != "hint":
            return match
        return self._followed(match, question, where)

    def taught_for(self, question: str, scope: Scope) -> list[Hit]:
        """Return all lessons of a scope that were taught for a question, reliable or not."""
        if not question.strip():
            return []
        where = Filter(scope=scope, kind="lesson", evidence=True)
        return self._taught(question, self._encoder.query(question), where)

    def _taught(self, question: str, vector: NDArray[np.float32], where: Filter) -> list[Hit]:
        """Return the lessons that were taught for a question, scored by reliability."""
        near = self._bank.vectors.search(where, vector, NEAREST)
        cosines = {key: cosine for key, _, cosine in near}
        rows = self._store.read.ranked_rows(list({record for _, record, _ in near}))
        hits = []
        for row in rows.values():
            change, trust = change_data(row.record), reliability(row.helped, row.hurt)
            asks = change["asks"] if change else ()
            for key, text in row.keys.items():
                if key in cosines and text in asks and same_question(text, question):
                    why = {"cosine": cosines[key], "taught": 1.0}
                    hit = Hit(record=row.record, score=trust, key=text, why=why)
                    hits.append(replace(hit, excerpt=_unasked(row.record, text)))
                    break
        return hits

    def _followed(self, match: LessonMatch, question: str, where: Filter) -> LessonMatch:
        """Return a hint with the records that hold what it adds to the question.

        Of these, they are the ones that hold most of the words of both, and are nearest to it. What
        only says what the hint says leads nowhere.
        """
        text = match.lesson.record.text
        asked, said = _stems(question), _stems(text)
        query = f"{question} {text}"
        found = self._bank.search(query, self._encoder.query(text), where, CANDIDATES)
        led = []
        for hit in found:
            words = _stems(hit.record.text)
            if hit.record.kind != "lesson" and words & (said - asked) and words - said:
                led.append(replace(hit, why={**hit.why, "led": 1.0}))
        return replace(match, led=tuple(led[:LED]), queries=(text,))


def same_question(first: str, second: str) -> bool:
    """Tell whether two questions are the same words, whatever their case, accents and marks."""
    return query_words(first) == query_words(second)


def _unasked(lesson: Record, question: str) -> str | None:
    """Return a lesson's text without the question before it, None if none is.

    A weak model that is shown its question as a note repeats it.
    """
    rest = lesson.text.removeprefix(question.strip())
    return rest.strip() if rest != lesson.text and rest.strip() else None


def _stems(text: str) -> set[str]:
    return {stem(word) for word in content_words(text)}
