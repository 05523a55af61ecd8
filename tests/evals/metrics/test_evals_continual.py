import json
import math

import pytest

from memagent.errors import InvalidInput
from memagent.evals.metrics.continual import (
    Results,
    acc,
    bwt,
    dip,
    forgetting,
    fwt,
    min_acc,
    summary,
    wc_acc,
    windowed_forgetting,
    windowed_plasticity,
)

THREE = Results(
    scores=(
        (0.9, 0.2, 0.1),
        (0.6, 0.8, 0.3),
        (0.7, 0.5, 1.0),
    ),
    trained=(0, 1, 2),
    baseline=(0.1, 0.1, 0.2),
)
"""Three tasks, each trained by one update."""

DIPPED = Results(
    scores=((1.0, 0.0), (0.2, 1.0), (0.6, 1.0), (1.0, 1.0)),
    trained=(0, 1, 1, 1),
    baseline=(0.0, 0.0),
)
"""Task 0 is lost when task 1 comes, and is whole again at the end."""


def test_acc_bwt_and_fwt_of_a_matrix_worked_by_hand() -> None:
    # ACC = (0.7 + 0.5 + 1.0) / 3.
    assert acc(THREE) == pytest.approx(2.2 / 3)
    # BWT = ((0.7 - 0.9) + (0.5 - 0.8)) / 2 = (-0.2 - 0.3) / 2.
    assert bwt(THREE) == pytest.approx(-0.25)
    # FWT = ((R[0][1] - b[1]) + (R[1][2] - b[2])) / 2 = ((0.2 - 0.1) + (0.3 - 0.2)) / 2.
    assert fwt(THREE) == pytest.approx(0.1)
    # FORG = ((0.9 - 0.7) + (0.8 - 0.5)) / 2.
    assert forgetting(THREE) == pytest.approx(0.25)


def test_worst_cases_of_a_matrix_worked_by_hand() -> None:
    # Task 0 after its update 0: min(0.6, 0.7) = 0.6; task 1 after its update 1: 0.5.
    assert min_acc(THREE) == pytest.approx(0.55)
    # k = 3: 1.0 / 3 + 2/3 * 0.55.
    assert wc_acc(THREE) == pytest.approx(2.1 / 3)
    # Earlier tasks now: (0.7 + 0.5) / 2 = 0.6; less 0.55.
    assert dip(THREE) == pytest.approx(0.05)


def test_windows_of_a_matrix_worked_by_hand() -> None:
    # Two in a row. Falls: task 0 max(0.3, -0.1); task 1 max(-0.6, 0.3); task 2 max(-0.2, -0.7).
    assert windowed_forgetting(THREE, 2) == pytest.approx((0.3 + 0.3 - 0.2) / 3)
    # Rises: task 0 max(-0.3, 0.1); task 1 max(0.6, -0.3); task 2 max(0.2, 0.7).
    assert windowed_plasticity(THREE, 2) == pytest.approx((0.1 + 0.6 + 0.7) / 3)
    # Three in a row add first against last: falls 0.2, -0.3, -0.9; rises -0.2, 0.3, 0.9.
    assert windowed_forgetting(THREE, 3) == pytest.approx((0.3 + 0.3 - 0.2) / 3)
    assert windowed_plasticity(THREE, 3) == pytest.approx((0.1 + 0.6 + 0.9) / 3)
    # A window longer than the curve is the whole curve.
    assert windowed_plasticity(THREE, 100) == windowed_plasticity(THREE, 3)


def test_a_slow_fall_is_steeper_in_a_longer_window() -> None:
    slow = Results(scores=tuple((1 - n / 10,) for n in range(6)), trained=(0,) * 6)
    assert windowed_forgetting(slow, 2) == pytest.approx(0.1)
    assert windowed_forgetting(slow, 4) == pytest.approx(0.3)
    assert windowed_plasticity(slow, 4) == pytest.approx(-0.1)
    with pytest.raises(InvalidInput, match="found 1"):
        windowed_forgetting(slow, 1)


def test_what_is_lost_and_comes_back_is_seen_by_the_worst_cases_alone() -> None:
    assert acc(DIPPED) == 1.0
    assert bwt(DIPPED) == 0.0
    assert forgetting(DIPPED) == 0.0
    assert min_acc(DIPPED) == pytest.approx(0.2)
    # k = 2: 1.0 / 2 + 0.2 / 2.
    assert wc_acc(DIPPED) == pytest.approx(0.6)
    # Task 0 falls by 0.8 at once, task 1 never falls after 1.0.
    assert windowed_forgetting(DIPPED, 10) == pytest.approx(0.4)
    assert dip(DIPPED) == pytest.approx(0.8)


