"""What an arm's answers are worth by luck: each graded against other questions of its task.

An arm that knows nothing of the story asked about, such as `wrong`, may still beat an arm that
guesses badly, such as `none`, by answering with words that are often right. If its answers are no
more often right than when they are dealt out among the questions, nothing leaked.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from memagent.evals.registry import Suite, Wanted
from memagent.evals.report.rescore import load_again
from memagent.evals.run.saved import SavedRun
from memagent.evals.score import Score
from memagent.evals.task import Sample, Task, is_right

DEALT = 2_000
"""How many times answers are dealt out."""
ALL = "all tasks"


@dataclass(frozen=True, kw_only=True, slots=True)
class Luck:
    """An arm's accuracy in a task beside that of the same answers dealt out among its questions.

    `low` and `high` hold 95% of the deals, `p` is the two-sided permutation test of `accuracy`
    against them (Ernst 2004: the deal found counts as one of all). Of `ALL`, tasks count the same.
    """

    task: str
    arm: str
    n: int
    accuracy: float
    luck: float
    low: float
    high: float
    p: float


def luck(run: SavedRun, suite: Suite, wanted: Wanted, arm: str) -> list[Luck]:
    """Return the luck of an arm in each task, and over all if there are several.

    Raises:
        RunError: the data cannot be loaded or is not the run's.
    """
    import numpy as np

    rng = np.random.default_rng(int(run.manifest["plan"].get("seed", 0)))
    found, deals = [], []
    for task in load_again(run.tasks, suite, wanted):
        scores = [one for one in run.scores if (one.task, one.arm) == (task.name, arm)]
        answered = [one for one in scores if one.error is None]
        if not answered:
            continue
        right = _right(task, answered)
        places = np.arange(len(answered))
        dealt = np.array([right[rng.permutation(places), places].mean() for _ in range(DEALT)])
        found.append(_luck(task.name, arm, len(answered), float(right.diagonal().mean()), dealt))
        deals.append(dealt)
    if len(found) > 1:
        accuracy = sum(one.accuracy for one in found) / len(found)
        n = sum(one.n for one in found)
        found.append(_luck(ALL, arm, n, accuracy, np.mean(deals, axis=0)))
    return found


def _luck(task: str, arm: str, n: int, accuracy: float, dealt: Any) -> Luck:
    import numpy as np

    expected = float(dealt.mean())
    # Rounded, so that two deals that are equally far do not differ by the last bit of a float.
    as_far = np.round(np.abs(dealt - expected), 9) >= round(abs(accuracy - expected), 9)
    low, high = np.quantile(dealt, [0.025, 0.975])
    return Luck(
        task=task,
        arm=arm,
        n=n,
        accuracy=accuracy,
        luck=expected,
        low=float(low),
        high=float(high),
        p=float((1 + as_far.sum()) / (1 + len(dealt))),
    )


def _right(task: Task, scores: Sequence[Score]) -> Any:
    """Return which predictions are right for which questions (predictions x questions)."""
    import numpy as np

    samples: dict[str, Sample] = {one.id: one for one in task.asked}
    asked = [samples[score.id] for score in scores]
    right = np.zeros((len(scores), len(scores)), dtype=bool)
    for prediction in Counter(score.prediction for score in scores):
        row = [is_right(task.grade(task, sample, prediction)) for sample in asked]
        right[[score.prediction == prediction for score in scores]] = row
    return right
