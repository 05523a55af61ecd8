"""Search by words over one user's keys: BM25, and the records that mention a word."""

import math
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import partial, reduce
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memagent.stores.database.connection import SqliteStore, State
from memagent.stores.database.filters import Filter, micros
from memagent.stores.database.word_index import languages_of, recent_languages
from memagent.stores.index.partition import Held
from memagent.stores.index.word_keys import NO_KEYS, WordKeys
from memagent.text.english import Stems
from memagent.text.languages import content, query_language
from memagent.text.stemmer import one_per_stemmer
from memagent.text.words import document_words, query_stems, spellings, stem, stems_of
from memagent.types import Record, Scope

MAX_MATCHES = 2_000
"""Number of a word's newest matches that are read, so that its cost has a bound."""
MAX_WORDS = 128
"""Number of words whose matches are kept; a word has at most some 80 KB of them."""
K1, B = 1.2, 0.75
"""The usual constants of BM25."""
CHUNK = 256


@dataclass(frozen=True, slots=True)
class Posting:
    """A word's newest keys, newest first, as one user's keys up to one of them were."""

    removals: int
    rollbacks: int
    upto: int
    keys: list[int]


@dataclass(frozen=True, slots=True)
class Languages:
    """The languages of one user's keys, as far as they are known, and the usual one of late."""

    version: tuple[int, ...] = ()
    usual: str | None = None
    all: tuple[str | None, ...] = (None,)


@dataclass(frozen=True, slots=True)
class Terms:
    """A query's content words, with the keys of one user that hold each, newest first.

    A word is looked up under its stems in all of the user's `languages`. It lives as long as one
    search, and keeps the stems of the texts that the search reads twice.
    """

    owner: str | None
    postings: Mapping[str, Sequence[int]]
    languages: tuple[str | None, ...] = (None,)
    by_stem: Mapping[str, str] = field(default_factory=dict, compare=False)
    _stems: dict[str, Stems] = field(default_factory=dict, compare=False)

    @property
    def weights(self) -> dict[str, float]:
        """The words' inverse document frequency in this user's memory alone.

        A word that it has never seen weighs the most.
        """
        if self.owner is None:
            return dict.fromkeys(self.postings, 1.0)
        return {
            word: math.log(1 + (MAX_MATCHES + 0.5) / (len(keys) + 0.5))
            for word, keys in self.postings.items()
        }

    def stems(self, text: str) -> Stems:
        """Return the stems of a text; a word of the query has its stem, in whatever language."""
        if text not in self._stems:
            words, spelt = document_words(text), spellings(text)
            if len(self.languages) == 1:
                found = tuple(map(stem, words))
            elif not spelt:
                found = tuple(map(self._stem, words))
            else:
                found = tuple(self._stem(word, spelt.get(word, ())) for word in words)
            self._stems[text] = Stems(found, frozenset(found))
        return self._stems[text]

    def _stem(self, word: str, spelt: Collection[str] = ()) -> str:
        for found in stems_of(word, spelt, self.languages):
            if found in self.by_stem:
                return stem(self.by_stem[found])
        return stem(word)


@dataclass(frozen=True, slots=True)
class Found:
    """Keys found by words: those of the best BM25 with it, best first, and the newest first."""

    best: Mapping[int, float]
    newest: Sequence[int]


