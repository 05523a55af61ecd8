"""Permutation test of an arm's answers against the other questions of the same task.

An arm that knows nothing of the story asked about, such as `wrong`, may still beat an arm that
guesses badly, such as `none`, by answering with words that are often right. If its answers are no
better than when they are permuted among the questions, nothing leaked.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from memagent.evals.report.rescore import load_again
from memagent.evals.runs.saved import SavedRun
from memagent.evals.score import Score
from memagent.evals.suite import Headline, Selection, Suite
from memagent.evals.task import Sample, Task

logger = logging.getLogger(__name__)
PERMUTATIONS = 2_000
"""Number of permutations."""
ALL = "all tasks"


@dataclass(frozen=True, kw_only=True, slots=True)
class PermutationTest:
    """An arm's score in a task beside that of the same answers permuted among its questions.

    `score` is the run's headline score, whose label is `headline`. `expected` is the mean score of
    the permutations, `low` and `high` hold 95% of them, and `p` is the two-sided permutation test
    of `score` against them (Ernst 2004: the observed order
    counts as one of all). In `ALL`, tasks count the same.
    """

    task: str
    arm: str
    headline: str
    n: int
    score: float
    expected: float
    low: float
    high: float
    p: float


def permutation_tests(
    run: SavedRun, suite: Suite, selection: Selection, arm: str
) -> list[PermutationTest]:
    """Return the permutation test of an arm in each task, and over all if there are several.

    Raises:
        RunError: the data cannot be loaded or is not the run's.
    """
    import numpy as np

    headline = run.headline
    rng = np.random.default_rng(int(run.manifest["plan"].get("seed", 0)))
    tests, permuted_by_task = [], []
    for task in load_again(run.tasks, suite, selection):
        answered = [
            score
            for score in run.scores
            if (score.task, score.arm) == (task.name, arm) and score.error is None
        ]
        if not answered:
            logger.info("%s has no answers of %s", task.name, arm)
            continue
        values = _values(task, answered, headline)
        places = np.arange(len(answered))
        permuted = np.array(
            [values[rng.permutation(places), places].mean() for _ in range(PERMUTATIONS)]
        )
        score = float(values.diagonal().mean())
        tests.append(_test((task.name, arm, headline.label), len(answered), score, permuted))
        permuted_by_task.append(permuted)
    if len(tests) > 1:
        score = sum(test.score for test in tests) / len(tests)
        n = sum(test.n for test in tests)
        permuted = np.mean(permuted_by_task, axis=0)
        tests.append(_test((ALL, arm, headline.label), n, score, permuted))
    return tests


def _test(of: tuple[str, str, str], n: int, score: float, permuted: Any) -> PermutationTest:
    """Return the test of a task and arm, by a headline of that label."""
    import numpy as np

    expected = float(permuted.mean())
    # Rounded, so that two permutations that are equally far do not differ by a float's last bit.
    as_far = np.round(np.abs(permuted - expected), 9) >= round(abs(score - expected), 9)
    low, high = np.quantile(permuted, [0.025, 0.975])
    return PermutationTest(
        task=of[0],
        arm=of[1],
        headline=of[2],
        n=n,
        score=score,
        expected=expected,
        low=float(low),
        high=float(high),
        p=float((1 + as_far.sum()) / (1 + len(permuted))),
    )


def _values(task: Task, scores: Sequence[Score], headline: Headline) -> Any:
    """Return how each prediction scores on each question (predictions x questions)."""
    import numpy as np

    samples: dict[str, Sample] = {sample.id: sample for sample in task.asked}
    questions = [samples[score.id] for score in scores]
    values = np.zeros((len(scores), len(scores)))
    for prediction in Counter(score.prediction for score in scores):
        row = [headline.of_grades(task.grade(task, sample, prediction)) for sample in questions]
        values[[score.prediction == prediction for score in scores]] = row
    return values
