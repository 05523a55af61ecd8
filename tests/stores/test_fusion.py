import pytest

from memagent.stores.ranking import reciprocal_ranks


def test_an_item_high_in_two_lists_beats_the_first_of_one() -> None:
    assert list(reciprocal_ranks(["a", "b"], ["c", "b"])) == ["b", "a", "c"]


def test_the_score_is_the_sum_of_reciprocal_ranks() -> None:
    fused = reciprocal_ranks(["a", "b"], ["b"])
    assert fused == pytest.approx({"b": 1 / 62 + 1 / 61, "a": 1 / 61})