class LexicalIndex:
    """BM25 candidates, and how much of a query a text covers.

    Both are of one user's keys alone: nobody waits for the busy users, or is ranked by what they
    wrote.
    """

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._found = WordKeys(store)
        self._postings: dict[tuple[str, frozenset[str]], Posting] = {}
        self._languages: dict[str, Languages] = {}

    def terms(self, scope: Scope, query: str) -> Terms:
        """Look a query's content words up in a user's keys, under their stems in all languages.

        Function words of the query's language are left out where there are others.
        """
        state = self._store.state(scope.user)
        known = Languages() if state is None else self._languages_of(state)
        language, spelt = query_language(query, known.usual), spellings(query)
        words = {stem(word, language): word for word in content(query, language)}
        stems = {
            word: frozenset(stems_of(word, spelt.get(word, ()), known.all))
            for word in words.values()
        }
        by_stem = {found: word for word, all_stems in stems.items() for found in all_stems}
        if state is None:
            return Terms(None, dict.fromkeys(stems, ()), known.all, by_stem)
        postings = {word: self._matches(state, found) for word, found in stems.items()}
        return Terms(state.owner, postings, known.all, by_stem)

    def _languages_of(self, state: State) -> Languages:
        """Return the languages of a user's keys, which are kept until some are added or removed."""
        version = (state.removals, self._store.rollbacks, state.key)
        known = self._languages.get(state.owner)
        if known is None or known.version != version:
            recent = recent_languages(self._store.query, state.owner)
            written = languages_of(self._store.query, state.owner)
            known = Languages(version, next(iter(recent), None), one_per_stemmer(written))
            self._languages[state.owner] = known
        return known

    def search(self, where: Filter, terms: Terms, n: int) -> Found:
        """Return at most `n` keys of the best BM25, and as many of the newest.

        Words that are found in too many keys are left out where there are rarer ones.
        """
        weights = terms.weights
        rare = [word for word, keys in terms.postings.items() if 0 < len(keys) < MAX_MATCHES]
        if not rare:
            common = max(terms.postings, key=lambda word: len(terms.postings[word]), default=None)
            stems = {found for found, word in terms.by_stem.items() if word == common}
            newest = self._newest(where, terms.owner, stems, n)
            return Found(dict.fromkeys(newest, 0.0), newest)
        scores: dict[int, float] = {}
        for word in rare:
            for key in terms.postings[word]:
                scores[key] = scores.get(key, 0.0) + weights[word]
        likely = sorted(scores, key=lambda key: (-scores[key], -key))
        best = self._passing(where, likely, 2 * n)
        held = {key: terms.stems(text).all for key, text in best.items()}
        ranks = _bm25({word: weights[word] for word in rare}, held)
        newest = list(self._passing(where, sorted(scores, reverse=True), n))
        ordered = sorted(best, key=lambda key: (-ranks[key], -key))[:n]
        return Found({key: ranks[key] for key in ordered}, newest)

    def mentioning(
        self,
        where: Filter,
        names: Sequence[str],
        n: int,
        *,
        also: Sequence[str] = (),
        before: Record | None = None,
        after: Record | None = None,
        held: Held | None = None,
        oldest: bool = False,
    ) -> list[int]:
        """Return at most `n` records (by `seq`) that hold any of the names, last written first.

        With `oldest` it is those that were written first. Each holds all of the words in `also`,
        too. `before` and `after` bound the time that the records speak of. `held`, if known, says
        which keys pass all this: then the database need not read every match.
        """
        user = self._store.user(where.scope.user)
        if user is None:
            return []
        keys = np.unique(np.concatenate([NO_KEYS, *(self._holding(user, name) for name in names)]))
        for word in also:
            keys = np.intersect1d(keys, self._holding(user, word), assume_unique=True)
        ordered = keys if oldest else keys[::-1]
        if held is not None:
            return _first_records(ordered, held, n)
        condition, values = where.condition()
        for sign, bound in (("<", before), (">", after)):
            if bound is not None:
                condition += f" AND (COALESCE(r.affirmed, r.valid_from), r.seq) {sign} (?, ?)"
                values += [micros(bound.moment[0]), bound.seq]
        found: dict[int, None] = {}
        for some in _growing(ordered.tolist(), n):
            rows = self._passing_rows(some, condition, values)
            records = {row["id"]: row["record"] for row in rows}
            found |= dict.fromkeys(records[key] for key in some if key in records)
            if len(found) >= n:
                break
        return list(found)[:n]

    def _holding(self, user: int, text: str) -> NDArray[np.int64]:
        """Return a user's keys that hold all words of a text, rising."""
        languages = one_per_stemmer(languages_of(self._store.query, f"u{user}"))
        keys = [self._found.keys(user, stems) for stems in query_stems(text, languages)]
        return reduce(partial(np.intersect1d, assume_unique=True), keys) if keys else NO_KEYS

    def _matches(self, state: State, stems: frozenset[str]) -> list[int]:
        """Return the newest of a user's keys that hold a word, by its stems, at most MAX_MATCHES.

        They are kept: as long as nothing is removed, only newer keys are looked at the next time.
        """
        known, rollbacks = self._postings.get((state.owner, stems)), self._store.rollbacks
        if known is None or (known.removals, known.rollbacks) != (state.removals, rollbacks):
            known = Posting(state.removals, rollbacks, 0, [])
        if known.upto == state.key:
            return known.keys
        newer = self._found.keys(int(state.owner[1:]), stems, above=known.upto, most=MAX_MATCHES)
        newest_first = newer[newer <= state.key][::-1].tolist()
        keys = [*newest_first, *known.keys][:MAX_MATCHES]
        if len(self._postings) >= MAX_WORDS:
            self._postings.clear()
        self._postings[state.owner, stems] = Posting(state.removals, rollbacks, state.key, keys)
        return keys

    def _passing(self, where: Filter, keys: Sequence[int], n: int) -> dict[int, str]:
        """Return the first `n` keys that the filter lets through, in their order, with texts."""
        condition, values = where.condition()
        passed: dict[int, str] = {}
        for some in _growing(keys, n):  # mostly all pass, and more than `n` need not be read
            rows = self._passing_rows(some, condition, values)
            texts = {int(row["id"]): str(row["text"]) for row in rows}
            passed |= {key: texts[key] for key in some if key in texts}
            if len(passed) >= n:
                break
        return dict(islice(passed.items(), n))

    def _passing_rows(
        self, keys: Sequence[int], condition: str, values: Sequence[Any]
    ) -> list[sqlite3.Row]:
        marks = ",".join("?" * len(keys))
        return self._store.query(
            # CROSS keeps SQLite from going through all of the user's records first.
            "SELECT k.id, k.record, k.text FROM keys k CROSS JOIN records r ON r.seq = k.record"
            f" WHERE k.id IN ({marks}) AND {condition}",
            (*keys, *values),
        )

    def _newest(
        self, where: Filter, owner: str | None, stems: Collection[str], n: int
    ) -> list[int]:
        """Return the newest keys that hold any of some stems and that the filter lets through."""
        if owner is None or not stems:
            return []
        keys = self._found.keys(int(owner[1:]), stems)
        return list(self._passing(where, keys[::-1].tolist(), n))


