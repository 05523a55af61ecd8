"""The chain of records between two things that a question names, where no record names both."""

import re
from collections.abc import Mapping, Sequence

from memagent.inflection import forms
from memagent.phrases import Phrase, phrases, surely
from memagent.relations import relation_of
from memagent.stores.episodic import EpisodicBank
from memagent.stores.filter import Filter
from memagent.stores.words import content_words, names
from memagent.types import Record

_CHECKS = re.compile(r"(?:is|are|was|were|do|does|did|can|will)\b", re.IGNORECASE)
_WAY = re.compile(r"how\b.*\bfrom\b.+\bto\b", re.IGNORECASE)


class Chains:
    """Follows what is told of both ends until they meet, by the things that records share."""

    def __init__(self, bank: EpisodicBank) -> None:
        self._bank = bank

    def between(
        self, question: str, where: Filter, looks: int
    ) -> tuple[list[Record], list[str]] | None:
        """Return the records that connect a question's two things, and what was looked for.

        None if the question does not ask how two things stand to each other, or nothing connects
        them within so many looks. People connect only where the question asks by a relation that
        lasts: who met whom says nothing of where either is.
        """
        lasting = relation_of(question) is not None or _WAY.match(question) is not None
        if not (lasting or (_CHECKS.match(question) and not names(question))):
            return None
        found: dict[str, Record] = {}
        wanted, queries = content_words(question), list[str]()
        sought = set[str]()
        for _ in range(2, looks + 1):
            new = [word for word in wanted if word not in sought]
            if not new:
                return None
            sought |= set(new)
            queries.append(" ".join(new))
            near = self._bank.mentioning(where, [form for word in new for form in forms(word)])
            found |= {one.id: one for one in near}
            chain = _chain(question, list(found.values()), people=lasting)
            if chain is not None:
                return chain, queries
            wanted = [word for one in near for word in content_words(one.keys[0])]
        return None


def _chain(question: str, records: Sequence[Record], *, people: bool) -> list[Record] | None:
    """Return the shortest chain of records between the two things of a question."""
    known = surely(question).union(*(surely(one.keys[0]) for one in records))
    ends = phrases(question, known)
    if len(ends) != 2:
        return None
    joins: dict[Phrase, dict[Phrase, Record]] = {}
    for one in sorted(records, key=lambda one: one.moment):
        if not people and names(one.keys[0]):
            continue
        both = phrases(one.keys[0], known)
        if len(both) == 2:
            joins.setdefault(both[0], {})[both[1]] = one
            joins.setdefault(both[1], {})[both[0]] = one
    return _shortest(joins, ends[0], ends[1])


def _shortest(
    joins: Mapping[Phrase, Mapping[Phrase, Record]], start: Phrase, end: Phrase
) -> list[Record] | None:
    ways: dict[Phrase, list[Record]] = {start: []}
    frontier = [start]
    while frontier:
        following = []
        for at in frontier:
            for to, record in joins.get(at, {}).items():
                if to not in ways:
                    ways[to] = [*ways[at], record]
                    following.append(to)
        if end in ways:
            return ways[end]
        frontier = following
    return None
