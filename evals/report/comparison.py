"""Comparison of two arms, question by question."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from memagent.errors import RunError
from memagent.evals.arm import ArmName
from memagent.evals.metrics.statistics import Estimate, difference, holm, mcnemar
from memagent.evals.runs.saved import SavedRun
from memagent.evals.score import Score


@dataclass(frozen=True, kw_only=True, slots=True)
class Changed:
    """A question that only one of the two got right: its task, and both predictions."""

    id: str
    task: str
    question: str
    gold: tuple[str, ...]
    first: str
    second: str
    right: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One task's questions that both answered: `n` of them, and how many each got right.

    `only_first` and `only_second` count what only one got right, `p` is McNemar's exact test,
    `holm` that p corrected for the number of tasks. `difference` is second minus first.
    """

    task: str
    first: str
    second: str
    n: int
    first_right: int
    second_right: int
    only_first: int
    only_second: int
    p: float
    holm: float
    difference: Estimate
    changed: tuple[Changed, ...]


def compared(first: Sequence[Score], second: Sequence[Score]) -> list[Comparison]:
    """Compare two arms' scores task by task, over the questions that both have answered.

    Tasks without such a question are left out. `holm` corrects over the others.
    """
    other = {(score.task, score.id): score for score in second if score.error is None}
    pairs: dict[str, list[tuple[Score, Score]]] = {}
    for score in first:
        if score.error is None and (score.task, score.id) in other:
            twin = other[score.task, score.id]
            pairs.setdefault(score.task, []).append((score, twin))
    tests = {
        task: mcnemar([left.correct for left, _ in both], [right.correct for _, right in both])
        for task, both in pairs.items()
    }
    corrected = holm({task: test.p for task, test in tests.items()})
    return [
        Comparison(
            task=task,
            first=both[0][0].arm,
            second=both[0][1].arm,
            n=len(both),
            first_right=sum(left.correct for left, _ in both),
            second_right=sum(right.correct for _, right in both),
            only_first=tests[task].only_first,
            only_second=tests[task].only_second,
            p=tests[task].p,
            holm=corrected[task],
            difference=difference(
                [float(right.correct) for _, right in both],
                [float(left.correct) for left, _ in both],
            ),
            changed=tuple(
                _changed(left, right) for left, right in both if left.correct != right.correct
            ),
        )
        for task, both in pairs.items()
    ]


def between(
    first: SavedRun, second: SavedRun, arms: Iterable[tuple[ArmName, ArmName]]
) -> list[Comparison]:
    """Compare pairs of arms, the first arm of the first run with the second of the second.

    Raises:
        RunError: the runs were asked of different data, or have no question in common.
    """
    check_data(first, second)
    found = [
        comparison
        for left, right in arms
        for comparison in compared(first.of_arm(left), second.of_arm(right))
    ]
    if not found:
        raise RunError(
            f"{first.folder} and {second.folder} have no question that both have answered"
        )
    return found


def same_arms(first: SavedRun, second: SavedRun) -> list[tuple[ArmName, ArmName]]:
    """Return the arms that both runs have, each with itself.

    Raises:
        RunError: there is none.
    """
    both = [arm for arm in first.arms if arm in second.arms]
    if not both:
        ours, theirs = (", ".join(map(str, run.arms)) for run in (first, second))
        raise RunError(
            f"the runs have no arm in common ({ours}; {theirs}): name two with --arms x,y"
        )
    return [(arm, arm) for arm in both]


def check_data(first: SavedRun, second: SavedRun) -> None:
    """Refuse two runs whose tasks of the same name hold different data.

    Raises:
        RunError: they do, or they have no task in common; the message names both data's SHA-256.
    """
    theirs = {task.name: task for task in second.tasks}
    common = [(task, theirs[task.name]) for task in first.tasks if task.name in theirs]
    if not common:
        raise RunError(f"{first.folder} and {second.folder} have no task in common")
    for left, right in common:
        if left.sha256 != right.sha256:
            raise RunError(
                f"{left.name} was asked from different data: {left.source}, {left.split}"
                f" (sha256 {left.sha256[:12]}) in {first.folder}, {right.source}, {right.split}"
                f" (sha256 {right.sha256[:12]}) in {second.folder}; only the same questions compare"
            )


def _changed(left: Score, right: Score) -> Changed:
    return Changed(
        id=left.id,
        task=left.task,
        question=left.question,
        gold=left.gold,
        first=left.prediction,
        second=right.prediction,
        right="first" if left.correct else "second",
    )
