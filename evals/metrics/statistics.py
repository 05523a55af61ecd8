"""Means, intervals and tests for scores on the same questions.

A question counts as one observation. Questions of one story are not quite independent of one
another, so that where a story has many the intervals are somewhat too narrow.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from memagent.errors import InvalidInput

PASS_MARK = 0.95
"""The accuracy at which a bAbI task counts as passed (Weston et al., 2015)."""
RESAMPLES = 9999
_BATCH = 1000
"""Number of resamples in RAM at once."""
_TAIL = 0.025
_ROUNDING = 1e-9
"""Two means that are nearer than this differ by rounding alone."""


def mean(values: Sequence[float]) -> float:
    """Return the arithmetic mean, 0 for none."""
    return sum(values) / len(values) if values else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class McNemar:
    """Number of questions that only the first, or the second, got right, and the exact p value."""

    only_first: int
    only_second: int
    p: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A value from `n` questions with its 95% interval; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None
    n: int


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Return the 95% Wilson score interval of a proportion, (0, 1) for none."""
    from scipy.stats import binomtest

    if n == 0:
        return 0.0, 1.0
    interval = binomtest(successes, n).proportion_ci(confidence_level=0.95, method="wilson")
    return float(interval.low), float(interval.high)


def mean_interval(values: Sequence[float], *, seed: int = 0) -> tuple[float, float]:
    """Return the 95% interval of a mean of values from 0 to 1, (0, 1) for none.

    That is Wilson's where all are 0 or 1, and else the bootstrap's, by percentiles. A single value
    between says nothing of others: (0, 1).

    Raises:
        InvalidInput: a value is not a finite number.
    """
    import numpy as np

    _check_aligned(values)
    if all(value in (0.0, 1.0) for value in values):
        return wilson(sum(value == 1.0 for value in values), len(values))
    n = len(values)
    if n == 1:
        return 0.0, 1.0
    # To draw n values again is to draw how often each of the distinct ones comes.
    distinct, counts = np.unique(np.asarray(values, dtype=float), return_counts=True)
    rng = np.random.default_rng(seed)
    drawn = [
        rng.multinomial(n, counts / n, size=min(_BATCH, RESAMPLES - done)) @ distinct / n
        for done in range(0, RESAMPLES, _BATCH)
    ]
    return _percentiles(np.concatenate(drawn))


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> McNemar:
    """Test whether two arms get the same questions right, two-sided and exact (binomial).

    `first` and `second` are of the same questions, in the same order. Where they never differ, or
    differ once, p is 1.

    Raises:
        InvalidInput: the two are not of the same length.
    """
    from statsmodels.stats.contingency_tables import mcnemar as test

    _check_aligned(first, second)
    pairs = [(bool(left), bool(right)) for left, right in zip(first, second, strict=True)]
    table = [[pairs.count((row, column)) for column in (True, False)] for row in (True, False)]
    outcome = test(table, exact=True)
    return McNemar(only_first=table[0][1], only_second=table[1][0], p=float(outcome.pvalue))


def difference(first: Sequence[float], second: Sequence[float], *, seed: int = 0) -> Estimate:
    """Return mean(first) - mean(second) on the same questions, with its paired bootstrap interval.

    For right and wrong (1 and 0) as for F1. Questions are drawn again with both their scores; the
    interval is that of percentiles. It needs two questions at least, and is a single point where
    every question has the same difference, which with few questions promises too much.

    Raises:
        InvalidInput: the two are not of the same length, or a score is not a finite number.
    """
    _check_aligned(first, second)
    n = len(first)
    if n == 0:
        return Estimate(value=None, low=None, high=None, n=0)
    value = (sum(first) - sum(second)) / n
    if n == 1:
        return Estimate(value=value, low=None, high=None, n=1)
    means = _resampled_means([first, second], seed)
    low, high = _percentiles(means[0] - means[1])
    return Estimate(value=value, low=low, high=high, n=n)


