"""Recaller of the English rules: a strategy to opt into, made on bAbI's training stories.

The rules know forms of English questions and sentences, and help with short statements in simple
words. Where they do not apply, the newest of about equally relevant records is shown.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from memagent.embedding.encoder import Encoder
from memagent.recall.lessons import Lessons
from memagent.recall.rules.engine import FirstHop, RuleEngine
from memagent.recall.rules.multi_hop import HopSearch
from memagent.recall.rules.pronouns import with_context
from memagent.recall.rules.question_forms import asks_possession
from memagent.recall.rules.questions import (
    AnswerType,
    TimeReference,
    answer_type,
    covers,
    has_candidate,
    location_question,
    time_reference,
)
from memagent.recall.rules.relations import in_role
from memagent.recall.rules.timeline import Timeline
from memagent.recall.rules.trail import Goal, Trail
from memagent.recall.selection import without_echoes
from memagent.recall.strategy import RecallQuery
from memagent.stores.banks.episodic import EpisodicBank
from memagent.stores.banks.hop_directions import Direction, HopDirectionBank
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import Filter
from memagent.stores.ranking import Ranking
from memagent.text.english import content_words, words
from memagent.types import Hit, Hits, Recollection, Scope

logger = logging.getLogger(__name__)

MIN_SCORE = 0.2
"""A hit below this score does not count as known: a cosine of 0.4 without a shared word reaches
just this score."""
ALL_CANDIDATES = Ranking(k=32)
"""Retrieves every candidate of the rankings; the recaller chooses among them."""
MOST = 5
"""First hits at most; a list or a count may rest on twice as many."""
TIE_WINDOW = 0.8
"""Hits with at least this share of the best score are equally relevant."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Findings:
    """The hits of the first hop, the chosen ones, and the trails on from the last of these.

    `queries` are those before the trails part, `embed_seconds` the time spent on embedding them,
    and `time` the time reference that the trails followed.
    """

    hits: Hits
    chosen: Sequence[Hit]
    queries: tuple[str, ...]
    embed_seconds: float
    trails: dict[Direction, Trail] = field(default_factory=dict)
    time: TimeReference | None = None


