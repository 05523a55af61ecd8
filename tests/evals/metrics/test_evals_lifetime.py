import json
from dataclasses import replace

import pytest

from memagent.evals.metrics.continual import Results, l2_metrics, lifetime
from memagent.evals.metrics.l2 import Evaluation, Training

STREAM = Results(
    scores=((0.5, 0.0), (1.0, 0.0), (0.5, 1.0), (0.8, 1.0), (1.0, 0.5)),
    trained=(0, 0, 1, 0, 0),
    baseline=(0.2, 0.0),
)
"""Task 0 twice, task 1, and task 0 twice again."""


def test_updates_of_one_task_in_a_row_are_one_training() -> None:
    assert lifetime(STREAM) == (
        Evaluation(scores=((20.0,), (0.0,))),
        Training(task=0, curve=(50.0, 100.0)),
        Evaluation(scores=((100.0,), (0.0,))),
        Training(task=1, curve=(100.0,)),
        Evaluation(scores=((50.0,), (100.0,))),
        Training(task=0, curve=(80.0, 100.0)),
        Evaluation(scores=((100.0,), (50.0,))),
    )
    no_baseline = lifetime(replace(STREAM, baseline=()))
    assert no_baseline is not None
    assert no_baseline[0] == Training(task=0, curve=(50.0, 100.0))


def test_l2_metrics_of_a_stream_worked_by_hand() -> None:
    found = l2_metrics(STREAM)
    # Task 0 had 100 right after its first training, then 50: -50; after its second nothing came.
    # Task 1 had 100, then 50: -50.
    assert found["maintenance"] == -50
    # Training 0 moved task 1, not trained yet, from 0 to 0: neither a contrast nor a ratio.
    assert (found["forward_contrast"], found["forward_ratio"]) == (None, None)
    # Training 1 moved task 0 from 100 to 50, training 0 then moved task 1 from 100 to 50.
    assert found["backward_contrast"] == pytest.approx(-1 / 3)
    assert found["backward_ratio"] == 0.5
    # The first training of task 0 ended at 100, which the second reached with its second update.
    assert (found["recurrences"], found["recovered"], found["recovery_updates"]) == (1, 1, 2)
    assert (found["relative_performance"], found["sample_efficiency"]) == (None, None)


def test_a_task_that_never_comes_back_to_its_level_has_not_recovered() -> None:
    fallen = replace(STREAM, scores=(*STREAM.scores[:-1], (0.9, 0.5)))
    found = l2_metrics(fallen)
    assert (found["recurrences"], found["recovered"], found["recovery_updates"]) == (1, 0, None)


def test_a_stream_that_was_not_measured_while_it_was_trained_has_no_metrics() -> None:
    gap = replace(STREAM, scores=((None, 0.0), *STREAM.scores[1:]))
    assert lifetime(gap) is None
    assert set(l2_metrics(gap).values()) == {None}
    elsewhere = replace(STREAM, scores=(STREAM.scores[0], (1.0, None), *STREAM.scores[2:]))
    assert l2_metrics(elsewhere)["maintenance"] == -50


def test_one_update_and_none_leave_every_metric_undefined() -> None:
    one = l2_metrics(Results(scores=((1.0,),), trained=(0,), baseline=(0.0,)))
    assert (one.pop("recurrences"), one.pop("recovered")) == (0, 0)
    assert set(one.values()) == {None}
    none = l2_metrics(Results(scores=(), trained=()))
    assert set(none.values()) == {0, None}
    assert "NaN" not in json.dumps([one, none])
