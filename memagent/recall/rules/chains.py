"""The chain of records between two things that a question names, where no record names both."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from memagent.recall.rules.relations import is_relation, relation_of
from memagent.stores.banks.episodic import EpisodicBank
from memagent.stores.database.filters import Filter
from memagent.text.english import FUNCTION_WORDS, content_words, forms, lemma, names
from memagent.types import Record

Phrase = tuple[str, ...]
"""The lemmas of the words of a thing's name, in order."""

_TOKEN = re.compile(r"\w+|[^\w\s]")
_DETERMINERS = frozenset("the a an my your his her its our their this that".split())
_LINKS = frozenset("is are am was were has have had and or than".split())
"""What may follow a thing, and is never a part of its name or the verb after it."""
_PREPOSITIONS = frozenset(
    "inside near behind beside toward towards onto outside within across around along past".split()
)


@dataclass(frozen=True, slots=True)
class _Run:
    """Words after a determiner; the last may be a verb unless they are surely `whole`."""

    words: Phrase
    whole: bool


def surely(text: str) -> set[Phrase]:
    """Return the things in a text whose names end for sure where they seem to."""
    return {run.words for run in _runs(text) if run.whole}


def phrases(text: str, known: Collection[Phrase]) -> list[Phrase]:
    """Return the things that a text names, each once, in order; `known` ones are told from verbs.

    "The cat sleeps" may name a cat or a cat sleep: it is a cat if one is known, and if neither is.
    """
    return list(dict.fromkeys(_named(run, known) for run in _runs(text)))


def _named(run: _Run, known: Collection[Phrase]) -> Phrase:
    if run.whole:
        return run.words
    starts = (run.words[:end] for end in range(len(run.words), 0, -1))
    return next((one for one in starts if one in known), run.words[:-1] or run.words)


def _runs(text: str) -> Iterator[_Run]:
    tokens: Sequence[str] = [*_TOKEN.findall(text), "."]
    at = 0
    while at < len(tokens) - 1:
        word = tokens[at]
        at += 1
        if word.lower() in ("i", "me"):
            yield _Run(("i",), True)
        if word[0].isupper() and word.lower() not in FUNCTION_WORDS:
            yield _Run((lemma(word),), True)
        if word.lower() not in _DETERMINERS:
            continue
        start = at
        while _goes_on(tokens, at):
            at += 1
        run = tuple(lemma(one) for one in tokens[start:at])
        if run:
            ends = tokens[at].lower()
            yield _Run(run, not ends[0].isalnum() or ends in _LINKS or is_relation(ends))


def _goes_on(tokens: Sequence[str], at: int) -> bool:
    """Tell whether the token there still belongs to a thing's name."""
    word = tokens[at].lower()
    if word == "of":
        return _means(tokens[at + 1].lower())
    return _means(word)


def _means(word: str) -> bool:
    ends = word in FUNCTION_WORDS or word in _PREPOSITIONS or is_relation(word)
    return word[0].isalnum() and not ends


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

    def between(self, question: str, where: Filter, max_hops: int) -> Chain | None:
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
        for _ in range(2, max_hops + 1):
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
