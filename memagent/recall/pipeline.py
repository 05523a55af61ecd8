"""Pipeline of a search: candidates, features, ranker and, if there is one, reranker."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from memagent.embedding.calibration import MINILM, Calibration
from memagent.recall.features import FEATURES, Examined, examine
from memagent.recall.ranker import Ranker, shipped
from memagent.recall.reranker import TOP, TimeLimitedReranker, rerank
from memagent.stores.banks.episodic import EpisodicBank
from memagent.stores.database.filters import Filter
from memagent.stores.ranking import Candidate, Ranking, ReadRows, cut, ranked
from memagent.types import Hits, Scope

ALWAYS = ("meaning", "words")
"""Features that are in every hit's `why`, also if they are 0."""
RankerOf = Callable[[Scope], Ranker]


def by_default(scope: Scope) -> Ranker:
    """Return the ranker of a scope where nobody learned another: that with the shipped weights."""
    return shipped()


class Pipeline:
    """Finds records for a query and ranks them.

    `cosines` returns the embedder's calibration, `ranker_of` the ranker of a scope, and `read_rows`
    reads what is ranked. A `reranker` reorders the first hits.
    """

    def __init__(
        self,
        bank: EpisodicBank,
        read_rows: ReadRows,
        cosines: Callable[[], Calibration] = lambda: MINILM,
        ranker_of: RankerOf = by_default,
        reranker: TimeLimitedReranker | None = None,
    ) -> None:
        self._bank = bank
        self._read_rows = read_rows
        self._cosines = cosines
        self.ranker_of = ranker_of
        self._reranker = reranker

    def examine(self, query: str, vector: NDArray[np.float32], where: Filter, k: int) -> Examined:
        """Return the candidates for a query with their features; `vector` is the query's."""
        candidates = self._bank.candidates.search(query, vector, where, k)
        return examine(query, candidates, self._cosines())

    def search(
        self, query: str | None, vector: NDArray[np.float32], where: Filter, ranking: Ranking
    ) -> Hits:
        """Return the best records, best first; `vector` is the query's, normalised.

        Without a text the score is the cosine.
        """
        if not query:
            return self._bank.search(query, vector, where, ranking)
        examined = self.examine(query, vector, where, ranking.k)
        scores = self.ranker_of(where.scope).scores(examined.matrix, examined.types)
        candidates = _candidates(examined, scores)
        if self._reranker is None:
            return ranked(candidates, ranking, self._read_rows)
        wide = replace(ranking, k=max(ranking.k, TOP), tokens=None)
        hits = ranked(candidates, wide, self._read_rows)
        return cut(hits, rerank(hits, query, self._reranker), ranking)


def _candidates(examined: Examined, scores: NDArray[np.float64]) -> list[Candidate]:
    found = examined.candidates
    rows = zip(
        found.records.tolist(),
        found.keys.tolist(),
        scores.tolist(),
        examined.matrix,
        found.cosine.tolist(),
        found.vectors,
        strict=True,
    )
    return [
        Candidate(record, key, score, partial(_why, values, cosine), vector)
        for record, key, score, values, cosine, vector in rows
    ]


def _why(values: NDArray[np.float64], cosine: float) -> dict[str, float]:
    """Return the features that say something, with the cosine as it is."""
    named = zip(FEATURES, values.tolist(), strict=True)
    said = {name: value for name, value in named if value or name in ALWAYS}
    return said | {"cosine": cosine}
