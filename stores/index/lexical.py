"""Full-text search over one user's keys with SQLite FTS5."""

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memagent.stores.database.connection import SqliteStore, State
from memagent.stores.database.deferred_indexing import indexed_up_to
from memagent.stores.database.filters import Filter, micros
from memagent.stores.index.partition import Held
from memagent.text.english import Stems, content_words, stem, stems
from memagent.types import Record, Scope

BATCH = 500
"""How many keys are read at a time."""
STEP = 128
"""How many matches are read first where few may pass; then twice as many, and so on."""


class FullTextTables:
    """Full-text tables: the index in the database, and one in RAM for the keys that wait for it.

    The table in RAM is filled when words are first searched after a key was written.
    """

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._upto = 0
        self._state = (-1, 0)

    def rows(
        self, select: str, match: str, values: Sequence[Any], n: int, *, oldest: bool = False
    ) -> list[Any]:
        """Return the first column of at most `n` rows, those of the newest keys first.

        `select` is a statement with `{index}` in the place of the full-text table, the query and
        `values` as its parameters, and neither order nor limit. With `oldest` it is those of the
        oldest keys.
        """
        with self._store.lock:
            self._catch_up()
            found: list[Any] = []
            for index in self._indexes(oldest):
                sql = f"{select} ORDER BY {{index}}.rowid {_order(oldest)} LIMIT ?"
                rows = self._store.query(sql.replace("{index}", index), (match, *values, n))
                found = list(dict.fromkeys([*found, *[row[0] for row in rows]]))[:n]
                if len(found) >= n:
                    break
        return found

    def among(self, match: str, held: Held, n: int, *, oldest: bool = False) -> list[int]:
        """Return at most `n` records, those of the newest keys first, of the keys that pass alone.

        Wherever many matches in a row do not pass, the full-text index is asked to go on at the
        next key that does. With `oldest` it is those of the oldest keys.
        """
        found: dict[int, None] = {}
        passing = np.flatnonzero(held.passing)
        with self._store.lock:
            self._catch_up()
            for index in self._indexes(oldest):
                left, step = passing, STEP
                while len(found) < n and len(left):
                    rows = self._store.query(
                        f"SELECT rowid FROM {index} WHERE {index} MATCH ? AND rowid BETWEEN ? AND ?"
                        f" ORDER BY rowid {_order(oldest)} LIMIT ?",
                        (match, int(held.ids[left[0]]), int(held.ids[left[-1]]), step),
                    )
                    ids = np.array([row[0] for row in rows], dtype=np.int64)
                    places = np.searchsorted(held.ids, ids)  # none is beyond the last
                    passed = held.passing[places] & (held.ids[places] == ids)
                    found |= dict.fromkeys(held.records[places[passed]].tolist())
                    if len(rows) < step:
                        break
                    left, step = _beyond(left, int(ids[-1]), held, oldest), 2 * step
        return list(found)[:n]

    def _catch_up(self) -> None:
        """Read what was written since; start anew after an indexing or a rollback."""
        state = (indexed_up_to(self._store.query).words, self._store.rollbacks)
        if state != self._state:
            self._store.write_temporary(
                "INSERT INTO newest_fts(newest_fts) VALUES (?)", [("delete-all",)]
            )
            self._state, self._upto = state, state[0]
        while rows := self._store.query(
            "SELECT id, text, owner FROM keys WHERE id > ? ORDER BY id LIMIT ?", (self._upto, BATCH)
        ):
            self._store.write_temporary(
                "INSERT INTO newest_fts(rowid, text, owner) VALUES (?, ?, ?)", rows
            )
            self._upto = rows[-1]["id"]

    def _indexes(self, oldest: bool) -> tuple[str, ...]:
        """Return the full-text tables that hold anything, in the order to search them."""
        waiting = self._upto > self._state[0]
        tables = ("newest_fts", "keys_fts") if waiting else ("keys_fts",)
        return tables[::-1] if oldest else tables


def _order(oldest: bool) -> str:
    return "ASC" if oldest else "DESC"


def _beyond(left: NDArray[np.intp], key: int, held: Held, oldest: bool) -> NDArray[np.intp]:
    """Return the places that are left on the far side of a key."""
    ids = held.ids[left]
    if oldest:
        return left[int(np.searchsorted(ids, key, side="right")) :]
    return left[: int(np.searchsorted(ids, key))]


MAX_MATCHES = 2_000
"""How many of a word's newest matches are read, so that its cost has a bound."""
MAX_WORDS = 128
"""How many words' matches are kept; a word has at most some 80 KB of them."""
K1, B = 1.2, 0.75
"""The usual constants of BM25."""
CHUNK = 256
_JOINED = (
    "FROM {index} JOIN keys k ON k.id = {index}.rowid JOIN records r ON r.seq = k.record"
    " WHERE {index} MATCH ?"
)
"""Matching keys with their records, for `FullTextTables.rows`."""


@dataclass(frozen=True, slots=True)
class Posting:
    """A word's newest keys, newest first, as one user's keys up to one of them were."""

    removals: int
    rollbacks: int
    upto: int
    keys: list[int]


@dataclass(frozen=True, slots=True)
class Terms:
    """A query's content words, with the keys of one user that hold each, newest first.

    It lives as long as one search, and keeps the stems of the texts that the search reads twice.
    """

    owner: str | None
    postings: Mapping[str, Sequence[int]]
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
        """Return the stems of a text."""
        if text not in self._stems:
            self._stems[text] = stems(text)
        return self._stems[text]


