"""Recaller: the default strategy, which chooses what to show by ranking alone."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from memagent.embedding.encoder import Encoder
from memagent.recall.expansion import Expander
from memagent.recall.lessons import Lessons
from memagent.recall.pipeline import Pipeline
from memagent.recall.relevance import knows, relevance
from memagent.recall.selection import distinct, second_look, select, without_echoes
from memagent.recall.strategy import RecallQuery
from memagent.records import local_day
from memagent.stores.ranking import Ranking
from memagent.types import Hit, Recollection, Scope

POOL = 20
"""Hits that are chosen from, at least."""


class Recaller:
    """Ranks what is found for a question, and shows the best that fit, oldest first."""

    def __init__(
        self, pipeline: Pipeline, lessons: Lessons, encoder: Encoder, expander: Expander
    ) -> None:
        self._pipeline = pipeline
        self._lessons = lessons
        self._encoder = encoder
        self._expander = expander

    def recall(self, query: RecallQuery) -> Recollection:
        """Return the records to show for a question, oldest first; none if nothing is relevant."""
        started = time.perf_counter()
        vector = self._encoder.query(query.question)
        embedded = time.perf_counter()
        ranking = Ranking(k=max(2 * query.k, POOL), explain=True)
        hits = self._pipeline.search(query.question, vector, query.where, ranking)
        known = hits.hits if knows(hits, self._encoder.name) else ()
        said = second_look(distinct(without_echoes(query.question, known)), query.k)
        lesson = self._lessons.taught(query.question, vector, query.where)
        chosen = select(lesson.before(said) if lesson else said, query.k, query.tokens)
        shown = self._expander.expand(chosen, vector, query.where, query.k, query.tokens)
        return Recollection(
            hits=tuple(sorted(shown, key=lambda hit: hit.record.moment)),
            dated=_tell_apart(hits),
            queries=(query.question, *(lesson.queries if lesson else ())),
            candidates=hits.candidates,
            relevance=relevance(hits.hits),
            below_min_score=0 if known else hits.candidates,
            embed_seconds=embedded - started,
            search_seconds=time.perf_counter() - embedded,
        )

    def learn(self, question: str, answer: str, scope: Scope, learned_scope: Scope) -> bool:
        """Learn nothing: a ranking follows no hop directions."""
        return False


def _tell_apart(hits: Sequence[Hit]) -> bool:
    """Tell whether dates say something: they are not all the same, or the only one is not today."""
    days = (hit.record.day for hit in hits)
    first = next(days, None)
    if len(hits) == 1:
        return first != local_day(datetime.now(UTC))
    return any(day != first for day in days)