def _first_records(keys: NDArray[np.int64], held: Held, n: int) -> list[int]:
    """Return the records of the first `n` keys that pass, each once, in their order."""
    keys = keys[keys <= held.ids[-1]] if len(held.ids) else NO_KEYS
    places = np.searchsorted(held.ids, keys)
    places = places[held.passing[places] & (held.ids[places] == keys)]
    records = held.records[places]
    _, first = np.unique(records, return_index=True)
    return [int(record) for record in records[np.sort(first)[:n]]]


def _growing(keys: Sequence[int], n: int) -> Iterator[Sequence[int]]:
    """Yield keys in pieces, the first of at most `n`."""
    start, size = 0, min(n, CHUNK)
    while start < len(keys):
        yield keys[start : start + size]
        start, size = start + size, CHUNK


def _bm25(weights: Mapping[str, float], texts: Mapping[int, Sequence[str]]) -> dict[int, float]:
    """Return the BM25 of texts, given as stems (Robertson and Zaragoza, 2009).

    Lengths are compared among these texts.
    """
    mean = sum(map(len, texts.values())) / len(texts) if texts else 1.0
    by_stem = {stem(word): weight for word, weight in weights.items()}
    ranks = {}
    for key, held in texts.items():
        damping = K1 * (1 - B + B * len(held) / mean)
        counts = ((weight, held.count(word)) for word, weight in by_stem.items())
        ranks[key] = sum(weight * n * (K1 + 1) / (n + damping) for weight, n in counts)
    return ranks


def coverage(weights: Mapping[str, float], held: Set[str]) -> float:
    """Return the share of the query's weight that a text's stems cover, in [0, 1]."""
    total = sum(weights.values())
    if not total:
        return 0.0
    return sum(weight for word, weight in weights.items() if stem(word) in held) / total
