"""English rules, made on bAbI's training stories: chains of records between two things."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from memagent.recall.rules.relations import is_relation, relation_of
from memagent.recall.rules.trail import MAX_HOPS
from memagent.stores.banks.episodic import EpisodicBank
from memagent.stores.database.filters import Filter
from memagent.text.english import FUNCTION_WORDS, content_words, forms, lemma
from memagent.types import Record

Phrase = tuple[str, ...]
"""A noun phrase without its determiner: the lemmas of its words, in order."""

_TOKEN = re.compile(r"\w+|[^\w\s]")
_DETERMINERS = frozenset("the a an my your his her its our their this that".split())
_LINKS = frozenset("is are am was were has have had and or than".split())
"""Words that may follow a noun phrase and are never part of it, nor the verb after it."""
_PREPOSITIONS = frozenset(
    "inside near behind beside toward towards onto outside within across around along past".split()
)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The words after a determiner; the last may be a verb, unless the chunk is `complete`."""

    words: Phrase
    complete: bool


def complete_phrases(text: str) -> set[Phrase]:
    """Return the noun phrases of a text whose end is certain."""
    return {chunk.words for chunk in _chunks(text) if chunk.complete}


def phrases(text: str, known: Collection[Phrase]) -> list[Phrase]:
    """Return the noun phrases of a text, each once, in order; `known` ones resolve the verbs.

    "The cat sleeps" may contain "cat" or "cat sleep": "cat" if that is known, or if neither is.
    """
    return list(dict.fromkeys(_phrase_of(chunk, known) for chunk in _chunks(text)))


def _phrase_of(chunk: _Chunk, known: Collection[Phrase]) -> Phrase:
    if chunk.complete:
        return chunk.words
    starts = (chunk.words[:end] for end in range(len(chunk.words), 0, -1))
    return next((start for start in starts if start in known), chunk.words[:-1] or chunk.words)


def _chunks(text: str) -> Iterator[_Chunk]:
    tokens: Sequence[str] = [*_TOKEN.findall(text), "."]
    at = 0
    while at < len(tokens) - 1:
        word = tokens[at]
        at += 1
        if word.lower() in ("i", "me"):
            yield _Chunk(("i",), True)
        if word[0].isupper() and word.lower() not in FUNCTION_WORDS:
            yield _Chunk((lemma(word),), True)
        if word.lower() not in _DETERMINERS:
            continue
        start = at
        while _continues(tokens, at):
            at += 1
        chunk = tuple(lemma(token) for token in tokens[start:at])
        if chunk:
            next_token = tokens[at].lower()
            complete = (
                not next_token[0].isalnum() or next_token in _LINKS or is_relation(next_token)
            )
            yield _Chunk(chunk, complete)


def _continues(tokens: Sequence[str], at: int) -> bool:
    """Tell whether the token at a place still belongs to a noun phrase."""
    word = tokens[at].lower()
    if word == "of":
        return _is_content(tokens[at + 1].lower())
    return _is_content(word)


def _is_content(word: str) -> bool:
    ends = word in FUNCTION_WORDS or word in _PREPOSITIONS or is_relation(word)
    return word[0].isalnum() and not ends


_YES_NO = re.compile(r"(?:is|are|do|does)\b", re.IGNORECASE)
_FITS = re.compile(r"\bfits?\b", re.IGNORECASE)
_ROUTE = re.compile(r"how\b.*\bfrom\b.+\bto\b", re.IGNORECASE)
MAX_WORDS = 12
"""The limit of words in one search."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Records, each of which shares a thing with the next, and the queries that found them."""

    records: tuple[Record, ...]
    queries: tuple[str, ...]


class Chains:
    """Searches outwards from both things of a question until their records connect."""

    def __init__(self, bank: EpisodicBank) -> None:
        self._bank = bank

    def between(self, question: str, where: Filter) -> Chain | None:
        """Return the shortest chain of records between the two things of a question.

        None if the question does not ask how two things relate, or if nothing connects them within
        `MAX_HOPS`.
        """
        compares = _YES_NO.match(question) and (relation_of(question) or _FITS.search(question))
        asks = compares or _ROUTE.match(question)
        if not asks or len(phrases(question, complete_phrases(question))) != 2:
            return None
        found: dict[str, Record] = {}
        frontier, queries, searched = content_words(question), list[str](), set[str]()
        for _ in range(2, MAX_HOPS + 1):
            new = [word for word in dict.fromkeys(frontier) if word not in searched][:MAX_WORDS]
            if not new:
                return None
            searched |= set(new)
            queries.append(" ".join(new))
            near = self._bank.mentioning(where, [form for word in new for form in forms(word)])
            found |= {record.id: record for record in near}
            chain = _chain(question, list(found.values()))
            if chain:
                return Chain(tuple(chain), tuple(queries))
            frontier = [word for record in near for word in content_words(record.keys[0])]
        return None


def _chain(question: str, records: Sequence[Record]) -> list[Record] | None:
    """Return the shortest chain of records between the two things of a question."""
    known = complete_phrases(question).union(
        *(complete_phrases(record.keys[0]) for record in records)
    )
    ends = phrases(question, known)
    if len(ends) != 2:
        return None
    edges: dict[Phrase, dict[Phrase, Record]] = {}
    for record in sorted(records, key=lambda record: record.moment):
        pair = phrases(record.keys[0], known)
        if len(pair) == 2:
            edges.setdefault(pair[0], {})[pair[1]] = record
            edges.setdefault(pair[1], {})[pair[0]] = record
    return _shortest_path(edges, ends[0], ends[1])


def _shortest_path(
    edges: Mapping[Phrase, Mapping[Phrase, Record]], start: Phrase, end: Phrase
) -> list[Record] | None:
    """Return the records on the shortest path, by breadth-first search, None without a path."""
    paths: dict[Phrase, list[Record]] = {start: []}
    frontier = [start]
    while frontier:
        following = []
        for phrase in frontier:
            for neighbour, record in edges.get(phrase, {}).items():
                if neighbour not in paths:
                    paths[neighbour] = [*paths[phrase], record]
                    following.append(neighbour)
        if end in paths:
            return paths[end]
        frontier = following
    return None
