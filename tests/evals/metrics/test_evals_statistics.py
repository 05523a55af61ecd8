import math
from itertools import product

import pytest

from memagent.errors import InvalidInput
from memagent.evals.metrics.statistics import (
    PASS_MARK,
    Estimate,
    difference,
    efficiency,
    holm,
    mcnemar,
    memory_efficiency,
    passed,
    ratio,
    wilson,
)


@pytest.mark.parametrize(
    ("right", "n", "interval"),
    [
        (20, 25, (0.6087, 0.9114)),
        # Newcombe, Statistics in Medicine 17 (1998), table I.
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
        (0, 0, (0.0, 1.0)),
    ],
)
def test_the_wilson_interval_agrees_with_published_values(
    right: int, n: int, interval: tuple[float, float]
) -> None:
    assert wilson(right, n) == pytest.approx(interval, abs=6e-5)


def arms(both: int, only_first: int, only_second: int, neither: int) -> list[list[bool]]:
    """Two arms with so many questions in each cell."""
    first = [True] * (both + only_first) + [False] * (only_second + neither)
    second = [True] * both + [False] * only_first + [True] * only_second + [False] * neither
    return [first, second]


@pytest.mark.parametrize(
    ("cells", "p"),
    [
        # The values that statsmodels' own tests took from another calculator.
        ((101, 121, 59, 33), 0.000004),
        ((101, 70, 59, 33), 0.378688),
        ((101, 10, 30, 33), 0.002221),
        ((101, 10, 10, 33), 1.0),
        # And by hand: 2 * (1/2)^5, 2 * (1 + 6) / 2^6, one discordant pair, none, no question.
        ((3, 5, 0, 2), 0.0625),
        ((0, 1, 5, 0), 0.21875),
        ((4, 1, 0, 4), 1.0),
        ((4, 0, 0, 4), 1.0),
        ((0, 0, 0, 0), 1.0),
    ],
)
def test_mcnemar_agrees_with_values_worked_elsewhere(
    cells: tuple[int, int, int, int], p: float
) -> None:
    first, second = arms(*cells)
    outcome = mcnemar(first, second)
    assert (outcome.only_first, outcome.only_second) == cells[1:3]
    assert outcome.p == pytest.approx(p, abs=6e-7)
    turned = mcnemar(second, first)
    assert (turned.only_first, turned.only_second, turned.p) == (*cells[2:0:-1], outcome.p)


def test_scores_of_other_questions_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"same questions; found \[2, 1\]"):
        mcnemar([True, False], [True])
    with pytest.raises(InvalidInput, match="same questions"):
        difference([1.0], [])
    with pytest.raises(InvalidInput, match="same questions"):
        efficiency([0.0], [0.0], [1.0, 1.0])
    with pytest.raises(InvalidInput, match="finite"):
        difference([math.nan, 1.0], [0.0, 1.0])


def test_the_interval_of_a_difference_is_that_of_every_possible_resample() -> None:
    """Four questions with differences 1, 0, 0, -1: all 256 resamples can be written down."""
    first, second = [1, 1, 0, 0], [0, 1, 0, 1]
    means = sorted(sum(drawn) / 4 for drawn in product([1, 0, 0, -1], repeat=4))
    # 1 of 256 means is 1 and 8 are 3/4, so the top 2.5% (6.4 of them) ends within the 3/4.
    assert means[-1:] + means[-9:-8] == [1.0, 0.75]
    assert means[-10] == 0.5
    estimate = difference(first, second)
    assert estimate == Estimate(value=0.0, low=-0.75, high=0.75, n=4)


def test_the_interval_of_a_difference_is_near_the_normal_one_where_questions_are_many() -> None:
    """400 questions, 100 of them won and 60 lost: mean 0.1, variance 0.4 - 0.01."""
    first, second = arms(120, 100, 60, 120)
    estimate = difference(first, second)
    half = 1.96 * math.sqrt(0.39 / 400)
    assert estimate.value == pytest.approx(0.1)
    assert (estimate.low, estimate.high) == pytest.approx((0.1 - half, 0.1 + half), abs=0.005)


def test_the_same_seed_draws_the_same_questions_again() -> None:
    first, second = [n / 30 for n in range(30)], [n * n / 900 for n in range(30)]
    assert difference(first, second, seed=3) == difference(first, second, seed=3)
    assert difference(first, second, seed=3) != difference(first, second, seed=4)


def test_pairing_takes_out_what_questions_have_in_common() -> None:
    """F1 varies from 0 to 0.9 over the questions, but the second arm is 0.1 behind at each."""
    second = [n % 10 / 10 for n in range(100)]
    estimate = difference([score + 0.1 for score in second], second)
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((0.1, 0.1, 0.1))


def test_a_difference_of_few_or_equal_scores_is_defined() -> None:
    assert difference([], []) == Estimate(value=None, low=None, high=None, n=0)
    assert difference([1.0], [0.0]) == Estimate(value=1.0, low=None, high=None, n=1)
    assert difference([1, 1, 0], [1, 1, 0]) == Estimate(value=0.0, low=0.0, high=0.0, n=3)
    # Of 100 questions one differs: 37% of the resamples miss it, P(drawn 4 times or more) < 2.5%.
    alone = difference([1.0, *[0.0] * 99], [0.0] * 100)
    assert alone == Estimate(value=0.01, low=0.0, high=0.03, n=100)


