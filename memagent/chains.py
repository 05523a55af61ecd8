"""The chain of records between two things that a question names, where no record names both."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memagent.phrases import Phrase, phrases, surely
from memagent.relations import relation_of
from memagent.stores.banks.episodic import EpisodicBank
from memagent.stores.database.filters import Filter
from memagent.text.english import content_words, forms, names
from memagent.types import Record

_CHECKS = re.compile(r"(?:is|are|do|does)\b", re.IGNORECASE)
_WAY = re.compile(r"how\b.*\bfrom\b.+\bto\b", re.IGNORECASE)
WORDS = 12
"""At most how many words are looked for at once."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Records, each of which shares a thing with the next, and the looks that found them."""

    records: tuple[Record, ...]
    queries: tuple[str, ...]


class Chains:
    """Follows what is told of both ends until they meet, by the things that records share."""

    def __init__(self, bank: EpisodicBank) -> None:
        self._bank = bank

    def between(self, question: str, where: Filter, looks: int) -> Chain | None:
        """Return the shortest chain of records between a question's two things.

        None if the question does not ask how two things stand to each other, or nothing connects
        them within so many looks. People connect only where the question asks by a relation that
        lasts: who met whom says nothing of where either is.
        """
        lasting = relation_of(question) is not None or _WAY.match(question) is not None
        asks = _WAY.match(question) or (
            _CHECKS.match(question) and (lasting or not names(question))
        )
        if not asks or len(phrases(question, surely(question))) != 2:
            return None
        found: dict[str, Record] = {}
        wanted, queries, sought = content_words(question), list[str](), set[str]()
        for _ in range(2, looks + 1):
            new = [word for word in dict.fromkeys(wanted) if word not in sought][:WORDS]
            if not new:
                return None
            sought |= set(new)
            queries.append(" ".join(new))
            near = self._bank.mentioning(where, [form for word in new for form in forms(word)])
            found |= {one.id: one for one in near}
            chain = _chain(question, list(found.values()), people=lasting)
            if chain:
                return Chain(tuple(chain), tuple(queries))
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
