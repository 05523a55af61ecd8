"""Which memories to show for a question: few and right rather than many."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from memagent.embedding.encoder import Encoder
from memagent.recall.lessons import applicable_lesson, without_unrelated_lessons
from memagent.recall.multi_hop import MAX_HOPS, Goal, HopSearch, Trail
from memagent.recall.rules.engine import Reasoner, Search
from memagent.recall.rules.question_forms import asks_possession
from memagent.recall.rules.questions import (
    AnswerType,
    TimeReference,
    answer_type,
    covers,
    has_candidate,
    is_question,
    location_question,
    time_reference,
)
from memagent.recall.rules.relations import in_role, newest_telling
from memagent.recall.rules.timeline import Chronicle
from memagent.stores.banks.episodic import EpisodicBank
from memagent.stores.banks.hop_directions import Direction, HopDirectionBank
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import Filter
from memagent.stores.ranking import Ranking
from memagent.text.english import content_words, words
from memagent.types import Hit, Hits, Recollection, Scope

MIN_SCORE = 0.2
"""Below this score nothing is known: a cosine of 0.4 with no word in common just reaches it."""
ALL_CANDIDATES = Ranking(k=32)
"""All that the rankings put forward is looked at before some are chosen."""
TIE_WINDOW = 0.8
"""Hits whose score is at least this share of the best count as equally relevant."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """What a question led to: what was chosen, and the trails on from the last of it.

    `hits` are what the first look found, `queries` what was searched up to where the trails part,
    `embed_seconds` what the embedder took, and `turn` the point in time that the trails went by.
    """

    hits: Hits
    chosen: Sequence[Hit]
    queries: tuple[str, ...]
    embed_seconds: float
    trails: dict[Direction, Trail] = field(default_factory=dict)
    turn: TimeReference | None = None


class Recaller:
    """Looks once, chooses, and looks on when what it found does not yet answer.

    A weak model reads one right memory well and five badly, so how many are shown depends on the
    question. One that wants a single thing (a place, a name, a time, a number) gets the newest of
    the equally relevant records; any other gets up to `k` of them. If what was found holds nothing
    of the wanted kind, more looks follow the names in it, to before and after it in time. Before
    that, `Reasoner` is asked whether the answer follows from several records.
    """

    def __init__(
        self,
        store: SqliteStore,
        bank: EpisodicBank,
        hop_directions: HopDirectionBank,
        encoder: Encoder,
    ) -> None:
        self._store = store
        self._bank = bank
        self._hops = HopSearch(bank)
        self._reasoner = Reasoner(bank)
        self._chronicle = Chronicle(bank)
        self._hop_directions = hop_directions
        self._encoder = encoder

    def recall(
        self, question: str, where: Filter, k: int, learned_scope: Scope, max_hops: int = MAX_HOPS
    ) -> Recollection:
        """Return what to show for a question, oldest first.

        `learned_scope` is the scope whose rationales advise on which side to look on; `max_hops`
        bounds how often is looked, and 1 is never to look on.
        """
        started = time.perf_counter()
        found = self._look(question, where, k, max_hops)
        chosen, queries = list(found.chosen), list(found.queries)
        advice = None
        if len(found.trails) > 1:
            advice = self._hop_directions.advise(question, chosen[-1].key, learned_scope)
        followed = [trail for side, trail in found.trails.items() if advice in (None, side)]
        for trail in followed:
            chosen += trail.hits
            queries += trail.queries
        remaining = None
        if found.turn is not None and len(followed) == 1:
            remaining = f"{found.turn.topic}?"
            chosen = _passed(chosen, found.turn, question)
        every = sorted(self._with_context(chosen, where.scope), key=lambda hit: hit.record.moment)
        return Recollection(
            hits=tuple(every),
            queries=tuple(dict.fromkeys(queries)),
            remaining=remaining,
            candidates=found.hits.candidates,
            below_min_score=sum(hit.score < MIN_SCORE for hit in found.hits),
            embed_seconds=found.embed_seconds,
            search_seconds=time.perf_counter() - started - found.embed_seconds,
        )

    def learn(self, question: str, answer: str, scope: Scope, learned_scope: Scope) -> bool:
        """Keep on which side of what was found a known answer lay; tell whether there was one.

        Nothing is kept when one look is enough, when there was no choice to make, or when both
        sides or neither lead to the answer, or when what was found is forgotten meanwhile.
        """
        found = self._look(question, Filter(scope=scope, evidence=True), 1, MAX_HOPS)
        ends = {side: trail.hits[-1].record.text for side, trail in found.trails.items()}
        right = [side for side, text in ends.items() if _holds(text, answer)]
        if len(ends) < 2 or len(right) != 1:
            return False
        return self._hop_directions.keep(question, found.chosen[-1], right[0], learned_scope)

    def _look(self, question: str, where: Filter, k: int, max_hops: int) -> _Found:
        """Look once, and on from there if that is not enough and there is somewhere to look."""
        asked, question = question, location_question(question) or question
        hits, seconds = self._search(question, where)
        lesson = applicable_lesson(asked, hits, where, self._search)
        if lesson is not None:
            return _Found(
                hits=hits,
                chosen=lesson.hits,
                queries=(question, *lesson.queries),
                embed_seconds=seconds + lesson.seconds,
            )
        want = answer_type(question)
        chosen = _choose(hits, want, question, k)
        found = _Found(hits=hits, chosen=chosen, queries=(question,), embed_seconds=seconds)
        if not chosen and not (hits and asks_possession(question)):
            return found
        turn = time_reference(question)
        if turn is None:
            search = Search(
                question=question,
                want=want,
                hits=hits.hits,
                chosen=chosen,
                where=where,
                max_hops=max_hops,
                k=k,
            )
            reasoned = self._reasoner.look(search)
            if reasoned is not None:
                return replace(found, chosen=reasoned.hits, queries=(question, *reasoned.queries))
        if want is None or max_hops < 2 or not chosen:
            return found
        if turn is not None:
            whole = [hit for hit in hits if _tells_all(hit, want, question)]
            if whole:
                return replace(found, chosen=[max(whole, key=lambda hit: hit.record.moment)])
            turned = self._look_around(question, want, turn, found, where, max_hops)
            if turned.trails:
                return turned
        if _answered(chosen, want, question):
            return found
        goal = Goal(question=question, want=want)
        trails = self._hops.trails(goal, chosen[-1], where, taken=1, max_hops=max_hops)
        return replace(found, trails=trails)

    def _look_around(
        self,
        question: str,
        want: AnswerType,
        turn: TimeReference,
        found: _Found,
        where: Filter,
        max_hops: int,
    ) -> _Found:
        """Look for what the question is about, and from there to the point in time it asks by."""
        goal = Goal(question=question, want=want, turn=turn)
        passage = self._chronicle.passage(goal, where, found.hits)
        if passage is not None:
            chosen, trails = [passage.anchor], {turn.side: passage.trail}
            return replace(found, chosen=chosen, trails=trails, turn=turn)
        if content_words(turn.topic):
            hits, seconds = self._search(turn.topic, where)
            found = replace(
                found,
                chosen=_choose(hits, want, turn.topic, 1)[-1:],
                queries=(question, turn.topic),
                embed_seconds=found.embed_seconds + seconds,
            )
        if not found.chosen:
            return found
        taken = len(found.queries)
        trails = self._hops.trails(goal, found.chosen[-1], where, taken=taken, max_hops=max_hops)
        return replace(found, chosen=found.chosen[-1:], trails=trails, turn=turn)

    def _search(self, query: str, where: Filter) -> tuple[Hits, float]:
        """Return what a query finds, and the seconds that embedding it took."""
        started = time.perf_counter()
        vector = self._encoder.query(query)
        seconds = time.perf_counter() - started
        return without_unrelated_lessons(
            query, self._bank.search(query, vector, where, ALL_CANDIDATES)
        ), seconds

    def _with_context(self, hits: Sequence[Hit], scope: Scope) -> list[Hit]:
        """Add the records without which a hit cannot be understood, each record once."""
        every: dict[str, Hit] = {}
        for hit in hits:
            every.setdefault(hit.record.id, hit)
        for hit in sorted(hits, key=lambda hit: "passed" in hit.why):
            why = {"context": 1.0} | {name: 1.0 for name in hit.why if name == "passed"}
            for record in self._store.get(scope, hit.record.context):
                context = Hit(record=record, key=record.keys[0], score=hit.score, why=why)
                every.setdefault(record.id, context)
        return list(every.values())


def _choose(hits: Sequence[Hit], want: AnswerType | None, question: str, k: int) -> list[Hit]:
    """Choose from the hits (best first); of a single-answer question the newest comes last."""
    if not hits or hits[0].score < MIN_SCORE:
        return []
    band = [hit for hit in hits if hit.score >= TIE_WINDOW * hits[0].score]
    band = [hit for hit in band if in_role(hit.key, question)] or band
    if want is None:
        band = newest_telling(band)
        return band[:k] if is_question(question) else band[:1]
    newest = max(band, key=lambda hit: hit.record.moment)
    if has_candidate(newest.record.text, want, question):
        return [newest]
    fitting = [hit for hit in band if has_candidate(hit.record.text, want, question)]
    return [*sorted(fitting, key=lambda hit: hit.record.moment)[-1:], newest]


def _answered(chosen: Sequence[Hit], want: AnswerType, question: str) -> bool:
    return any(has_candidate(hit.record.text, want, question) for hit in chosen)


def _tells_all(hit: Hit, want: AnswerType, question: str) -> bool:
    """Tell whether a hit by itself speaks of all that the question names, and has_candidate an answer."""
    if hit.score < MIN_SCORE or not has_candidate(hit.record.text, want, question):
        return False
    return covers(hit.key, content_words(question))


def _passed(hits: Sequence[Hit], turn: TimeReference, question: str) -> list[Hit]:
    """Mark the hits before the last that would answer for another time than the one asked about.

    A weak model takes any answer it is shown, and the one that the question names before all.
    """
    want = answer_type(question)
    *on_the_way, last = hits
    marked = []
    for hit in on_the_way:
        distracts = want is not None and has_candidate(hit.record.text, want, question)
        if distracts or covers(hit.key, turn.anchor):
            hit = replace(hit, why={**hit.why, "passed": 1.0})
        marked.append(hit)
    return [*marked, last]


def _holds(text: str, answer: str) -> bool:
    held = {word.lower() for word in words(text)}
    return all(word.lower() in held for word in words(answer))
