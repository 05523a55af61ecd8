"""Ranking of candidates: scores, a minimum score, diversity, and a budget of tokens."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from memagent.errors import InvalidInput, shown
from memagent.stores.database.reader import RankedRow
from memagent.stores.database.rows import reading
from memagent.types import Hit, Hits

ReadRows = Callable[[Sequence[int]], Mapping[int, RankedRow]]
"""Sequence numbers in, and the rows of those records."""

CHARS_PER_TOKEN = 4
"""A rule of thumb for English, on the safe side for the usual vocabularies."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranking:
    """Rules by which hits are chosen: at most `k`, none that scores below `min_score`.

    `tokens` bounds the values' length together, in tokens of about four characters. `half_life`
    halves the weight of recency at that age. `diversity`, from 0 to 1, trades relevance for being
    unlike what was chosen before. `explain` puts factors into each hit's `why`.

    Raises:
        InvalidInput: a number is out of its range.
    """

    k: int = 10
    min_score: float = 0.0
    tokens: int | None = None
    half_life: timedelta | None = None
    diversity: float = 0.0
    explain: bool = False

    @property
    def needs_all(self) -> bool:
        """True if every candidate has to be read, however many score better."""
        return bool(self.min_score or self.diversity or self.tokens is not None)

    def __post_init__(self) -> None:
        if not isinstance(self.k, Integral) or self.k < 1:
            raise InvalidInput(f"k must be at least 1, not {shown(self.k)}")
        if self.tokens is not None and self.tokens < 1:
            raise InvalidInput(f"the budget must be at least 1 token, not {shown(self.tokens)}")
        if self.half_life is not None and self.half_life <= timedelta(0):
            raise InvalidInput(f"the half-life must be longer than nothing, not {self.half_life}")
        for name in ("min_score", "diversity"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidInput(f"{name} must be from 0 to 1, not {shown(getattr(self, name))}")


@dataclass(slots=True)
class Candidate:
    """A record that may become a hit, by its best key, and its relevance.

    `record` and `key` are numbers, `why` the parts of the relevance, or what makes them: most
    candidates become no hit. `vector` is the key's, and only wanted for diversity.
    """

    record: int
    key: int
    relevance: float
    why: dict[str, float] | Callable[[], dict[str, float]]
    vector: NDArray[np.float32] | None = None

    def explained(self) -> dict[str, float]:
        """Return the parts of the relevance, made when they are first asked for."""
        if callable(self.why):
            self.why = self.why()
        return self.why


def ranked(candidates: Sequence[Candidate], ranking: Ranking, read_rows: ReadRows) -> Hits:
    """Choose from the candidates; of equal scores the newer comes first.

    A score is never above the relevance. So what is no more relevant than `k` others score need not
    be read, unless it is counted.
    """
    now = datetime.now(UTC)
    likely = [candidate for candidate in candidates if candidate.relevance >= ranking.min_score]
    likely.sort(key=lambda candidate: candidate.relevance, reverse=True)
    first = len(likely) if ranking.needs_all else ranking.k
    read = _read(likely[:first], ranking, read_rows, now)
    rest = likely[first:]
    if rest and (len(read) < ranking.k or read[-1].score <= rest[0].relevance):
        read = _ordered(read + _read(rest, ranking, read_rows, now))
    known = [hit for hit in read if hit.score >= ranking.min_score]
    below = len(candidates) - len(likely) + len(read) - len(known)
    if ranking.diversity:
        known = _diverse(known, candidates, ranking)
    return cut(Hits(candidates=len(candidates), below_min_score=below), known, ranking)


def cut(found: Hits, hits: Sequence[Hit], ranking: Ranking) -> Hits:
    """Return what was found with those of the hits, best first, that the budgets allow."""
    fitting = hits if ranking.tokens is None else _within(hits, ranking.tokens)
    left_out = len(hits) - len(fitting)
    return replace(found, hits=tuple(fitting[: ranking.k]), over_budget=left_out)


def tokens_of(chars: int) -> int:
    """Return about how many tokens a text of so many characters is, at least one."""
    return max(1, -(-chars // CHARS_PER_TOKEN))


def _read(
    candidates: Sequence[Candidate], ranking: Ranking, read_rows: ReadRows, now: datetime
) -> list[Hit]:
    """Read candidates and score them, best first; what was forgotten just now is left out."""
    rows = read_rows([candidate.record for candidate in candidates])
    hits = []
    for candidate in candidates:
        row = rows.get(candidate.record)
        if row is not None and candidate.key in row.keys:
            why = candidate.explained()
            score = candidate.relevance * _weight(row, ranking, now, why)
            hits.append(Hit(record=row.record, score=score, key=row.keys[candidate.key], why=why))
    return _ordered(hits)


def _ordered(hits: list[Hit]) -> list[Hit]:
    return (
        hits
        if len(hits) < 2
        else sorted(hits, key=lambda hit: (hit.score, hit.record.moment), reverse=True)
    )


def _weight(rows: RankedRow, ranking: Ranking, now: datetime, why: dict[str, float]) -> float:
    """Return reliability times recency; neither is above one, and both are one by default."""
    trust = reliability(rows.helped, rows.hurt)
    recency = 1.0
    if ranking.half_life is not None:
        age = max(timedelta(0), now - rows.record.moment[0])
        recency = 0.5 + 0.5 ** (1 + age / ranking.half_life)
    if ranking.explain:
        why |= {"reliability": trust, "decay": recency}
    return trust * recency


def _diverse(known: Sequence[Hit], candidates: Sequence[Candidate], ranking: Ranking) -> list[Hit]:
    """Order by maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998, section 2).

    The next is the one of largest (1 - diversity) x score - diversity x (its largest cosine to one
    chosen before).
    """
    if not known:
        return []
    by_record = {candidate.record: candidate for candidate in candidates}
    found_as = [by_record[hit.record.seq] for hit in known]
    vectors = np.array([candidate.vector for candidate in found_as])
    scores = np.array([hit.score for hit in known])
    likeness = np.zeros(len(known))
    left, order = np.ones(len(known), dtype=bool), list[Hit]()
    while len(order) < min(len(known), ranking.k if ranking.tokens is None else len(known)):
        marginal = (1 - ranking.diversity) * scores - ranking.diversity * likeness
        best = int(np.argmax(np.where(left, marginal, -np.inf)))
        if ranking.explain:
            found_as[best].explained()["redundancy"] = float(likeness[best])
        order.append(known[best])
        left[best] = False
        likeness = np.maximum(likeness, vectors @ vectors[best])
    return order


def _within(known: Sequence[Hit], tokens: int) -> list[Hit]:
    """Return, in order, the hits that fit into what the better ones leave of the budget."""
    fitting = []
    with reading("a record"):
        for hit in known:
            if (cost := tokens_of(len(hit.record.text))) <= tokens:
                fitting.append(hit)
                tokens -= cost
    return fitting


def reliability(helped: int, hurt: int) -> float:
    """Return what a record's relevance is multiplied by: one until something went wrong.

    The mean of a Beta posterior that starts from two successes.
    """
    return (helped + 2) / (helped + hurt + 2)
