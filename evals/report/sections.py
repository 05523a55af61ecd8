"""Sections of a report, one for the tasks of each source: numbers only, no layout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memagent.evals.arm import ArmName
from memagent.evals.metrics.statistics import (
    Estimate,
    efficiency,
    mean,
    memory_efficiency,
    passed,
    wilson,
)
from memagent.evals.report.comparison import Comparison, compared
from memagent.evals.report.tables import REFERENCES, by_arm, rows, shared_scores
from memagent.evals.runs.saved import SavedRun, SavedTask
from memagent.evals.score import Score

CONTRASTS = (("none", "memory"), ("full", "memory"), ("none", "wrong"))
"""Pairs of arms that are compared, the second with the first."""
LAG = "lag"
"""The grade that holds how long before a question its fact came."""
Key = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Overall:
    """An arm over all tasks, of which each counts the same; the cost is a question's mean.

    `efficiency` is the mean of the `defined` tasks that have one, `pooled` that of the mean
    accuracies; None where it is not defined.
    """

    arm: str
    accuracy: float
    passed: int
    efficiency: float | None
    defined: int
    pooled: float | None
    recall: float | None
    supports_shown: float | None
    questions: int
    failed: int
    prompt_tokens: float
    completion_tokens: float
    cached_tokens: float
    seconds: float
    memory_seconds: float
    all_tokens: int
    all_seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Contrast:
    """One arm compared with another, task by task."""

    first: str
    second: str
    tasks: Sequence[Comparison]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lag:
    """Questions of a task at one lag between fact and question, and how many are right."""

    task: str
    arm: str
    lag: float
    n: int
    right: int

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% Wilson interval of their accuracy."""
        return wilson(self.right, self.n)


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """The tasks of one source and split; `rows` and `efficiency` are by task and arm."""

    source: str
    split: str
    tasks: Sequence[str]
    arms: Sequence[str]
    rows: Mapping[Key, Mapping[str, Any]]
    overall: Mapping[str, Overall]
    efficiency: Mapping[Key, Estimate]
    contrasts: Sequence[Contrast]
    lags: Sequence[Lag]

    @property
    def measured(self) -> list[str]:
        """The arms that have a memory efficiency on some task, defined or not."""
        return [arm for arm in self.arms if any(arm == key[1] for key in self.efficiency)]

    @property
    def searching(self) -> list[str]:
        """The arms whose own evidence was compared with the gold supports."""
        return [
            arm
            for arm in self.arms
            if ArmName.parse(arm).kind not in REFERENCES and self.overall[arm].recall is not None
        ]


def sections(run: SavedRun) -> list[Section]:
    """Return a section for each source and split, in the order of the run's tasks."""
    groups: dict[tuple[str, str], list[SavedTask]] = {}
    for task in run.tasks:
        groups.setdefault((task.source, task.split), []).append(task)
    return [_section(run, tasks) for tasks in groups.values()]


def _section(run: SavedRun, tasks: Sequence[SavedTask]) -> Section:
    names = [task.name for task in tasks]
    scores = [score for score in run.scores if score.task in set(names)]
    table = rows(tasks, run.arms, scores)
    answered = by_arm(scores)
    estimates = {
        (name, str(arm)): efficiency(*shared)
        for name in names
        for arm in run.arms
        if (shared := shared_scores(answered, name, arm)) is not None
    }
    return Section(
        source=tasks[0].source,
        split=tasks[0].split,
        tasks=names,
        arms=[str(arm) for arm in run.arms],
        rows={(row["task"], row["name"]): row for row in table},
        overall={str(arm): _overall(arm, table, scores) for arm in run.arms},
        efficiency=estimates,
        contrasts=_contrasts(run.arms, scores),
        lags=_lags(scores),
    )


def _overall(arm: ArmName, table: Sequence[Mapping[str, Any]], scores: Sequence[Score]) -> Overall:
    mine = [row for row in table if row["name"] == str(arm) and row["n"]]
    answered = [score for score in scores if score.arm == str(arm) and score.error is None]
    efficiencies = [row["efficiency"] for row in mine if row["efficiency"] is not None]
    recalls = [row for row in mine if row["recall"] is not None]
    return Overall(
        arm=str(arm),
        accuracy=mean([row["accuracy"] for row in mine]),
        passed=passed(row["accuracy"] for row in mine),
        efficiency=mean(efficiencies) if efficiencies else None,
        defined=len(efficiencies),
        pooled=_pooled(arm, table),
        recall=mean([row["recall"] for row in recalls]) if recalls else None,
        supports_shown=mean([row["supports_shown"] for row in recalls]) if recalls else None,
        questions=len(answered),
        failed=sum(row["failed"] for row in table if row["name"] == str(arm)),
        prompt_tokens=mean([score.prompt_tokens for score in answered]),
        completion_tokens=mean([score.completion_tokens for score in answered]),
        cached_tokens=mean([score.cached_tokens for score in answered]),
        seconds=mean([score.seconds for score in answered]),
        memory_seconds=mean([score.memory_seconds for score in answered]),
        all_tokens=sum(score.prompt_tokens + score.completion_tokens for score in answered),
        all_seconds=sum(score.seconds for score in answered),
    )


def _pooled(arm: ArmName, table: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the memory efficiency of the arms' mean accuracies over the tasks all have."""
    if arm.kind in REFERENCES:
        return None
    three = [str(ArmName(REFERENCES[0], None, arm.shots)), str(arm)]
    three += [str(ArmName(REFERENCES[1], None, arm.shots))]
    found = [
        {row["task"]: row["accuracy"] for row in table if row["name"] == name and row["n"]}
        for name in three
    ]
    common = set.intersection(*map(set, found))
    if not common:
        return None
    none, own, oracle = (mean([by_task[task] for task in sorted(common)]) for by_task in found)
    return memory_efficiency(none, own, oracle)


def _contrasts(arms: Sequence[ArmName], scores: Sequence[Score]) -> list[Contrast]:
    found = []
    for first, second in CONTRASTS:
        for arm in arms:
            other = ArmName(first, None, arm.shots)
            if arm.kind == second and other in arms:
                tasks = compared(
                    [score for score in scores if score.arm == str(other)],
                    [score for score in scores if score.arm == str(arm)],
                )
                found.append(Contrast(first=str(other), second=str(arm), tasks=tasks))
    return found


def _lags(scores: Sequence[Score]) -> list[Lag]:
    grouped: dict[tuple[str, str, float], list[bool]] = {}
    for score in scores:
        if score.error is None and LAG in score.grades:
            key = (score.task, score.arm, score.grades[LAG])
            grouped.setdefault(key, []).append(score.correct)
    return [
        Lag(task=task, arm=arm, lag=lag, n=len(right), right=sum(right))
        for (task, arm, lag), right in sorted(grouped.items())
    ]