def test_a_task_that_is_trained_again_counts_from_its_last_update() -> None:
    again = Results(
        scores=((0.8, 0.1), (0.1, 0.9), (0.9, 0.7), (0.6, 0.8)),
        trained=(0, 1, 0, 1),
        baseline=(0.0, 0.0),
    )
    # Task 0 was trained last by update 2: from 0.9 to 0.6; its 0.1 lies before that.
    assert bwt(again) == pytest.approx(-0.3)
    assert min_acc(again) == pytest.approx(0.6)
    # Task 1 came first with update 1: 0.1 right before it.
    assert fwt(again) == pytest.approx(0.1)


def test_the_order_of_training_counts_and_not_that_of_the_columns() -> None:
    turned = Results(
        scores=tuple(tuple(reversed(row)) for row in THREE.scores),
        trained=(2, 1, 0),
        baseline=tuple(reversed(THREE.baseline)),
    )
    assert summary(turned) == pytest.approx(summary(THREE))


def test_a_task_that_was_never_trained_counts_nowhere() -> None:
    wider = Results(
        scores=tuple((*row, 0.0) for row in THREE.scores),
        trained=THREE.trained,
        baseline=(*THREE.baseline, 0.0),
    )
    assert summary(wider) == summary(THREE)


def test_of_a_single_task_only_its_own_scores_are_defined() -> None:
    found = summary(Results(scores=((0.5,), (0.75,)), trained=(0, 0), baseline=(0.0,)), [2])
    assert found == {
        "acc": 0.75,
        "bwt": None,
        "fwt": None,
        "min_acc": None,
        "wc_acc": 0.75,
        "forg": None,
        "sg_dip": None,
        "wf_2": -0.25,
        "wp_2": 0.25,
    }
    assert json.loads(json.dumps(found))["bwt"] is None


def test_before_any_update_nothing_is_defined() -> None:
    assert set(summary(Results(scores=(), trained=(), baseline=(0.5,))).values()) == {None}


def test_zeros_are_scores_and_not_missing_ones() -> None:
    zeros = Results(scores=((0.0, 0.0), (0.0, 0.0)), trained=(0, 1), baseline=(0.0, 0.0))
    assert set(summary(zeros).values()) == {0.0}


def test_a_metric_whose_score_was_not_measured_is_undefined() -> None:
    gap = Results(scores=((None, 0.2), (0.6, 0.8)), trained=(0, 1), baseline=(0.1, None))
    assert acc(gap) == pytest.approx(0.7)
    assert bwt(gap) is None
    assert forgetting(gap) is None
    assert fwt(gap) is None
    assert min_acc(gap) == 0.6
    assert windowed_forgetting(gap, 2) is None
    late = Results(scores=((0.5, 0.2), (0.6, None)), trained=(0, 1))
    assert acc(late) is None
    assert wc_acc(late) is None
    assert fwt(late) is None
    unseen = Results(scores=((0.5, 0.2), (None, 0.5)), trained=(0, 1))
    assert min_acc(unseen) is None
    assert wc_acc(unseen) is None
    assert dip(unseen) is None


def test_updates_without_a_measurement_are_passed_over() -> None:
    """The same curve, measured after every second update."""
    sparse = Results(
        scores=((1.0, 0.0), (None, None), (0.2, 1.0), (None, None), (1.0, 1.0)),
        trained=(0, 1, 1, 1, 1),
    )
    assert min_acc(sparse) == pytest.approx(0.2)
    assert windowed_forgetting(sparse, 2) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"scores": ((0.5,),), "trained": ()}, "1 rows and 0 updates"),
        ({"scores": ((0.5,), (0.5, 0.5)), "trained": (0, 0)}, r"one width; found \[1, 2\]"),
        ({"scores": ((0.5,),), "trained": (0,), "baseline": (0.5, 0.5)}, "one width"),
        ({"scores": ((0.5,),), "trained": (1,)}, "no column"),
        ({"scores": ((0.5,),), "trained": (-1,)}, "no column"),
        ({"scores": ((math.nan,),), "trained": (0,)}, "finite"),
        ({"scores": ((0.5,),), "trained": (0,), "baseline": (math.inf,)}, "finite"),
    ],
)
def test_a_matrix_that_does_not_fit_together_is_refused(
    parts: dict[str, tuple[object, ...]], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        Results(**parts)  # type: ignore[arg-type]