class RulesRecaller:
    """Searches once, chooses, and takes more hops if the chosen records hold no answer yet.

    A weak model reads one right memory well and five badly, so the number shown depends on the
    question. One that expects a single thing (a place, a name, a time, a number) gets the newest of
    the equally relevant records; any other gets up to `k` of them. If these hold no candidate
    answer, further hops follow the names in them, to before and after them in time. Before that,
    the `RuleEngine` checks whether the answer follows from several records.
    """

    def __init__(
        self,
        store: SqliteStore,
        bank: EpisodicBank,
        hop_directions: HopDirectionBank,
        lessons: Lessons,
        encoder: Encoder,
    ) -> None:
        self._store = store
        self._bank = bank
        self._hops = HopSearch(bank)
        self._rules = RuleEngine(bank)
        self._timeline = Timeline(bank)
        self._hop_directions = hop_directions
        self._lessons = lessons
        self._encoder = encoder

    def recall(self, query: RecallQuery) -> Recollection:
        """Return the records to show for a question, oldest first.

        The learned hop directions of `query.learned_scope` choose between the trails.
        """
        started = time.perf_counter()
        question, where, learned_scope = query.question, query.where, query.learned_scope
        found = self._find(question, where, min(query.k, MOST))
        chosen, queries = list(found.chosen), list(found.queries)
        learned = None
        if len(found.trails) > 1:
            learned = self._hop_directions.advise(question, chosen[-1].key, learned_scope)
        followed = [trail for side, trail in found.trails.items() if learned in (None, side)]
        for trail in followed:
            chosen += trail.hits
            queries += trail.queries
        if found.time is not None and len(followed) == 1:
            chosen = _mark_passed(chosen, found.time, question)
        chosen = with_context(self._store, chosen, where.scope)
        shown = sorted(chosen, key=lambda hit: hit.record.moment)
        logger.debug(
            "recalled %d of %d candidates in %d searches",
            len(shown),
            found.hits.candidates,
            len(queries),
        )
        return Recollection(
            hits=tuple(shown),
            queries=tuple(dict.fromkeys(queries)),
            candidates=found.hits.candidates,
            below_min_score=sum(hit.score < MIN_SCORE for hit in found.hits),
            embed_seconds=found.embed_seconds,
            search_seconds=time.perf_counter() - started - found.embed_seconds,
        )

    def learn(self, question: str, answer: str, scope: Scope, learned_scope: Scope) -> bool:
        """Store the hop direction that leads to a known answer; return whether one was stored.

        Nothing is stored if the first hop is enough, if there is only one trail, if both trails or
        neither reach the answer, or if the record they start from has been forgotten meanwhile.
        """
        found = self._find(question, Filter(scope=scope, evidence=True), 1)
        ends = {side: trail.hits[-1].record.text for side, trail in found.trails.items()}
        right = [side for side, text in ends.items() if _contains_all_words(text, answer)]
        if len(ends) < 2 or len(right) != 1:
            return False
        return self._hop_directions.keep(question, found.chosen[-1], right[0], learned_scope)

    def _find(self, question: str, where: Filter, k: int) -> _Findings:
        """Take the first hop, choose from it, and find the trails on if that is not enough."""
        original, question = question, location_question(question) or question
        hits, seconds = self._search(question, where)
        lesson = self._lessons.taught(original, self._encoder.query(original), where)
        if lesson is not None:
            return _Findings(
                hits=hits,
                chosen=lesson.hits,
                queries=(question, *lesson.queries),
                embed_seconds=seconds,
            )
        expected = answer_type(question)
        chosen = _choose(hits, expected, question, k)
        found = _Findings(hits=hits, chosen=chosen, queries=(question,), embed_seconds=seconds)
        if not chosen and not (hits and asks_possession(question)):
            return found
        reference = time_reference(question)
        if reference is None:
            first_hop = FirstHop(
                question=question,
                expected=expected,
                hits=hits.hits,
                chosen=chosen,
                where=where,
                k=k,
            )
            inferred = self._rules.infer(first_hop)
            if inferred is not None:
                return replace(found, chosen=inferred.hits, queries=(question, *inferred.queries))
        if expected is None or not chosen:
            return found
        return self._with_trails(question, expected, reference, found, where)

    def _with_trails(
        self,
        question: str,
        expected: AnswerType,
        reference: TimeReference | None,
        found: _Findings,
        where: Filter,
    ) -> _Findings:
        """Add the trails to a record with a candidate answer, where no chosen record has one."""
        if reference is not None:
            complete = [hit for hit in found.hits if _is_complete(hit, expected, question)]
            if complete:
                newest = max(complete, key=lambda hit: hit.record.moment)
                return replace(found, chosen=[newest])
            around = self._search_around(question, expected, reference, found, where)
            if around.trails:
                return around
        if expected != "place" and reference is None:
            return found  # where a person is, their things are; no more follows from a name
        if any(has_candidate(hit.record.text, expected, question) for hit in found.chosen):
            return found
        goal = Goal(question=question, expected=expected)
        trails = self._hops.trails(goal, found.chosen[-1], where, taken=1)
        return replace(found, trails=trails)

    def _search_around(
        self,
        question: str,
        expected: AnswerType,
        reference: TimeReference,
        found: _Findings,
        where: Filter,
    ) -> _Findings:
        """Search for the topic of a question, and from there for its point in time."""
        goal = Goal(question=question, expected=expected, time=reference)
        passage = self._timeline.passage(goal, where, found.hits)
        if passage is not None:
            trails = {reference.direction: passage.trail}
            return replace(found, chosen=[passage.anchor], trails=trails, time=reference)
        if content_words(reference.topic):
            hits, seconds = self._search(reference.topic, where)
            found = replace(
                found,
                chosen=_choose(hits, expected, reference.topic, 1)[-1:],
                queries=(question, reference.topic),
                embed_seconds=found.embed_seconds + seconds,
            )
        if not found.chosen:
            return found
        taken = len(found.queries)
        trails = self._hops.trails(goal, found.chosen[-1], where, taken=taken)
        return replace(found, chosen=found.chosen[-1:], trails=trails, time=reference)

    def _search(self, query: str, where: Filter) -> tuple[Hits, float]:
        """Return the hits of a query, and the seconds that embedding it took."""
        started = time.perf_counter()
        vector = self._encoder.query(query)
        seconds = time.perf_counter() - started
        hits = self._bank.search(query, vector, where, ALL_CANDIDATES)
        return replace(hits, hits=tuple(without_echoes(query, hits))), seconds


def _choose(hits: Sequence[Hit], expected: AnswerType | None, question: str, k: int) -> list[Hit]:
    """Choose from the hits (best first); for a single-answer question the newest comes last."""
    if not hits or hits[0].score < MIN_SCORE:
        return []
    tied = [hit for hit in hits if hit.score >= TIE_WINDOW * hits[0].score]
    tied = [hit for hit in tied if in_role(hit.key, question)] or tied
    if expected is None:
        return tied[:k]
    newest = max(tied, key=lambda hit: hit.record.moment)
    if has_candidate(newest.record.text, expected, question):
        return [newest]
    candidates = [hit for hit in tied if has_candidate(hit.record.text, expected, question)]
    return [*sorted(candidates, key=lambda hit: hit.record.moment)[-1:], newest]


def _is_complete(hit: Hit, expected: AnswerType, question: str) -> bool:
    """Tell whether a hit covers all words of the question and holds a candidate answer."""
    if hit.score < MIN_SCORE or not has_candidate(hit.record.text, expected, question):
        return False
    return covers(hit.key, content_words(question))


def _mark_passed(hits: Sequence[Hit], reference: TimeReference, question: str) -> list[Hit]:
    """Mark the hits before the last whose candidate answer is for another time.

    A weak model takes any answer it is shown, most of all the one that the question names.
    """
    expected = answer_type(question)
    *on_the_way, last = hits
    marked = []
    for hit in on_the_way:
        distracts = expected is not None and has_candidate(hit.record.text, expected, question)
        if distracts or covers(hit.key, reference.anchor):
            hit = replace(hit, why={**hit.why, "passed": 1.0})
        marked.append(hit)
    return [*marked, last]


def _contains_all_words(text: str, answer: str) -> bool:
    text_words = {word.lower() for word in words(text)}
    return all(word.lower() in text_words for word in words(answer))
