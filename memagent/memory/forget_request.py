"""Request to forget, in words: the records that it means, listed before anything is erased.

    found = memory.probes.forgettable("my old address")
    memory.forget(found.ids)

All records of the scope are looked at: questions, replies, archived and superseded ones, too. A
record is meant if it holds the identifier that the request names, in any spelling; without one, if
it is related to the request, and nearly as much as the record that is related most. A record that
repeats another is meant with it. Of two versions, a request for what held before means the older.
No rule here is about a language: the embedder says what is related, and which requests ask for
what held before (`embedding.scale`). The bounds were set on the development split of generated
cases, and measured on the test split (`memagent eval run forgetting`).
"""

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel

from memagent.embedding.scale import Scale
from memagent.errors import ContextTooLong, StructuredOutputError
from memagent.memory.engine import Engine
from memagent.models import replies
from memagent.prompts import forgetting_prompt
from memagent.stores.database.filters import Filter
from memagent.stores.ranking import Ranking
from memagent.text.english import content_words, stems
from memagent.text.identifiers import Identifier, identifiers, share_identifier
from memagent.text.words import stem
from memagent.types import Hit, Receipt, Record, Scope

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

logger = logging.getLogger(__name__)

MIN_RELATED = 0.36
"""Relatedness of a record that is meant, at least."""
TIE = 0.9
"""Share of the best record's relatedness that others that are meant have, at least."""
WORDS = 0.1
"""Weight of the request's words in the relatedness; the rest is that of the meaning."""
VERSION_TIE = 0.6
"""Share of both bounds that versions of one thing have, at least."""
IN_TIME = 0.5
"""Place between requests for the current (-1) and for the former (1) from which one asks so."""
REPEATS = 0.5
"""Share of their words that two records have in common where one repeats the other, by rarity."""
NEAR, MIN_NEAR = 3, 0.18
"""Records that are shown beside those that are meant, and their relatedness at least."""
LOOKED_AT = 50
"""Records that are compared with the request, the best of a search."""
REPEATS_LOOKED_AT = 10
PAGE = 1000


# The model reads the docstring of its reply's schema: another text may get other answers.
class Confirmation(BaseModel):
    """True if the request asks for this text to be forgotten."""

    meant: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """Record that a request may mean, with its score in [0, 1] and the parts of it.

    `meant` says whether it is; the others are near misses. `along` are the ids of the records of
    the scope that are erased with it: other versions, replies, and what was made from it.
    """

    record: Record
    score: float
    why: Mapping[str, float]
    meant: bool
    along: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Forgettable:
    """Records that a request to forget may mean, best first; nothing is erased.

    `receipt` says what `Memory.forget(found.ids)` would erase.
    """

    request: str
    candidates: tuple[Candidate, ...]
    receipt: Receipt

    @property
    def ids(self) -> list[str]:
        """The ids of the records that are meant."""
        return [candidate.record.id for candidate in self.candidates if candidate.meant]


@dataclass(frozen=True, slots=True)
class _Scored:
    record: Record
    score: float
    why: Mapping[str, float]


