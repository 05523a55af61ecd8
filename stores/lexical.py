"""Full-text search over one user's keys with SQLite FTS5."""

import math
from collections.abc import Mapping, Sequence
from heapq import nsmallest

from memagent.stores.filter import Filter, micros
from memagent.stores.sqlite import SqliteStore
from memagent.stores.words import content_words, stem
from memagent.types import Record, Scope

MAX_MATCHES = 2_000
"""BM25 is worked out for at most this many matches, the newest, so that its cost has a bound."""


class LexicalIndex:
    """BM25 candidates, and how much of a query a text covers."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def weights(self, scope: Scope, query: str) -> dict[str, float]:
        """Return the query's content words with their inverse document frequency.

        A word that this user's memory has never seen weighs the most: not finding it is telling.
        """
        owner = self._store.owner(scope.user)
        words = content_words(query)
        if owner is None:
            return dict.fromkeys(words, 1.0)
        seen = {word: self._frequency(owner, word) for word in words}
        return {word: math.log(1 + (MAX_MATCHES + 0.5) / (n + 0.5)) for word, n in seen.items()}

    def search(
        self, where: Filter, weights: Mapping[str, float], n: int
    ) -> tuple[list[int], list[int]]:
        """Return two lists of at most `n` key ids: best BM25 first, and newest first."""
        owner = self._store.owner(where.scope.user) if weights else None
        if owner is None:
            return [], []
        condition, values = where.condition()
        words = " OR ".join(_quoted(word) for word in self._affordable(weights))
        rows = self._store.query(
            "SELECT keys_fts.rowid AS id, bm25(keys_fts, 1.0, 0.0) AS score FROM keys_fts"
            " JOIN keys k ON k.id = keys_fts.rowid JOIN records r ON r.seq = k.record"
            f" WHERE keys_fts MATCH ? AND {condition} ORDER BY keys_fts.rowid DESC LIMIT ?",
            (f"owner:{_quoted(owner)} AND text:({words})", *values, MAX_MATCHES),
        )
        newest = [key for key, _ in rows[:n]]
        best = nsmallest(n, ((score, -key) for key, score in rows))
        return [-key for _, key in best], newest

    def mentioning(
        self,
        where: Filter,
        words: Sequence[str],
        n: int,
        *,
        before: Record | None = None,
        after: Record | None = None,
    ) -> list[int]:
        """Return at most `n` records (by `seq`) that hold any of the words, last written first.

        `before` and `after` bound the time that the records speak of.
        """
        owner = self._store.owner(where.scope.user)
        if owner is None or not words:
            return []
        condition, values = where.condition()
        bounds: list[int] = []
        for sign, bound in (("<", before), (">", after)):
            if bound is not None:
                condition += f" AND (COALESCE(r.affirmed, r.valid_from), r.seq) {sign} (?, ?)"
                bounds += [micros(bound.moment[0]), bound.seq]
        any_of = " OR ".join(_quoted(word) for word in words)
        rows = self._store.query(
            "SELECT DISTINCT k.record AS seq FROM keys_fts"
            " JOIN keys k ON k.id = keys_fts.rowid JOIN records r ON r.seq = k.record"
            f" WHERE keys_fts MATCH ? AND {condition} ORDER BY keys_fts.rowid DESC LIMIT ?",
            (f"owner:{_quoted(owner)} AND text:({any_of})", *values, *bounds, n),
        )
        return [row["seq"] for row in rows]

    def _affordable(self, weights: Mapping[str, float]) -> Sequence[str]:
        """Return the rarest words whose matches together stay within the bound; at least one."""
        rarest = sorted(weights, key=lambda word: -weights[word])
        common = math.log(1 + (MAX_MATCHES + 0.5) / (MAX_MATCHES + 0.5))
        chosen = [word for word in rarest if weights[word] > common]
        return chosen or rarest[:1]

    def _frequency(self, owner: str, word: str) -> int:
        """Count this user's keys that hold a word, up to the bound."""
        rows = self._store.query(
            "SELECT count(*) AS n FROM (SELECT 1 FROM keys_fts WHERE keys_fts MATCH ? LIMIT ?)",
            (f"owner:{_quoted(owner)} AND text:{_quoted(word)}", MAX_MATCHES),
        )
        return int(rows[0]["n"])


def coverage(weights: Mapping[str, float], text: str) -> float:
    """Return the share of the query's weight that a text's words cover, in [0, 1]."""
    total = sum(weights.values())
    if not total:
        return 0.0
    held = {stem(word) for word in content_words(text)}
    return sum(weight for word, weight in weights.items() if stem(word) in held) / total


def _quoted(term: str) -> str:
    return '"' + term.replace('"', '""') + '"'