def sign_flip(first: Sequence[float], second: Sequence[float], *, seed: int = 0) -> float:
    """Return the two-sided p value of a paired permutation test of two means (Fisher, 1935).

    For scores of the same questions that are not just right and wrong. The signs of the differences
    are flipped: in every way where that is possible, else in 9,999 random ways. Where the two never
    differ, p is 1.

    Raises:
        InvalidInput: the two are not of the same length, or a score is not a finite number.
    """
    import numpy as np
    from scipy.stats import permutation_test

    _check_aligned(first, second)
    apart = np.subtract(first, second)
    apart = apart[np.abs(apart) > _ROUNDING]  # what is no difference has no sign to flip
    if len(apart) < 2:
        return 1.0
    outcome = permutation_test(
        (apart,),
        np.mean,
        permutation_type="samples",
        n_resamples=RESAMPLES,
        batch=_BATCH,
        vectorized=True,
        rng=seed,
    )
    return float(outcome.pvalue)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p values by name, corrected for their number by Holm's step-down method.

    Raises:
        InvalidInput: one is not between 0 and 1.
    """
    from statsmodels.stats.multitest import multipletests

    wrong = [name for name, p in p_values.items() if not 0 <= p <= 1]
    if wrong:
        raise InvalidInput(f"holm: expected p values between 0 and 1; found another for {wrong[0]}")
    if not p_values:
        return {}
    corrected = multipletests(list(p_values.values()), method="holm")[1]
    return {name: float(p) for name, p in zip(p_values, corrected, strict=True)}


def memory_efficiency(none: float, memory: float, oracle: float) -> float | None:
    """Return the share of what gold evidence gains that the memory gains.

    That is (memory - none) / (oracle - none) of three mean scores: 0 is no better than no memory, 1
    as good as gold evidence; it may lie outside. None where `oracle` does not beat `none`: where
    the model answers without evidence, or cannot use it.
    """
    gain = oracle - none
    return (memory - none) / gain if gain > _ROUNDING else None


def efficiency(
    none: Sequence[float], memory: Sequence[float], oracle: Sequence[float], *, seed: int = 0
) -> Estimate:
    """Return the memory efficiency of three arms' scores, with its paired bootstrap interval.

    Questions are drawn again with all three scores. Draws in which the oracle does not beat no
    memory have no efficiency and are left out; where they are more than 2.5% of all, the oracle's
    own advantage is in doubt, and there is no interval. There is none for a single question.

    Raises:
        InvalidInput: the three are not of the same length, or a score is not a finite number.
    """
    import numpy as np

    _check_aligned(none, memory, oracle)
    n = len(none)
    if n == 0:
        return Estimate(value=None, low=None, high=None, n=0)
    value = memory_efficiency(sum(none) / n, sum(memory) / n, sum(oracle) / n)
    if value is None or n == 1:
        return Estimate(value=value, low=None, high=None, n=n)
    without, with_memory, with_gold = _resampled_means([none, memory, oracle], seed)
    gain = with_gold - without
    defined = gain > _ROUNDING
    if np.mean(~defined) > _TAIL:
        return Estimate(value=value, low=None, high=None, n=n)
    low, high = _percentiles((with_memory - without)[defined] / gain[defined])
    return Estimate(value=value, low=low, high=high, n=n)


def ratio(first: Sequence[float], second: Sequence[float], *, seed: int = 0) -> Estimate:
    """Return mean(first) / mean(second) on the same questions, with its paired bootstrap interval.

    It is None where the second mean is 0. Draws in which that is so are left out, as in
    `efficiency`, of which this is the case that starts from nothing.

    Raises:
        InvalidInput: the two are not of the same length, or a score is not a finite number.
    """
    return efficiency([0.0] * len(second), first, second, seed=seed)


def passed(accuracies: Iterable[float | None]) -> int:
    """Return how many tasks reach the pass mark; a task without an accuracy does not."""
    return sum(accuracy is not None and accuracy >= PASS_MARK for accuracy in accuracies)


def _resampled_means(arms: Sequence[Sequence[float]], seed: int) -> Any:
    """Return the arms' means on resampled questions (arms x resamples)."""
    import numpy as np
    from scipy.stats import bootstrap

    def means(*scores: Any, axis: int) -> Any:
        return np.stack([np.mean(values, axis=axis) for values in scores])

    drawn = bootstrap(
        tuple(np.asarray(arm, dtype=float) for arm in arms),
        means,
        n_resamples=RESAMPLES,
        batch=_BATCH,
        vectorized=True,
        paired=True,
        method="percentile",
        rng=seed,
    )
    return drawn.bootstrap_distribution


def _percentiles(values: Any) -> tuple[float, float]:
    import numpy as np

    low, high = np.quantile(values, [_TAIL, 1 - _TAIL])
    return float(low), float(high)


def _check_lengths(*arms: Sequence[Any]) -> None:
    lengths = [len(arm) for arm in arms]
    if len(set(lengths)) > 1:
        raise InvalidInput(f"expected scores of the same questions; found {lengths} of them")


def _check_aligned(*arms: Sequence[float]) -> None:
    _check_lengths(*arms)
    if not all(isfinite(score) for arm in arms for score in arm):
        raise InvalidInput("expected scores that are finite numbers; found another")
