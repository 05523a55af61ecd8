"""From candidates to hits: one score each, a floor, diversity, and a budget of tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from memagent.errors import InvalidInput
from memagent.stores.filter import micros
from memagent.stores.outcomes import reliability

CHARS_PER_TOKEN = 4
"""A rule of thumb for English, on the safe side for the usual vocabularies."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranking:
    """How hits are chosen: at most `k`, none that scores below `floor`.

    `tokens` bounds the values' length together, in tokens of about four characters. `half_life`
    halves the weight of recency at that age. `diversity`, from 0 to 1, trades relevance for being
    unlike what was chosen before. `explain` puts ranks and factors into each hit's `why`.

    Raises:
        InvalidInput: a number is out of its range.
    """

    k: int = 10
    floor: float = 0.0
    tokens: int | None = None
    half_life: timedelta | None = None
    diversity: float = 0.0
    explain: bool = False

    def __post_init__(self) -> None:
        if self.k < 1:
            raise InvalidInput(f"k must be at least 1, not {self.k}")
        if self.tokens is not None and self.tokens < 1:
            raise InvalidInput(f"the budget must be at least 1 token, not {self.tokens}")
        if self.half_life is not None and self.half_life <= timedelta(0):
            raise InvalidInput(f"the half-life must be longer than nothing, not {self.half_life}")
        for name in ("floor", "diversity"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidInput(f"{name} must be from 0 to 1, not {getattr(self, name)}")


@dataclass(kw_only=True, slots=True)
class Candidate:
    """A record that may become a hit, by its best key.

    `moment` is when it was last known to hold, in microseconds since 1970; `chars` the length of
    its value; `why` the parts of its score.
    """

    record: int
    key: str
    vector: NDArray[np.float32]
    moment: int
    helped: int
    hurt: int
    chars: int
    score: float
    why: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranked:
    """What was chosen, best first, and how many were left out for each reason."""

    chosen: Sequence[Candidate]
    below_floor: int
    over_budget: int


def ranked(candidates: Sequence[Candidate], ranking: Ranking) -> Ranked:
    """Choose from the candidates; of equal scores the newer comes first."""
    for one in candidates:
        _weigh(one, ranking)
    known = [one for one in candidates if one.score >= ranking.floor]
    known.sort(key=lambda one: (one.score, one.moment, one.record), reverse=True)
    if ranking.diversity:
        known = _diverse(known, ranking)
    fitting = known if ranking.tokens is None else _within(known, ranking.tokens)
    return Ranked(
        chosen=fitting[: ranking.k],
        below_floor=len(candidates) - sum(one.score >= ranking.floor for one in candidates),
        over_budget=len(known) - len(fitting),
    )


def tokens_of(chars: int) -> int:
    """Return about how many tokens a text of so many characters is, at least one."""
    return max(1, -(-chars // CHARS_PER_TOKEN))


def _weigh(one: Candidate, ranking: Ranking) -> None:
    """Multiply the relevance by reliability and recency; both are one unless told otherwise."""
    trust = reliability(one.helped, one.hurt)
    recency = 1.0
    if ranking.half_life is not None:
        age = max(0, micros(datetime.now(UTC)) - one.moment) / 1e6
        recency = 0.5 + 0.5 ** (1 + age / ranking.half_life.total_seconds())
    one.score *= trust * recency
    if ranking.explain:
        one.why |= {"reliability": trust, "recency": recency}


def _diverse(known: Sequence[Candidate], ranking: Ranking) -> list[Candidate]:
    """Order by maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998, section 2).

    The next is the one of largest (1 - diversity) x score - diversity x (its largest cosine to one
    chosen before).
    """
    if not known:
        return []
    vectors = np.array([one.vector for one in known])
    scores = np.array([one.score for one in known])
    likeness = np.zeros(len(known))
    left, order = np.ones(len(known), dtype=bool), list[Candidate]()
    while len(order) < min(len(known), ranking.k if ranking.tokens is None else len(known)):
        marginal = (1 - ranking.diversity) * scores - ranking.diversity * likeness
        best = int(np.argmax(np.where(left, marginal, -np.inf)))
        if ranking.explain:
            known[best].why["likeness"] = float(likeness[best])
        order.append(known[best])
        left[best] = False
        likeness = np.maximum(likeness, vectors @ vectors[best])
    return order


def _within(known: Sequence[Candidate], tokens: int) -> list[Candidate]:
    """Return, in order, the candidates that fit into what the better ones leave of the budget."""
    fitting = []
    for one in known:
        if (cost := tokens_of(one.chars)) <= tokens:
            fitting.append(one)
            tokens -= cost
    return fitting
