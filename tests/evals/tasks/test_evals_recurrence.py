import math
from collections import Counter
from itertools import pairwise

import pytest
from scipy.stats import binomtest, chisquare

from memagent.errors import InvalidInput
from memagent.evals.tasks.continual.recurrence import chances, recurring


@pytest.mark.parametrize(
    ("lags", "exponent", "expected"),
    [
        # 1, 1/2 and 1/4 of their sum 7/4.
        ([1, 2, 4], 1.0, [4 / 7, 2 / 7, 1 / 7]),
        # 1, 1/4 and 1/9 of 49/36.
        ([1, 2, 3], 2.0, [36 / 49, 9 / 49, 4 / 49]),
        # 1 and 1/2 of 3/2, from square roots.
        ([4, 1], 0.5, [1 / 3, 2 / 3]),
        ([1, 2, 900], 0.0, [1 / 3, 1 / 3, 1 / 3]),
        ([5], 3.0, [1.0]),
        ([2, 4], 5000.0, [1.0, 0.0]),
        ([], 1.0, []),
    ],
)
def test_chances_fall_as_a_power_of_the_lag(
    lags: list[int], exponent: float, expected: list[float]
) -> None:
    assert chances(lags, exponent) == pytest.approx(expected)


@pytest.mark.parametrize("exponent", [-0.1, math.nan, math.inf])
def test_an_exponent_that_is_none_is_refused(exponent: float) -> None:
    with pytest.raises(InvalidInput, match="exponent of 0 or more"):
        recurring(2, 0, exponent=exponent)


def test_numbers_out_of_their_range_are_refused() -> None:
    with pytest.raises(InvalidInput, match="found 0 tasks"):
        recurring(0, 5, exponent=1)
    with pytest.raises(InvalidInput, match="a length of -1"):
        recurring(2, -1, exponent=1)
    with pytest.raises(InvalidInput, match=r"lags of 1 or more; found 1 and \[0\]"):
        chances([0], 1)


def test_a_stream_is_its_seed_s_and_a_longer_one_begins_with_it() -> None:
    stream = recurring(5, 200, exponent=0.7, seed=3)
    assert stream == recurring(5, 200, exponent=0.7, seed=3)
    assert recurring(5, 300, exponent=0.7, seed=3)[:200] == stream
    assert recurring(5, 200, exponent=0.7, seed=4) != stream
    assert set(stream) == set(range(5))
    assert recurring(1, 3, exponent=2) == (0, 0, 0)
    assert recurring(4, 0, exponent=1) == ()


def test_without_an_exponent_tasks_and_their_successors_are_uniform() -> None:
    stream = recurring(5, 5000, exponent=0.0)
    assert chisquare([stream.count(task) for task in range(5)]).pvalue > 0.01
    pairs = Counter(pairwise(stream))
    counts = [pairs[one, other] for one in range(5) for other in range(5)]
    assert chisquare(counts).pvalue > 0.01


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_of_two_tasks_the_other_comes_as_often_as_its_lag_says(exponent: float) -> None:
    """At each step the task before has lag 1, and the other one some lag n: p = 1 / (1 + n^d)."""
    steps, switches = Counter[int](), Counter[int]()
    for seed in range(2000):
        stream = recurring(2, 10, exponent=exponent, seed=seed)
        seen = {stream[0]: 0}
        for now in range(1, len(stream)):
            other = 1 - stream[now - 1]
            if other in seen:
                lag = now - seen[other]
                steps[lag] += 1
                switches[lag] += stream[now] == other
            seen[stream[now]] = now
    often = [lag for lag in steps if steps[lag] >= 100]
    assert len(often) >= 3
    for lag in often:
        outcome = binomtest(switches[lag], steps[lag], 1 / (1 + lag**exponent))
        assert outcome.pvalue > 0.001, lag


def test_the_first_task_is_drawn_by_an_order_that_the_seed_draws() -> None:
    """Over seeds the order before the stream is uniform, and so is the first task."""
    firsts = Counter(recurring(4, 1, exponent=3.0, seed=seed)[0] for seed in range(2000))
    assert chisquare([firsts[task] for task in range(4)]).pvalue > 0.01


def test_a_larger_exponent_brings_tasks_back_sooner() -> None:
    def repeats(exponent: float) -> int:
        stream = recurring(10, 2000, exponent=exponent)
        return sum(before == task for before, task in pairwise(stream))

    assert 150 < repeats(0.0) < 250
    assert repeats(0.0) < repeats(0.5) < repeats(1.0) < repeats(2.0)
