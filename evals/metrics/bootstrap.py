"""Bootstrap intervals of many means at once, over the same resampled questions."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from memagent.evals.metrics.statistics import Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLES = 2_000
_TAIL = 0.025


def mean_intervals(rows: Sequence[Sequence[float]], *, seed: int = 0) -> list[Estimate]:
    """Return the mean of each column with its 95% percentile bootstrap interval.

    `rows` are questions x measures. Questions are drawn again with all their measures; with one
    seed, two sets of as many questions are drawn alike. There is no interval for one question.
    """
    import numpy as np

    values = np.asarray(rows, dtype=float)
    n = len(values)
    if n == 0:
        return []
    means = values.mean(axis=0).tolist()
    if n == 1:
        return [Estimate(value=mean, low=None, high=None, n=1) for mean in means]
    resampled = _weights(n, seed) @ values
    low, high = np.quantile(resampled, [_TAIL, 1 - _TAIL], axis=0).tolist()
    return [
        Estimate(value=mean, low=least, high=most, n=n)
        for mean, least, most in zip(means, low, high, strict=True)
    ]


@lru_cache(maxsize=16)
def _weights(n: int, seed: int) -> "NDArray[Any]":
    """Return how much each of n questions counts in each resample (resamples x questions)."""
    import numpy as np

    rng = np.random.default_rng(seed)
    return rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n
