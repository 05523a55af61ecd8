"""The matrix of a stream, read as the lifetime that the L2 metrics are about.

Updates of one task in a row are a block of training, whose curve is the task's score after each of
them. What all tasks scored after the last of them is the block of evaluation that follows; the
baseline is the one before all training.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from memagent.evals.continual import Results
from memagent.evals.l2 import (
    Block,
    Direction,
    Evaluation,
    Training,
    Transfer,
    mean_defined,
    performance_maintenance,
    recovery_times,
    transfers,
)

FULL = 100
"""What L2 metrics call a score of 1."""


def lifetime(results: Results) -> tuple[Block, ...] | None:
    """Return the blocks of a stream; None where a task was not measured while it was trained."""
    blocks: list[Block] = [_evaluation(results.baseline)] if results.baseline else []
    for task, updates in groupby(range(len(results.trained)), results.trained.__getitem__):
        places = list(updates)
        curve = [results.scores[place][task] for place in places]
        known = tuple(FULL * score for score in curve if score is not None)
        if len(known) < len(curve):
            return None
        blocks += [Training(task=task, curve=known), _evaluation(results.scores[places[-1]])]
    return tuple(blocks)


def l2_metrics(results: Results) -> dict[str, Any]:
    """Return the L2 metrics of a stream by name, each a mean over what is defined, or None.

    "maintenance" is in points from -100 to 100, a contrast from -1 to 1, a ratio from 0 on.
    "recurrences" counts the trainings of a task after its first, "recovered" those that came to
    where the one before had ended, "recovery_updates" is the mean number of updates until then.
    Relative performance and sample efficiency are held against an expert that learnt a task alone;
    a stream has none, so that they are None.
    """
    blocks = lifetime(results)
    moved = transfers(blocks or ())
    times = [time for some in recovery_times(blocks or ()).values() for time in some]
    known = None if blocks is None else len(times)
    return {
        "maintenance": mean_defined(performance_maintenance(blocks or ()).values()),
        **_transferred(moved, "forward"),
        **_transferred(moved, "backward"),
        "relative_performance": None,
        "sample_efficiency": None,
        "recurrences": known,
        "recovered": None if known is None else sum(time is not None for time in times),
        "recovery_updates": mean_defined(times),
    }


def _transferred(moved: Sequence[Transfer], direction: Direction) -> dict[str, float | None]:
    own = [one for one in moved if one.direction == direction]
    return {
        f"{direction}_contrast": mean_defined(one.contrast for one in own),
        f"{direction}_ratio": mean_defined(one.ratio for one in own),
    }


def _evaluation(row: Sequence[float | None]) -> Evaluation:
    return Evaluation(scores=tuple(() if one is None else (FULL * one,) for one in row))