class LexicalIndex:
    """BM25 candidates, and how much of a query a text covers.

    FTS5's own `bm25` counts every word over all users' keys, at every search: a quiet user would
    wait for the busy ones, and be ranked by what they wrote. So it is worked out here, from one
    user's matches.
    """

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._found = FullTextTables(store)
        self._postings: dict[tuple[str, str], Posting] = {}

    def terms(self, scope: Scope, query: str) -> Terms:
        """Look a query's content words up in a user's keys."""
        state, query_words = self._store.state(scope.user), content_words(query)
        if state is None:
            return Terms(None, dict.fromkeys(query_words, ()))
        return Terms(state.owner, {word: self._matches(state, word) for word in query_words})

    def search(self, where: Filter, terms: Terms, n: int) -> tuple[list[int], list[int]]:
        """Return two lists of at most `n` key ids: best BM25 first, and newest first.

        Words that are found in too many keys are left out where there are rarer ones.
        """
        weights = terms.weights
        rare = [word for word, keys in terms.postings.items() if 0 < len(keys) < MAX_MATCHES]
        if not rare:
            common = max(terms.postings, key=lambda word: len(terms.postings[word]), default=None)
            newest = self._newest(where, terms.owner, common, n)
            return newest, newest
        scores: dict[int, float] = {}
        for word in rare:
            for key in terms.postings[word]:
                scores[key] = scores.get(key, 0.0) + weights[word]
        likely = sorted(scores, key=lambda key: (-scores[key], -key))
        best = self._passing(where, likely, 2 * n)
        held = {key: terms.stems(text).all for key, text in best.items()}
        ranks = _bm25({word: weights[word] for word in rare}, held)
        newest = list(self._passing(where, sorted(scores, reverse=True), n))
        return sorted(best, key=lambda key: (-ranks[key], -key))[:n], newest

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
        owner = self._store.owner(where.scope.user)
        if owner is None or not names:
            return []
        any_of = " OR ".join(_quoted(word) for word in names)
        all_of = "".join(f" AND text:{_quoted(word)}" for word in also)
        match = self._match(owner, f"text:({any_of}){all_of}")
        if held is not None:
            return self._found.among(match, held, n, oldest=oldest)
        condition, values = where.condition()
        bounds: list[int] = []
        for sign, bound in (("<", before), (">", after)):
            if bound is not None:
                condition += f" AND (COALESCE(r.affirmed, r.valid_from), r.seq) {sign} (?, ?)"
                bounds += [micros(bound.moment[0]), bound.seq]
        select = f"SELECT DISTINCT k.record {_JOINED} AND {condition}"
        return self._found.rows(select, match, (*values, *bounds), n, oldest=oldest)

    def _matches(self, state: State, word: str) -> list[int]:
        """Return the newest of a user's keys that hold a word, at most MAX_MATCHES.

        They are kept: as long as nothing is removed, only newer keys are looked at the next time.
        """
        known, rollbacks = self._postings.get((state.owner, word)), self._store.rollbacks
        if known is None or (known.removals, known.rollbacks) != (state.removals, rollbacks):
            known = Posting(state.removals, rollbacks, 0, [])
        if known.upto == state.key:
            return known.keys
        newer = self._found.rows(
            "SELECT rowid FROM {index} WHERE {index} MATCH ? AND rowid BETWEEN ? AND ?",
            self._match(state.owner, f"text:{_quoted(word)}"),
            (known.upto + 1, state.key),
            MAX_MATCHES,
        )
        keys = [*newer, *known.keys][:MAX_MATCHES]
        if len(self._postings) >= MAX_WORDS:
            self._postings.clear()
        self._postings[state.owner, word] = Posting(state.removals, rollbacks, state.key, keys)
        return keys

    def _match(self, owner: str, text: str) -> str:
        """Return a full-text query for one user's keys.

        Where there is one user only, all keys are theirs, and to ask for that would take longer
        than the words.
        """
        users = self._store.query("SELECT 1 FROM users LIMIT 2")
        return text if len(users) == 1 else f"owner:{_quoted(owner)} AND {text}"

    def _passing(self, where: Filter, keys: Sequence[int], n: int) -> dict[int, str]:
        """Return the first `n` keys that the filter lets through, in their order, with texts."""
        condition, values = where.condition()
        passed: dict[int, str] = {}
        start, size = 0, min(n, CHUNK)  # mostly all pass, and more than `n` need not be read
        while start < len(keys) and len(passed) < n:
            some = keys[start : start + size]
            start, size = start + size, CHUNK
            marks = ",".join("?" * len(some))
            rows = self._store.query(
                # CROSS keeps SQLite from going through all of the user's records first.
                "SELECT k.id, k.text FROM keys k CROSS JOIN records r ON r.seq = k.record"
                f" WHERE k.id IN ({marks}) AND {condition}",
                (*some, *values),
            )
            texts = {int(row[0]): str(row[1]) for row in rows}
            passed |= {key: texts[key] for key in some if key in texts}
        return dict(islice(passed.items(), n))

    def _newest(self, where: Filter, owner: str | None, word: str | None, n: int) -> list[int]:
        """Return the newest keys that hold a word and that the filter lets through."""
        if owner is None or word is None:
            return []
        condition, values = where.condition()
        match = self._match(owner, f"text:{_quoted(word)}")
        return self._found.rows(f"SELECT k.id {_JOINED} AND {condition}", match, values, n)


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


def _quoted(term: str) -> str:
    return '"' + term.replace('"', '""') + '"'
