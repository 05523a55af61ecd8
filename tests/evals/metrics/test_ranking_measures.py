"""Measures of rankings, and the bootstrap of many means."""

from math import log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memagent.evals.metrics import retrieval
from memagent.evals.metrics.bootstrap import mean_intervals
from memagent.evals.metrics.retrieval import CUTOFFS, measures
from memagent.evals.metrics.statistics import difference

items = st.lists(st.integers(0, 30), max_size=25)


def test_the_measures_of_a_ranking_worked_out_by_hand() -> None:
    found = measures("abcdef", {"b", "d", "z"}, cutoffs=(1, 3, 5))
    assert (found["any@1"], found["any@3"]) == (0.0, 1.0)
    assert [found[f"recall@{k}"] for k in (1, 3, 5)] == [0, 1 / 3, 2 / 3]
    assert [found[f"precision@{k}"] for k in (1, 3, 5)] == [0, 1 / 3, 2 / 5]
    assert [found[f"all@{k}"] for k in (1, 3, 5)] == [0, 0, 0]
    assert found["mrr"] == 1 / 2
    ideal = 1 + 1 / log2(3) + 1 / log2(4)
    assert found["ndcg@5"] == pytest.approx((1 / log2(3) + 1 / log2(5)) / ideal)


def test_a_short_ranking_is_measured_as_it_is() -> None:
    found = measures("ab", {"b", "c"})
    assert found["precision@20"] == found["recall@20"] == 1 / 2
    assert measures("", {"b"}) == dict.fromkeys(measures("", {"b"}), 0.0)


def test_ndcg_of_more_gold_than_k_is_one_for_k_gold_items() -> None:
    assert retrieval.ndcg([True, True], 2, gold=5) == 1.0
    assert measures("abab", {"a", "b"})["ndcg@3"] == 1.0


def test_ranks_beyond_the_last_cutoff_do_not_count_for_the_mrr() -> None:
    assert measures(range(30), {25})["mrr"] == 0.0
    assert measures(range(30), {19})["mrr"] == 1 / 20


@settings(max_examples=60)
@given(items, st.sets(st.integers(0, 30), min_size=1))
def test_measures_lie_between_0_and_1_and_what_is_found_only_grows(
    ranking: list[int], gold: set[int]
) -> None:
    found = measures(ranking, gold)
    assert all(0 <= value <= 1 for value in found.values())
    for name in ("any", "recall", "all"):
        values = [found[f"{name}@{k}"] for k in CUTOFFS]
        assert values == sorted(values)
    best = measures([*sorted(gold), *ranking], gold)
    assert all(best[f"ndcg@{k}"] == pytest.approx(1) for k in CUTOFFS)
    assert best["mrr"] == best["precision@1"] == 1


def test_intervals_of_many_means_are_those_of_each_and_hold_the_mean() -> None:
    rows = [[float(number % 2), number / 100, 0.5] for number in range(101)]
    found = mean_intervals(rows)
    means = [estimate.value for estimate in found]
    assert means == pytest.approx([50 / 101, 0.5, 0.5])
    for estimate, column in zip(found, zip(*rows, strict=True), strict=True):
        one = difference(column, [0.0] * len(column))
        assert (estimate.low, estimate.high) == pytest.approx((one.low, one.high), abs=0.02)
    assert (found[2].low, found[2].high, found[2].n) == pytest.approx((0.5, 0.5, 101))
    assert mean_intervals(rows) == found
    assert mean_intervals(rows, seed=1) != found


def test_one_question_has_no_interval_and_none_has_no_means() -> None:
    (only,) = mean_intervals([[0.25]])
    assert (only.value, only.low, only.high) == (0.25, None, None)
    assert mean_intervals([]) == []
