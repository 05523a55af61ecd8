"""Candidates of a search: the records that may answer, with what they are ranked by, as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memagent.stores.database.filters import Filter
from memagent.stores.database.reader import SAYS_TEXT, Reader
from memagent.stores.index.lexical import MAX_MATCHES, LexicalIndex, Terms
from memagent.stores.index.neighbours import Around, Compared
from memagent.stores.index.partitions import VectorIndex

CANDIDATES = 64
"""Keys that each of the rankings by meaning and by words returns at least."""
NEWEST = 32
"""Keys of the newest that share a word, at least."""
SEEDS = 24
"""Number of the best keys whose neighbours become candidates, too."""
KEPT = 96
"""Number of the most relevant keys that are ranked, at least: the ranker was trained on so many."""
LOOKED_AT = 4
"""Matches of words that are looked at for each that is wanted: a filter may hold some back."""
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Vector = NDArray[np.float32]
_ROWS = (
    # The casts keep what damage has put in a column's place from being calculated with.
    "SELECT k.id, CAST(coalesce(k.text, '') AS TEXT) AS text, CAST(r.kind AS TEXT) AS kind,"
    " CAST(r.session AS TEXT) AS session, CAST(r.helped AS INTEGER) AS helped,"
    " CAST(r.hurt AS INTEGER) AS hurt, CAST(r.superseded AS INTEGER) AS superseded,"
    " CAST(coalesce(r.affirmed, r.valid_from) AS INTEGER) AS moment,"
    " r.sources <> '[]' AS sourced,"
    " CASE WHEN json_valid(r.metadata) THEN CAST(r.metadata ->> '$.role' AS TEXT) END AS role,"
    " CASE WHEN json_valid(r.metadata) THEN CAST(r.metadata ->> '$.name' AS TEXT) END AS name"
    f" FROM keys k JOIN records r ON r.seq = k.record WHERE k.id IN (*) AND {SAYS_TEXT}"
)


@dataclass(frozen=True, slots=True)
class Side:
    """Neighbours of the candidates on one side: cosines, and which words they hold."""

    cosine: Floats
    holds: Bools


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidates:
    """Candidates of one query, a value or a row a record, each by its most relevant key.

    `records` and `keys` are their numbers, `cosine` the key's, `holds` says which of the query's
    `words` it holds (records x words), whose weights by rarity are `weights`. `before` and `after`
    are the neighbours in session or source. `rows` hold what the database knows of each: `text` of
    the key, `kind`, `session`, `role`, `name`, `moment` (microseconds), `helped`, `hurt`,
    `superseded`, `sourced`.
    """

    records: NDArray[np.int64]
    keys: NDArray[np.int64]
    cosine: Floats
    vectors: Vector
    holds: Bools
    weights: Floats
    words: Sequence[str]
    before: Side
    after: Side
    rows: Sequence[Any]

    def __len__(self) -> int:
        return len(self.records)

    def covered(self, holds: Bools) -> Floats:
        """Return which share of the query's weight is held (rows x words), in [0, 1]."""
        total = self.weights.sum()
        return holds @ self.weights / total if total else np.zeros(len(holds))


class CandidateSearch:
    """Search for candidates by meaning, by words, and beside what was found.

    They come from three rankings (by cosine, by the words held, and the newest that share a word),
    and from the neighbours of the best of these. The most relevant of all are kept.
    """

    def __init__(self, read: Reader, vectors: VectorIndex, words: LexicalIndex) -> None:
        self._read = read
        self._vectors = vectors
        self._words = words

    def search(self, query: str, vector: Vector, where: Filter, k: int) -> Candidates:
        """Return the candidates for a query, of which `k` are wanted; `vector` is the query's."""
        n = max(CANDIDATES, 2 * k)
        held = _Postings(self._words.terms(where.scope, query))
        dense = [key for key, _, _ in self._vectors.search(where, vector, n, k)]
        by_words = self._by_words(held, where, len(vector), n)
        keys, relevance = self._relevance(
            held, where, vector, np.union1d(np.array(dense, dtype=np.int64), by_words)
        )
        around = self._vectors.around(where, len(vector), keys[_best(relevance, SEEDS)])
        if len(beside := np.setdiff1d(_beside(around), keys)):
            more, relevance_of_more = self._relevance(held, where, vector, beside)
            keys = np.concatenate([keys, more])
            order = np.argsort(keys)
            keys, relevance = keys[order], np.concatenate([relevance, relevance_of_more])[order]
        best = np.sort(keys[_best(relevance, max(KEPT, 2 * k))]).tolist()
        rows = {row["id"]: row for row in self._read.chunked(_ROWS, best)}
        there = np.array([key for key in best if key in rows], dtype=np.int64)
        return _by_record(self._vectors.compared(where, vector, there), held, rows)

    def _relevance(
        self, held: "_Postings", where: Filter, vector: Vector, keys: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], Floats]:
        """Return the keys that there still are, and the relevance of each."""
        keys, cosines = self._vectors.cosines(where, vector, keys)
        return keys, held.relevance(held.holds(keys), cosines)

    def _by_words(
        self, held: "_Postings", where: Filter, dimensions: int, n: int
    ) -> NDArray[np.int64]:
        """Return keys that hold words of the query: those of the largest weight, and the newest."""
        keys, weights = held.matches()
        heaviest = np.lexsort((-keys, -weights))[: LOOKED_AT * n]
        newest = np.arange(len(keys))[::-1][: LOOKED_AT * NEWEST]
        found = [
            self._vectors.passing(where, dimensions, keys[order])[:most]
            for order, most in ((heaviest, n), (newest, NEWEST))
        ]
        return np.concatenate(found)


