import math

import pytest

from memagent.errors import InvalidInput
from memagent.evals.metrics.l2 import (
    Block,
    Evaluation,
    Training,
    Variant,
    learning_curve,
    mean_defined,
    performance_maintenance,
    recovery_time,
    recovery_times,
    relative_performance,
    sample_efficiency,
    transfers,
)


def evaluated(*scores: float) -> Evaluation:
    """One score a task."""
    return Evaluation(scores=tuple((score,) for score in scores))


LIFE: tuple[Block, ...] = (
    evaluated(10, 20, 0),
    Training(task=0, curve=(20, 60, 80)),
    evaluated(70, 30, 0),
    Training(task=1, curve=(40, 90)),
    evaluated(60, 80, 10),
    Training(task=2, curve=(50, 60)),
    evaluated(40, 90, 50),
)
"""Three tasks, each trained once: the evaluations are a 3x3 matrix below a row from before."""


@pytest.mark.parametrize(
    ("length", "terminal"),
    [(1, 0), (9, 8), (10, 9), (11, (9 + 10) / 2), (30, (27 + 28 + 29) / 3), (31, (27 + 30) / 2)],
)
def test_terminal_performance_is_the_mean_of_the_last_tenth(length: int, terminal: float) -> None:
    assert Training(task=0, curve=tuple(range(length))).terminal == pytest.approx(terminal)


def test_the_terminal_performance_of_an_evaluation_is_the_mean_of_all() -> None:
    evaluation = Evaluation(scores=((10, 20, 60), ()))
    assert evaluation.terminal(0) == 30
    assert evaluation.terminal(1) is None
    assert evaluation.terminal(2) is None


def test_maintenance_of_a_life_worked_by_hand() -> None:
    # Task 0: after its training 70, then 60 and 40: ((60 - 70) + (40 - 70)) / 2 = -20.
    # Task 1: after its training 80, then 90: 10. Task 2: no evaluation after the first.
    found = performance_maintenance(LIFE)
    assert found == {0: -20, 1: 10, 2: None}
    assert mean_defined(found.values()) == -5
    # Against the ends of training, 80 and 90: ((60 - 80) + (40 - 80)) / 2 = -30; 90 - 90 = 0.
    assert performance_maintenance(LIFE, "mrtlp") == {0: -30, 1: 0, 2: None}


def test_maintenance_begins_anew_when_a_task_is_trained_again() -> None:
    life = (
        Training(task=0, curve=(80,)),
        evaluated(70),
        evaluated(40),
        Training(task=0, curve=(100,)),
        evaluated(90),
        evaluated(100),
    )
    # (40 - 70) and (100 - 90); against the ends of training (40 - 80) and (100 - 100).
    assert performance_maintenance(life) == {0: -10}
    assert performance_maintenance(life, "mrtlp") == {0: -20}


def test_maintenance_without_its_reference_is_undefined() -> None:
    unmeasured = Evaluation(scores=((),))
    life = (Training(task=0, curve=(80,)), unmeasured, evaluated(40))
    assert performance_maintenance(life) == {0: None}
    assert performance_maintenance(life, "mrtlp") == {0: -40}
    assert performance_maintenance((*life[:1], evaluated(50), unmeasured)) == {0: None}
    assert performance_maintenance([]) == {}
    with pytest.raises(InvalidInput, match="'newest'"):
        performance_maintenance(life, "newest")  # type: ignore[arg-type]


def test_transfers_of_a_life_worked_by_hand() -> None:
    found = {(one.trained, one.measured): one for one in transfers(LIFE)}
    directions = {pair: one.direction for pair, one in found.items()}
    assert directions == {
        (0, 1): "forward",
        (0, 2): "forward",
        (1, 0): "backward",
        (1, 2): "forward",
        (2, 0): "backward",
        (2, 1): "backward",
    }
    # 20 to 30: 10 / 50 and 30 / 20. 70 to 60: -10 / 130. 60 to 40: -20 / 100. 0 to 10: 10 / 10.
    assert (found[0, 1].contrast, found[0, 1].ratio) == (0.2, 1.5)
    assert found[1, 0].contrast == pytest.approx(-1 / 13)
    assert found[2, 0].contrast == -0.2
    assert (found[1, 2].contrast, found[1, 2].ratio) == (1.0, None)
    # 0 to 0 has neither.
    assert (found[0, 2].contrast, found[0, 2].ratio) == (None, None)