def test_holm_agrees_with_values_worked_by_hand_and_with_those_of_statsmodels() -> None:
    # 4 * 0.01; 3 * 0.02; 2 * 0.03; 1 * 0.04, which may not fall below the one before.
    corrected = holm({"d": 0.04, "a": 0.01, "c": 0.03, "b": 0.02})
    assert corrected == pytest.approx({"d": 0.06, "a": 0.04, "c": 0.06, "b": 0.06})
    assert list(corrected) == ["d", "a", "c", "b"]
    raw = [5.23656777208e-05, 2.81405061980e-04, 1.49877310796e-02, 2.02732688798e-02]
    raw += [1.77096952723e-01, 6.42193923795e-01, 6.80845947633e-01, 7.16269382380e-01]
    raw += [8.38541367553e-01, 9.67833824309e-01]
    known = [5.23656777208e-04, 2.53264555782e-03, 1.19901848637e-01, 1.41912882159e-01]
    corrected = holm({str(n): p for n, p in enumerate(raw)})
    assert list(corrected.values()) == pytest.approx([*known, *[1.0] * 6])


def test_holm_of_one_or_none_changes_nothing_and_of_another_number_is_refused() -> None:
    assert holm({}) == {}
    assert holm({"one": 0.03}) == {"one": 0.03}
    assert holm({"one": 1.0, "two": 1.0}) == {"one": 1.0, "two": 1.0}
    for wrong in (math.nan, -0.1, 1.1):
        with pytest.raises(InvalidInput, match="found another for one"):
            holm({"one": wrong})


@pytest.mark.parametrize(
    ("none", "memory", "oracle", "share"),
    [
        (0.1, 0.5, 0.9, 0.5),
        (0.2, 0.1, 0.7, -0.2),
        (0.2, 0.8, 0.7, 1.2),
        (0.0, 1.0, 1.0, 1.0),
        (0.5, 0.9, 0.5, None),
        (0.5, 0.9, 0.4, None),
        (0.3, 0.3, 0.1 + 0.2, None),
    ],
)
def test_memory_efficiency_is_the_share_of_the_oracle_s_gain(
    none: float, memory: float, oracle: float, share: float | None
) -> None:
    found = memory_efficiency(none, memory, oracle)
    assert found is None if share is None else found == pytest.approx(share)


def test_the_interval_of_an_efficiency_is_that_of_its_binomial() -> None:
    """The oracle is right 400 times, no memory never, the memory 300 times: share 3/4."""
    from scipy.stats import binom

    found = efficiency([0] * 400, [1] * 300 + [0] * 100, [1] * 400)
    low, high = binom.ppf([0.025, 0.975], 400, 0.75) / 400
    assert found.value == 0.75
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.006)
    assert found.n == 400


def test_an_efficiency_has_its_interval_from_questions_drawn_together() -> None:
    """Where memory is right exactly when gold evidence is, every draw says 1."""
    gold = [1, 0, 1, 1, 0] * 10
    assert efficiency([0] * 50, gold, gold) == Estimate(value=1.0, low=1.0, high=1.0, n=50)


def test_an_efficiency_has_no_interval_where_the_oracle_s_advantage_is_in_doubt() -> None:
    none = [0.0] * 50
    # One of 50 questions is the whole advantage: 36% of the draws miss it.
    doubtful = efficiency(none, none, [1.0, *none[1:]])
    assert doubtful == Estimate(value=0.0, low=None, high=None, n=50)
    # With 5 of 50 it is missed in 0.9^50 = 0.5% of them, which are left out.
    sure = efficiency(none, none, [*[1.0] * 5, *none[5:]])
    assert sure == Estimate(value=0.0, low=0.0, high=0.0, n=50)


def test_an_efficiency_of_few_or_equal_scores_is_defined() -> None:
    undefined = Estimate(value=None, low=None, high=None, n=0)
    assert efficiency([], [], []) == undefined
    assert efficiency([0], [1], [1]) == Estimate(value=1.0, low=None, high=None, n=1)
    assert efficiency([1, 1], [0, 1], [1, 1]) == Estimate(value=None, low=None, high=None, n=2)


def test_a_ratio_of_means_has_its_interval_from_questions_drawn_together() -> None:
    first, second = [0.4, 0.0, 0.4, 0.0] * 25, [0.8, 0.0, 0.8, 0.0] * 25
    found = ratio(first, second)
    assert found.value == pytest.approx(0.5)
    assert (found.low, found.high) == (pytest.approx(0.5), pytest.approx(0.5))
    apart = ratio([1.0, 0.0] * 50, [1.0, 1.0] * 50)
    assert apart.low == pytest.approx(0.4, abs=0.02)  # that of the share itself
    assert apart.high == pytest.approx(0.6, abs=0.02)
    assert ratio([1.0, 1.0], [0.0, 0.0]).value is None


def test_a_task_passes_at_95_percent() -> None:
    assert passed([]) == 0
    assert passed([1.0, 19 / 20, 0.9499, 0.0, None]) == 2
    assert passed([95 / 100, 949 / 1000]) == 1
    assert PASS_MARK == 0.95