class _Postings:
    """Keys that hold the words of a query.

    Words that are found in too many keys do not count where there are rarer ones: only the newest
    of their keys are known.
    """

    def __init__(self, terms: Terms) -> None:
        complete = {word for word, keys in terms.postings.items() if len(keys) < MAX_MATCHES}
        weights = terms.weights
        self.words = [word for word in terms.postings if word in complete or not complete]
        self.weights = np.array([weights[word] for word in self.words], dtype=np.float64)
        self._keys = [np.array(terms.postings[word], dtype=np.int64)[::-1] for word in self.words]

    def matches(self) -> tuple[NDArray[np.int64], Floats]:
        """Return all keys that hold a word, rising, with the weight of the words of each."""
        if not self._keys:
            return np.empty(0, dtype=np.int64), np.empty(0)
        keys, places = np.unique(np.concatenate(self._keys), return_inverse=True)
        weights = np.repeat(self.weights, [len(each) for each in self._keys])
        sums = np.bincount(places, weights=weights, minlength=len(keys))
        return keys, sums.astype(np.float64)

    def holds(self, keys: NDArray[np.int64]) -> Bools:
        """Return which keys hold which words (keys x words)."""
        found = np.zeros((len(keys), len(self.words)), dtype=bool)
        for column, posting in enumerate(self._keys):
            if len(posting):
                places = np.searchsorted(posting, keys).clip(max=len(posting) - 1)
                found[:, column] = posting[places] == keys
        return found

    def relevance(self, holds: Bools, cosines: Vector) -> Floats:
        """Return the mean of cosine and covered share of the words, of each key."""
        total = self.weights.sum()
        covered = holds @ self.weights / total if total else 0.0
        return np.asarray((cosines.clip(0, 1) + covered) / 2, dtype=np.float64)


def _best(relevance: Floats, n: int) -> NDArray[np.int64]:
    """Return the places of the most relevant keys, best first; of equal ones the first written."""
    return np.argsort(-relevance, kind="stable")[:n]


def _beside(around: Around) -> NDArray[np.int64]:
    """Return the keys of the neighbours, as far as they pass."""
    return np.concatenate([side.keys[side.passing] for side in (around.before, around.after)])


def _by_record(found: Compared, held: _Postings, rows: Mapping[int, Any]) -> Candidates:
    """Return one candidate a record, by its most relevant key, that of equal ones written first."""
    around, holds = found.around, held.holds(found.around.keys)
    order = _best(held.relevance(holds, found.cosines), len(holds))
    _, first = np.unique(around.records[order], return_index=True)
    chosen = order[first]
    keys = around.keys[chosen]
    return Candidates(
        records=around.records[chosen],
        keys=keys,
        cosine=found.cosines[chosen].astype(np.float64),
        vectors=found.vectors[chosen],
        holds=holds[chosen],
        weights=held.weights,
        words=held.words,
        before=Side(
            found.before[chosen].astype(np.float64), held.holds(around.before.keys[chosen])
        ),
        after=Side(found.after[chosen].astype(np.float64), held.holds(around.after.keys[chosen])),
        rows=[rows[key] for key in keys.tolist()],
    )