def test_a_transfer_needs_an_evaluation_on_either_side_of_one_training() -> None:
    train = {task: Training(task=task, curve=(50,)) for task in (0, 1)}
    assert transfers([train[0], evaluated(1, 1)]) == ()
    assert transfers([evaluated(1, 1), train[0]]) == ()
    assert transfers([evaluated(1, 1), train[0], train[1], evaluated(1, 1)]) == ()
    assert transfers([evaluated(50), train[0], evaluated(60)]) == ()
    unmeasured = Evaluation(scores=((1,), ()))
    assert transfers([unmeasured, train[0], evaluated(1, 1)]) == ()
    again = [train[1], evaluated(1, 1), train[0], evaluated(1, 1), train[1], evaluated(1, 1)]
    assert [(one.trained, one.direction) for one in transfers(again)] == [
        (0, "backward"),
        (1, "backward"),
    ]


def test_relative_performance_cuts_both_curves_to_the_shorter() -> None:
    # (20 + 40) / (40 + 80), and the same with the learner's the longer one.
    assert relative_performance([20, 40], [40, 80, 100]) == 0.5
    assert relative_performance([20, 40, 99], [40, 80]) == 0.5
    assert relative_performance([0, 0], [40, 80]) == 0
    assert relative_performance([20], [0]) is None
    assert relative_performance([], [40]) is None


def test_sample_efficiency_is_height_times_speed() -> None:
    # The learner gets to 60 after 2 experiences, the expert to 80 after 4: 60 / 80 * 4 / 2.
    assert sample_efficiency([30, 60, 60], [20, 40, 60, 80]) == 1.5
    assert sample_efficiency([20, 40, 60, 80], [20, 40, 60, 80]) == 1.0
    assert sample_efficiency([50.1] * 7, [50.1] * 7) == 1.0
    assert sample_efficiency([40], [80]) == 0.5


def test_a_curve_that_is_level_but_for_rounding_does_not_fall() -> None:
    level = [0.1 + 0.2] * 4 + [0.3] * 4
    assert sample_efficiency(level, level) == 1.0


def test_sample_efficiency_is_zero_for_who_hardly_learns_and_undefined_without_an_expert() -> None:
    assert sample_efficiency([10, 15], [20, 80]) == 0
    # 20% of 80 is enough: 16 / 80 * 2 / 2.
    assert sample_efficiency([10, 16], [20, 80]) == pytest.approx(0.2)
    assert sample_efficiency([80, 60, 70], [20, 80, 80]) == 0
    assert sample_efficiency([0, 0], [20, 80]) == 0
    assert sample_efficiency([10], [0, 0]) is None
    assert sample_efficiency([], [10]) is None
    assert sample_efficiency([10], []) is None


def test_recovery_is_counted_in_experiences() -> None:
    assert recovery_time([30, 50, 80, 70, 90], 80) == 3
    assert recovery_time([80], 80) == 1
    assert recovery_time([30], 80) is None
    assert recovery_time([], 80) is None
    life = [
        Training(task=0, curve=(20, 80)),
        Training(task=1, curve=(50,)),
        Training(task=0, curve=(30, 50, 90)),
        evaluated(90),
        Training(task=0, curve=(40, 85)),
    ]
    # Back at 80 with the third experience; at 90 never.
    assert recovery_times(life) == {0: (3, None)}
    assert learning_curve(life, 0) == (20, 80, 30, 50, 90, 40, 85)
    assert learning_curve(life, 2) == ()


@pytest.mark.parametrize("variant", ["mrlep", "mrtlp"])
def test_a_dip_between_trainings_is_seen_by_maintenance(variant: Variant) -> None:
    """What was lost and came back without training leaves its mark on the mean."""
    life = (
        Training(task=0, curve=(90,)),
        evaluated(90),
        evaluated(30),
        evaluated(90),
    )
    assert performance_maintenance(life, variant) == {0: -30}


def test_scores_outside_of_0_to_100_are_refused() -> None:
    for wrong in (-1, 101, math.nan):
        with pytest.raises(InvalidInput, match="from 0 to 100"):
            Training(task=0, curve=(50, wrong))
        with pytest.raises(InvalidInput, match="from 0 to 100"):
            Evaluation(scores=((50,), (wrong,)))
    with pytest.raises(InvalidInput, match="one score at least"):
        Training(task=0, curve=())


def test_the_mean_of_what_is_defined() -> None:
    assert mean_defined([1, None, 3]) == 2
    assert mean_defined([None]) is None
    assert mean_defined([]) is None
