"""Which memories to show for a question: few and right rather than many."""

import time
from collections.abc import Sequence

from memagent.embedding import Encoder
from memagent.questions import Want, is_question, new_names, offers, wants
from memagent.stores.episodic import EpisodicBank
from memagent.stores.filter import Filter
from memagent.stores.ranking import Ranking
from memagent.stores.rationale import Direction, RationaleBank
from memagent.stores.sqlite import SqliteStore
from memagent.stores.words import words
from memagent.types import Hit, Recollection, Record, Scope

FLOOR = 0.2
"""Below this score nothing is known: a cosine of 0.4 with no word in common just reaches it."""
WHOLE = Ranking(k=32)
"""All that the rankings put forward is looked at before some are chosen."""
BAND = 0.8
"""Hits whose score is at least this share of the best count as equally relevant."""


class Recaller:
    """Looks once, chooses, and looks again when what it found does not yet answer.

    A weak model reads one right memory well and five badly, so how many are shown depends on the
    question. One that wants a single thing (a place, a name, a time, a number) gets the newest of
    the equally relevant records; any other gets up to `k` of them. If what was found holds nothing
    of the wanted kind, a second look follows the names in it, to before and after it in time.
    """

    def __init__(
        self, store: SqliteStore, bank: EpisodicBank, rationales: RationaleBank, encoder: Encoder
    ) -> None:
        self._store = store
        self._bank = bank
        self._rationales = rationales
        self._encoder = encoder

    def recall(self, question: str, where: Filter, k: int, lessons: Scope) -> Recollection:
        """Return what to show for a question, oldest first.

        `lessons` is the scope whose rationales advise the second look.
        """
        started = time.perf_counter()
        vector = self._encoder.query(question)
        embedded = time.perf_counter()
        hits = self._bank.search(question, vector, where, WHOLE)
        want = wants(question)
        chosen = _choose(hits, want, question, k)
        looks = [question]
        if want and chosen and not _answered(chosen, want, question):
            bridge = _bridge(chosen[-1], question)
            looks.append(" ".join(bridge))
            linked = self._linked(chosen[-1], bridge, where, want, question)
            advice = None
            if len(linked) > 1:
                advice = self._rationales.advise(question, chosen[-1].key, lessons)
            chosen += [hit for direction, hit in linked.items() if advice in (None, direction)]
        shown = sorted(self._with_context(chosen, where.scope), key=lambda hit: hit.record.moment)
        return Recollection(
            hits=tuple(shown),
            looks=tuple(looks),
            candidates=hits.candidates,
            below_floor=sum(hit.score < FLOOR for hit in hits),
            embed_seconds=embedded - started,
            search_seconds=time.perf_counter() - embedded,
        )

    def learn(self, question: str, answer: str, scope: Scope, lessons: Scope) -> bool:
        """Keep which direction of the second look holds a known answer; tell whether one did.

        Nothing is kept when one look is enough, when there was no choice to make, or when both
        directions or neither hold the answer, or when what was found is forgotten meanwhile.
        """
        want = wants(question)
        where = Filter(scope=scope, evidence=True)
        hits = self._bank.search(question, self._encoder.query(question), where, WHOLE)
        chosen = _choose(hits, want, question, 1)
        if want is None or not chosen or _answered(chosen, want, question):
            return False
        linked = self._linked(chosen[-1], _bridge(chosen[-1], question), where, want, question)
        right = [way for way, hit in linked.items() if _holds(hit.record.value, answer)]
        if len(linked) < 2 or len(right) != 1:
            return False
        return self._rationales.keep(question, chosen[-1], right[0], lessons)

    def _linked(
        self, found: Hit, bridge: Sequence[str], where: Filter, want: Want, question: str
    ) -> dict[Direction, Hit]:
        """Return the nearest record before, and the newest after, that share a name and fit."""
        before = self._bank.mentioning(where, bridge, before=found.record)
        after = self._bank.mentioning(where, bridge, after=found.record)
        linked: dict[Direction, Hit] = {}
        sides: tuple[tuple[Direction, list[Record]], ...] = (("before", before), ("after", after))
        for direction, records in sides:
            fitting = (one for one in records if offers(one.value, want, question))
            record = next(fitting, None)
            if record is not None:
                linked[direction] = Hit(
                    record=record, key=record.keys[0], score=found.score, why={"second_look": 1.0}
                )
        return linked

    def _with_context(self, hits: Sequence[Hit], scope: Scope) -> list[Hit]:
        """Add the records without which a hit cannot be understood, each record once."""
        shown = {hit.record.id: hit for hit in hits}
        for hit in hits:
            for record in self._store.get(scope, hit.record.context):
                shown.setdefault(
                    record.id,
                    Hit(record=record, key=record.keys[0], score=hit.score, why={"context": 1.0}),
                )
        return list(shown.values())


def _choose(hits: Sequence[Hit], want: Want | None, question: str, k: int) -> list[Hit]:
    """Choose from the hits (best first); of a single-answer question the newest comes last."""
    if not hits or hits[0].score < FLOOR:
        return []
    band = [hit for hit in hits if hit.score >= BAND * hits[0].score]
    if want is None:
        return band[:k] if is_question(question) else band[:1]
    newest = max(band, key=lambda hit: hit.record.moment)
    if offers(newest.record.value, want, question):
        return [newest]
    fitting = [hit for hit in band if offers(hit.record.value, want, question)]
    return [*sorted(fitting, key=lambda hit: hit.record.moment)[-1:], newest]


def _answered(chosen: Sequence[Hit], want: Want, question: str) -> bool:
    return any(offers(hit.record.value, want, question) for hit in chosen)


def _bridge(found: Hit, question: str) -> list[str]:
    """Return the words that lead from what was found to more: its names, else the speaker."""
    named = new_names(found.key, question)
    return named or [word for word in words(found.key) if word == "I"][:1]


def _holds(text: str, answer: str) -> bool:
    held = {word.lower() for word in words(text)}
    return all(word.lower() in held for word in words(answer))
