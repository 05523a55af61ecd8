"""Comparison of two arms, question by question."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from memagent.errors import RunError
from memagent.evals.arm import ArmName
from memagent.evals.metrics.statistics import (
    Estimate,
    difference,
    holm,
    mcnemar,
    mean,
    sign_flip,
)
from memagent.evals.runs.saved import SavedRun
from memagent.evals.score import Score
from memagent.evals.suite import ACCURACY, Headline


@dataclass(frozen=True, kw_only=True, slots=True)
class Changed:
    """A question that `better`, "first" or "second", did better: its task, and both predictions."""

    id: str
    task: str
    question: str
    gold: tuple[str, ...]
    first: str
    second: str
    better: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One task's questions that both answered: `n` of them, and how each did on them.

    `first_score` and `second_score` are the means of the headline score, whose label is `headline`,
    and `difference` is second minus first. `only_first` and `only_second` count the questions that
    one did better, where the score is 0 or 1 those that only it got right. `p` is that of `test`:
    McNemar's exact test where every score is 0 or 1, else the paired permutation test that flips
    signs. `holm` is p corrected for the number of tasks.
    """

    task: str
    first: str
    second: str
    headline: str
    n: int
    first_right: int
    second_right: int
    first_score: float
    second_score: float
    only_first: int
    only_second: int
    test: Literal["McNemar", "permutation"]
    p: float
    holm: float
    difference: Estimate
    changed: tuple[Changed, ...]


@dataclass(frozen=True, slots=True)
class _Pair:
    """A question that both answered, and the headline score of each answer."""

    left: Score
    right: Score
    first: float
    second: float


def compared(
    first: Sequence[Score], second: Sequence[Score], headline: Headline = ACCURACY
) -> list[Comparison]:
    """Compare two arms' scores task by task, over the questions that both have answered.

    Tasks without such a question are left out. `holm` corrects over the others.
    """
    other = {(score.task, score.id): score for score in second if score.error is None}
    pairs: dict[str, list[_Pair]] = {}
    for score in first:
        if score.error is None and (score.task, score.id) in other:
            twin = other[score.task, score.id]
            pair = _Pair(score, twin, headline.of(score), headline.of(twin))
            pairs.setdefault(score.task, []).append(pair)
    found = {task: _compared(task, both, headline) for task, both in pairs.items()}
    corrected = holm({task: comparison.p for task, comparison in found.items()})
    return [replace(comparison, holm=corrected[task]) for task, comparison in found.items()]


def _compared(task: str, pairs: Sequence[_Pair], headline: Headline) -> Comparison:
    first, second = [pair.first for pair in pairs], [pair.second for pair in pairs]
    test: Literal["McNemar", "permutation"] = "permutation"
    if all(value in (0.0, 1.0) for value in (*first, *second)):
        test = "McNemar"
        p = mcnemar([value == 1.0 for value in first], [value == 1.0 for value in second]).p
    else:
        p = sign_flip(first, second)
    return Comparison(
        task=task,
        first=pairs[0].left.arm,
        second=pairs[0].right.arm,
        headline=headline.label,
        n=len(pairs),
        first_right=sum(pair.left.correct for pair in pairs),
        second_right=sum(pair.right.correct for pair in pairs),
        first_score=mean(first),
        second_score=mean(second),
        only_first=sum(pair.first > pair.second for pair in pairs),
        only_second=sum(pair.second > pair.first for pair in pairs),
        test=test,
        p=p,
        holm=p,
        difference=difference(second, first),
        changed=tuple(_changed(pair) for pair in pairs if pair.first != pair.second),
    )


def between(
    first: SavedRun, second: SavedRun, arms: Iterable[tuple[ArmName, ArmName]]
) -> list[Comparison]:
    """Compare pairs of arms, the first arm of the first run with the second of the second.

    They are compared by the first run's headline score, or by the second's where an older version
    began the first.

    Raises:
        RunError: the runs were asked of different data, or have no question in common.
    """
    check_data(first, second)
    headline = first.headline if "headline" in first.manifest else second.headline
    found = [
        comparison
        for left, right in arms
        for comparison in compared(first.of_arm(left), second.of_arm(right), headline)
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


def _changed(pair: _Pair) -> Changed:
    return Changed(
        id=pair.left.id,
        task=pair.left.task,
        question=pair.left.question,
        gold=pair.left.gold,
        first=pair.left.prediction,
        second=pair.right.prediction,
        better="first" if pair.first > pair.second else "second",
    )
