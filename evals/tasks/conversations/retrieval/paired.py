"""Paired comparisons of arms with `search`, question by question."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, cast

from memagent.evals.arm import ArmName
from memagent.evals.metrics.statistics import Estimate, difference, holm, mcnemar, mean, sign_flip
from memagent.evals.score import Score
from memagent.evals.task import Task
from memagent.evals.tasks.conversations.conversation import ConversationQuestion
from memagent.evals.tasks.conversations.retrieval.ranking import cut, turns_of

BASELINE, ORACLE = "search", "oracle"
TESTED = ("recall@10", "any@10")
Pair = tuple[float, float]
"""Scores of an arm on a question, and those it is compared with."""


def as_cell(estimate: Estimate) -> dict[str, float | None]:
    """Return an estimate as a table holds it: the value with the ends of its interval."""
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def paired_rows(task: Task, answered: Mapping[ArmName, Sequence[Score]]) -> list[dict[str, Any]]:
    """Return each arm's difference from `search` in recall@10 and any@10, with its tests.

    `p` is McNemar's exact test of any@10 and the sign-flip permutation test of recall@10; `Holm` is
    corrected for the number of arms. Without `search` there are no rows.
    """
    against = _baseline(answered)
    if against is None:
        return []
    baseline = {score.id: score for score in answered[against]}
    rows = []
    for measure in TESTED:
        pairs = {
            arm: [
                (score.grades[measure], baseline[score.id].grades[measure])
                for score in mine
                if score.id in baseline
            ]
            for arm, mine in answered.items()
            if arm != against
        }
        rows += _tested(task, measure, {arm: found for arm, found in pairs.items() if found})
    return rows


def equal_n_rows(task: Task, answered: Mapping[ArmName, Sequence[Score]]) -> list[dict[str, Any]]:
    """Return the arms that choose how many turns they show beside `search` cut to as many.

    For each question `search` has as many turns as the arm showed for it, and never more than it
    was asked for; `recall` and `any` are of those. The tests are those of `paired_rows`.
    """
    against = _baseline(answered)
    if against is None:
        return []
    baseline = {score.id: turns_of(score.prediction)[0] for score in answered[against]}
    questions = {sample.id: cast(ConversationQuestion, sample) for sample in task.asked}
    recalls: dict[ArmName, list[Pair]] = {}
    anys: dict[ArmName, list[Pair]] = {}
    shown: dict[ArmName, float] = {}
    for arm, mine in answered.items():
        turns = {score.id: turns_of(score.prediction)[0] for score in mine if score.id in baseline}
        if arm == against or arm.kind == ORACLE or not _chooses(list(map(len, turns.values()))):
            continue
        sizes = {id: min(len(found), len(baseline[id])) for id, found in turns.items()}
        pairs = [
            (cut(found, questions[id], sizes[id]), cut(baseline[id], questions[id], sizes[id]))
            for id, found in turns.items()
        ]
        recalls[arm] = [(own["recall"], other["recall"]) for own, other in pairs]
        anys[arm] = [(own["any"], other["any"]) for own, other in pairs]
        shown[arm] = mean(list(sizes.values()))
    rows = [*_tested(task, "recall", recalls), *_tested(task, "any", anys)]
    of_arm = {str(arm): number for arm, number in shown.items()}
    return [row | {"shown": of_arm[row["arm"]]} for row in rows]


def _baseline(answered: Mapping[ArmName, Sequence[Score]]) -> ArmName | None:
    """Return the arm `search` that shows most, None where there is none."""
    found = [arm for arm in answered if arm.kind == BASELINE]
    return min(found, key=lambda arm: (arm.size is not None, -(arm.size or 0)), default=None)


def _chooses(sizes: Sequence[int]) -> bool:
    """Tell whether an arm shows fewer turns than it may for half of its questions, or for more."""
    return bool(sizes) and median(sizes) < max(sizes)


def _tested(
    task: Task, measure: str, pairs: Mapping[ArmName, Sequence[Pair]]
) -> list[dict[str, Any]]:
    columns = {arm: tuple(zip(*found, strict=True)) for arm, found in pairs.items()}
    p_values = {
        str(arm): _p_value(own, other, exact=measure.startswith("any"))
        for arm, (own, other) in columns.items()
    }
    corrected = holm(p_values)
    return [
        {
            "task": task.name,
            "arm": str(arm),
            "measure": measure,
            "n": len(own),
            "value": mean(own),
            BASELINE: mean(other),
            "difference": as_cell(difference(own, other)),
            "p": p_values[str(arm)],
            "Holm": corrected[str(arm)],
        }
        for arm, (own, other) in columns.items()
    ]


def _p_value(own: Sequence[float], other: Sequence[float], *, exact: bool) -> float:
    if exact:
        return mcnemar([value == 1.0 for value in own], [value == 1.0 for value in other]).p
    return sign_flip(own, other)
