"""Metrics of continual learning, from one matrix of results.

An update is one write to the memory, or one session. ACC, BWT and FWT are those of Lopez-Paz and
Ranzato (NIPS 2017); min-ACC, WC-ACC, WF, WP and FORG those of De Lange et al. (ICLR 2023), who show
that a learner can lose a task for a while and have it back at the next evaluation. A metric that
is not defined is None, never 0 or NaN: it would be the mean of nothing, or one of its scores was
not measured.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from math import isfinite
from typing import Any

from memagent.errors import InvalidInput
from memagent.evals.metrics.l2 import (
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

WINDOWS = (10, 100)


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """The scores of all tasks after every update.

    `scores[n][j]` is the score on task j after update n, None where it was not measured;
    `trained[n]` is the task that update n trained. `baseline[j]` is the score on task j before any
    update; without one it is empty.

    Raises:
        InvalidInput: the parts do not fit together, or a score is not a finite number.
    """

    scores: tuple[tuple[float | None, ...], ...]
    trained: tuple[int, ...]
    baseline: tuple[float | None, ...] = ()

    def __post_init__(self) -> None:
        widths = {len(row) for row in self.scores} | ({len(self.baseline)} - {0})
        if len(self.scores) != len(self.trained):
            raise InvalidInput(
                f"results: expected a row for each update; found {len(self.scores)} rows and"
                f" {len(self.trained)} updates"
            )
        if len(widths) > 1:
            raise InvalidInput(f"results: expected rows of one width; found {sorted(widths)}")
        if any(not 0 <= task < max(widths, default=0) for task in self.trained):
            raise InvalidInput("results: an update trained a task that has no column")
        values = chain(self.baseline, *self.scores)
        if not all(value is None or isfinite(value) for value in values):
            raise InvalidInput("results: expected finite numbers or None; found another")

    @property
    def learnt(self) -> tuple[int, ...]:
        """The tasks that were trained, in the order in which they came first."""
        return tuple(dict.fromkeys(self.trained))

    @property
    def earlier(self) -> tuple[int, ...]:
        """The tasks that were trained, without the one of the last update."""
        return tuple(task for task in self.learnt if task != self.trained[-1])

    def now(self, task: int) -> float | None:
        """Return the score on a task after the last update."""
        return self.scores[-1][task]

    def last_update(self, task: int) -> int:
        """Return the last update that trained a task."""
        return len(self.trained) - 1 - self.trained[::-1].index(task)

    def when_learnt(self, task: int) -> float | None:
        """Return the score on a task right after the last update that trained it."""
        return self.scores[self.last_update(task)][task]

    def before(self, task: int) -> float | None:
        """Return the score on a task right before the first update that trained it."""
        first = self.trained.index(task)
        if first:
            return self.scores[first - 1][task]
        return self.baseline[task] if self.baseline else None

    def measured(self, task: int, start: int = 0) -> list[float]:
        """Return every score of a task that was measured, from update `start` on."""
        scores = [row[task] for row in self.scores[start:]]
        return [score for score in scores if score is not None]


def acc(results: Results) -> float | None:
    """Return ACC: the mean score of all tasks that were trained, after the last update."""
    return _mean(results.now(task) for task in results.learnt)


def bwt(results: Results) -> float | None:
    """Return BWT, backward transfer: how far earlier tasks moved since they were last trained.

    The mean over tasks of score now - score right after the task's own last update, without the
    task of the last update; negative is forgetting. None for a single task.
    """
    return _mean(_minus(results.now(task), results.when_learnt(task)) for task in results.earlier)


def fwt(results: Results) -> float | None:
    """Return FWT, forward transfer: what a task gained before it was trained at all.

    The mean over tasks of score right before the first update of the task - baseline, without the
    task that came first. None for a single task, and without a baseline.
    """
    if not results.baseline:
        return None
    later = results.learnt[1:]
    return _mean(_minus(results.before(task), results.baseline[task]) for task in later)


def forgetting(results: Results) -> float | None:
    """Return FORG: how much of earlier tasks was lost since they were last trained; it is -BWT."""
    return _mean(_minus(results.when_learnt(task), results.now(task)) for task in results.earlier)


def min_acc(results: Results) -> float | None:
    """Return min-ACC: the mean over earlier tasks of the lowest score since they were last trained.

    Updates after which a task was not measured are passed over. None for a single task.
    """
    lowest = (
        min(results.measured(task, results.last_update(task) + 1), default=None)
        for task in results.earlier
    )
    return _mean(lowest)


def wc_acc(results: Results) -> float | None:
    """Return WC-ACC, worst-case accuracy: 1/k of the newest task's score, the rest of min-ACC.

    k is the number of tasks trained; of a single task it is that task's score.
    """
    k = len(results.learnt)
    if not k:
        return None
    current = results.now(results.trained[-1])
    if k == 1:
        return current
    worst = min_acc(results)
    if current is None or worst is None:
        return None
    return current / k + (1 - 1 / k) * worst


def windowed_forgetting(results: Results, window: int) -> float | None:
    """Return WF: the mean over tasks of the steepest fall within `window` evaluations in a row.

    All that was measured of a trained task counts, before its first update too; a task whose every
    score is above the one before has a negative fall. None where a task was measured only once.

    Raises:
        InvalidInput: the window is shorter than two evaluations.
    """
    return _mean(_steepest(results.measured(task), window, -1) for task in results.learnt)


def windowed_plasticity(results: Results, window: int) -> float | None:
    """Return WP: as windowed forgetting, the steepest rise; the baseline is not a part of it."""
    return _mean(_steepest(results.measured(task), window, 1) for task in results.learnt)


def dip(results: Results) -> float | None:
    """Return the dip of the stability gap: what earlier tasks have now, less their min-ACC.

    It is what was lost for a while and came back.
    """
    return _minus(_mean(results.now(task) for task in results.earlier), min_acc(results))


def summary(results: Results, windows: Sequence[int] = WINDOWS) -> dict[str, float | None]:
    """Return every metric by name, WF and WP for each window (in evaluations), ready for JSON."""
    found = {
        "acc": acc(results),
        "bwt": bwt(results),
        "fwt": fwt(results),
        "min_acc": min_acc(results),
        "wc_acc": wc_acc(results),
        "forg": forgetting(results),
        "sg_dip": dip(results),
    }
    for window in windows:
        found[f"wf_{window}"] = windowed_forgetting(results, window)
        found[f"wp_{window}"] = windowed_plasticity(results, window)
    return found


def _steepest(scores: Sequence[float], window: int, sign: int) -> float | None:
    """Return the greatest change in a direction between two scores within one window."""
    if window < 2:
        raise InvalidInput(f"expected a window of at least two evaluations; found {window}")
    signed = [sign * score for score in scores]
    changes = (
        signed[last] - min(signed[max(0, last - window + 1) : last])
        for last in range(1, len(signed))
    )
    return max(changes, default=None)


def _mean(values: Iterable[float | None]) -> float | None:
    """Return the mean, None of nothing and where a value is missing."""
    found = list(values)
    known = [value for value in found if value is not None]
    return sum(known) / len(known) if known and len(known) == len(found) else None


def _minus(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second


FULL = 100
"""Score of L2 metrics for a score of 1."""


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
    own = [transfer for transfer in moved if transfer.direction == direction]
    return {
        f"{direction}_contrast": mean_defined(transfer.contrast for transfer in own),
        f"{direction}_ratio": mean_defined(transfer.ratio for transfer in own),
    }


def _evaluation(row: Sequence[float | None]) -> Evaluation:
    return Evaluation(scores=tuple(() if value is None else (FULL * value,) for value in row))
