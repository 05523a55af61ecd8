import pytest

from memagent.evals.metrics.statistics import mean
from memagent.evals.task import exact_mention

PLACES = {"garden", "kitchen", "office"}


@pytest.mark.parametrize(
    ("prediction", "gold", "right"),
    [
        ("garden", ["garden"], True),
        ("Mary is in the Garden.", ["garden"], True),
        ("garden or kitchen", ["garden"], False),
        ("gardens", ["garden"], False),
        ("", ["garden"], False),
        ("the kitchen and the garden", ["garden", "kitchen"], True),
        ("garden", ["garden", "kitchen"], False),
        ("attic", ["attic"], True),
    ],
)
def test_the_gold_answers_and_no_others_must_be_mentioned(
    prediction: str, gold: list[str], right: bool
) -> None:
    assert exact_mention(prediction, gold, PLACES) is right


def test_a_sequence_must_come_in_order() -> None:
    assert exact_mention("n, w", ["n", "w"], {"n", "w"}, ordered=True)
    assert not exact_mention("w, n", ["n", "w"], {"n", "w"}, ordered=True)
    assert not exact_mention("n, w, w", ["n", "w"], {"n", "w"}, ordered=True)


def test_the_mean_of_none_is_zero() -> None:
    assert mean([]) == 0.0
    assert mean([1.0, 2.0]) == 1.5
