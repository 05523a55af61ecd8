"""Hop direction bank: the direction in time that led to a right answer, found by similar cases."""

import re
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from memagent.stores.banks.episodic import EpisodicBank, PrecomputedVectors
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import Filter
from memagent.stores.database.links import link
from memagent.stores.ranking import Ranking
from memagent.text.english import content_words, names, stem
from memagent.types import Hit, NewRecord, Scope

Direction = Literal["before", "after"]
NEIGHBOURS = 5
MIN_COSINE = 0.5
HOP_DIRECTIONS = {"direction": {"exists": True}}
"""Filter for hop directions among rationales; worked solutions are rationales too."""


class HopDirectionBank:
    """Directions of hops (before or after a hit) that led to a right answer.

    After ARM-RAG (Melz 2023): only what led to a checked answer is kept, and similar problems share
    it. This bank keeps the step of the search, not the model's words.
    """

    def __init__(
        self,
        store: SqliteStore,
        episodes: EpisodicBank,
        embed: Callable[[Sequence[str]], NDArray[np.float32]],
    ) -> None:
        self._store = store
        self._episodes = episodes
        self._embed = embed

    def keep(self, question: str, found: Hit, direction: Direction, scope: Scope) -> bool:
        """Keep that a hop in a direction from a hit led to the right answer.

        The kept record, in `scope`, quotes the key of the hit, so it is forgotten with the hit's
        record and with the records in its context. Returns False, and keeps nothing, if one of
        these was forgotten meanwhile.
        """
        record = found.record
        quotes = (record.id, *record.context)
        note = NewRecord(
            text=f"Asked {question!r} and having found {found.key!r}, look {direction} it.",
            keys=(_case(question, found.key),),
            kind="rationale",
            evidence=False,
            sources=quotes if record.scope.user == scope.user else (),
            metadata={"direction": direction},
        )
        made_for = self._store.meta("embedder") or ""
        precomputed = PrecomputedVectors(self._embed(note.keys), made_for)
        owner = Scope(user=record.scope.user)
        with self._store.transaction() as db:
            quoted = self._store.read.get(owner, quotes)
            if len(quoted) < len(quotes):
                return False
            (kept,) = self._episodes.write([note], scope, self._embed, precomputed=precomputed)
            link(db, kept.seq, [source.seq for source in quoted], "quote")
        return True

    def advise(self, question: str, found: str, scope: Scope) -> Direction | None:
        """Return the direction that worked in the most similar cases, or None without any."""
        hits = self._similar(question, found, scope)
        votes: dict[Direction, float] = {"before": 0.0, "after": 0.0}
        for hit in hits:
            if hit.why["cosine"] >= MIN_COSINE:
                votes[_direction(hit)] += hit.why["cosine"]
        if votes["before"] == votes["after"]:
            return None
        return "before" if votes["before"] > votes["after"] else "after"

    def match(self, question: str, found: str, scope: Scope) -> float:
        """Return the cosine of the most similar case, -1 without any: is this case known?"""
        hits = self._similar(question, found, scope)
        return max((hit.why["cosine"] for hit in hits), default=-1.0)

    def _similar(self, question: str, found: str, scope: Scope) -> Sequence[Hit]:
        case = _case(question, found)
        where = Filter(scope=scope, kind="rationale", metadata=HOP_DIRECTIONS)
        return self._episodes.search(case, self._embed([case])[0], where, Ranking(k=NEIGHBOURS))


def _case(question: str, found: str) -> str:
    """Return what a case is matched by: its structure, with names and what is asked of masked.

    ARM-RAG's obfuscation: cases are to be alike in what happens, not in whom they speak of.
    """
    topics = {stem(word) for word in content_words(question)}
    people = set(names(found)) | set(names(question))

    def masked(match: re.Match[str]) -> str:
        word = match.group()
        if stem(word.lower()) in topics:
            return "something"
        return "someone" if word in people else word

    return re.sub(r"\w+", masked, f"{found} {question}")


def _direction(hit: Hit) -> Direction:
    return "before" if hit.record.metadata["direction"] == "before" else "after"