class ForgetRequests:
    """Finder of the records that requests to forget mean, in one memory."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._scales: dict[str, Scale] = {}

    def find(self, request: str, scope: Scope, chat: "BaseChatModel | None") -> Forgettable:
        """Return the records of a scope that a request means; a chat model may take some off.

        Raises:
            InvalidInput: the request is empty.
        """
        named = identifiers(request)
        with self._engine.encoder.expect_unchanged():
            related = self._related(request, scope)
            if named:
                meant = [
                    _Scored(record, 1.0, {"identifier": 1.0})
                    for record in self._identified(named, scope)
                ]
            else:
                meant = self._meant(request, related, scope)
        if chat is not None:
            meant = [found for found in meant if _confirmed(chat, request, found.record)]
        ids = {found.record.id for found in meant}
        near = [
            found for found in related if found.record.id not in ids and found.score >= MIN_NEAR
        ]
        receipt = self._engine.eraser.forget(scope, list(ids), dry_run=True)
        return Forgettable(
            request=request,
            candidates=tuple(self._candidates(meant, near[:NEAR], scope)),
            receipt=receipt,
        )

    def _candidates(
        self, meant: Sequence[_Scored], near: Sequence[_Scored], scope: Scope
    ) -> Iterator[Candidate]:
        for some, chosen in ((meant, True), (near, False)):
            for found in sorted(some, key=lambda scored: -scored.score):
                receipt = self._engine.eraser.forget(scope, [found.record.id], dry_run=True)
                yield Candidate(
                    record=found.record,
                    score=found.score,
                    why=found.why,
                    meant=chosen,
                    along=receipt.derived,
                )

    def _scale(self) -> Scale:
        embedder = self._engine.encoder.check()
        if embedder not in self._scales:
            self._scales[embedder] = Scale(self._engine.encoder, self._engine.embed)
        return self._scales[embedder]

    def _related(self, request: str, scope: Scope) -> list[_Scored]:
        """Return the records nearest to a request with their scores, best first."""
        vector, scale = self._engine.query_vector(request, None), self._scale()
        found = []
        for hit in self._search(request, scope, LOOKED_AT):
            meaning, words = scale.relatedness(vector, hit.why["cosine"]), hit.why["words"]
            score = (1 - WORDS) * meaning + WORDS * words
            found.append(_Scored(hit.record, score, {"meaning": meaning, "words": words}))
        return sorted(found, key=lambda scored: -scored.score)

    def _meant(self, request: str, related: Sequence[_Scored], scope: Scope) -> list[_Scored]:
        best = related[0].score if related else 0.0
        if best < MIN_RELATED:
            return []
        least = max(MIN_RELATED, TIE * best)
        meant = [found for found in related if found.score >= least]
        place = self._scale().former.place(self._engine.query_vector(request, None))
        versions = [
            found for found in related[:2] if found.score >= VERSION_TIE * max(MIN_RELATED, best)
        ]
        if abs(place) >= IN_TIME and len(versions) == 2:
            in_order = sorted(versions, key=lambda found: found.record.moment)
            meant = [in_order[0] if place > 0 else in_order[1]]
        return [*meant, *self._repeating([found.record for found in meant], scope)]

    def _repeating(self, records: Sequence[Record], scope: Scope) -> Iterator[_Scored]:
        """Yield other records that repeat some, each once."""
        known = {record.id for record in records}
        for record in records:
            for hit in self._search(record.keys[0], scope, REPEATS_LOOKED_AT):
                if hit.record.id in known:
                    continue
                share = self._share(record.text, hit.record.text, scope)
                if share >= REPEATS:
                    known.add(hit.record.id)
                    yield _Scored(hit.record, share, {"repeats": share})

    def _share(self, first: str, second: str, scope: Scope) -> float:
        """Return the share of their content words that two texts have in common, by rarity.

        It is the Dice coefficient, each stem with its inverse document frequency.
        """
        bank, words = self._engine.bank, content_words(f"{first} {second}")
        size, counts = bank.size(scope), bank.counts(scope, words)
        weights = {
            stem(word): math.log(1 + (size + 0.5) / (counts.get(word, 0) + 0.5)) for word in words
        }
        one, other = (stems(text).content & weights.keys() for text in (first, second))
        whole = _total(weights, one) + _total(weights, other)
        return 2 * _total(weights, one & other) / whole if whole else 0.0

    def _search(self, text: str, scope: Scope, k: int) -> Sequence[Hit]:
        seen = Filter(scope=scope, everything=True)
        vector = self._engine.query_vector(text, None)
        return self._engine.bank.search(text, vector, seen, Ranking(k=k))

    def _identified(self, named: frozenset[Identifier], scope: Scope) -> Iterator[Record]:
        """Yield the records that hold one of some identifiers, of all of the scope."""
        seen, last = Filter(scope=scope, everything=True), None
        while records := self._engine.store.read.newest(seen, PAGE, before=last):
            for record in records:
                if share_identifier(named, identifiers(record.text)):
                    yield record
            last = records[-1].id


def _total(weights: Mapping[str, float], words: Iterable[str]) -> float:
    return sum(weights[word] for word in words)


def _confirmed(chat: "BaseChatModel", request: str, record: Record) -> bool:
    """Ask a model whether a request means a record; one that it fails on stays on the list."""
    try:
        reply = replies.structured(chat, forgetting_prompt(request, record.text), Confirmation)
    except (StructuredOutputError, ContextTooLong) as error:
        logger.info("no verdict on record %s: %s", record.id, type(error).__name__)
        return True
    return reply.meant
