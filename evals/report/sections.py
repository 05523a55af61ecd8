"""Sections of a report, one for the tasks of each source: numbers only, no layout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memagent.evals.arm import ArmName
from memagent.evals.metrics.statistics import (
    PASS_MARK,
    Estimate,
    efficiency,
    mean,
    mean_interval,
    memory_efficiency,
    passed,
)
from memagent.evals.report.comparison import Comparison, compared
from memagent.evals.report.tables import REFERENCES, by_arm, rows, shared_scores
from memagent.evals.runs.saved import SavedRun, SavedTask
from memagent.evals.score import Score
from memagent.evals.suite import Headline

CONTRASTS = (
    ("none", "memory"),
    ("full", "memory"),
    ("memory+rules", "memory"),
    ("none", "wrong"),
)
"""Pairs of arms that are compared, the second with the first."""
LAG = "lag"
"""The grade that holds how long before a question its fact came."""
Key = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Overall:
    """An arm over all tasks, of which each counts the same; the cost is a question's mean.

    `score` is the mean of the tasks' headline scores. `efficiency` is the mean of the `defined`
    tasks that have one, `pooled` that of the mean scores; None where it is not defined.
    """

    arm: str
    score: float
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
    """Questions of a task at one lag between fact and question: their score and its interval."""

    task: str
    arm: str
    lag: float
    n: int
    score: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """The tasks of one source and split; `rows` and `efficiency` are by task and arm.

    `headline` is the label of the score, and `pass_mark` the score at which a task is passed, None
    where the score is no accuracy.
    """

    source: str
    split: str
    headline: str
    pass_mark: float | None
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
    headline = run.headline
    table = rows(tasks, run.arms, scores, headline)
    answered = by_arm(scores)
    estimates = {
        (name, str(arm)): efficiency(*shared)
        for name in names
        for arm in run.arms
        if (shared := shared_scores(answered, name, arm, headline)) is not None
    }
    return Section(
        source=tasks[0].source,
        split=tasks[0].split,
        headline=headline.label,
        pass_mark=PASS_MARK if headline.is_accuracy else None,
        tasks=names,
        arms=[str(arm) for arm in run.arms],
        rows={(row["task"], row["name"]): row for row in table},
        overall={str(arm): _overall(arm, table, scores) for arm in run.arms},
        efficiency=estimates,
        contrasts=_contrasts(run.arms, scores, headline),
        lags=_lags(scores, headline),
    )


def _overall(arm: ArmName, table: Sequence[Mapping[str, Any]], scores: Sequence[Score]) -> Overall:
    mine = [row for row in table if row["name"] == str(arm) and row["n"]]
    answered = [score for score in scores if score.arm == str(arm) and score.error is None]
    efficiencies = [row["efficiency"] for row in mine if row["efficiency"] is not None]
    recalls = [row for row in mine if row["recall"] is not None]
    return Overall(
        arm=str(arm),
        score=mean([row["score"] for row in mine]),
        passed=passed(row["score"] for row in mine),
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
    """Return the memory efficiency of the arms' mean scores over the tasks all have."""
    if arm.kind in REFERENCES:
        return None
    three = [str(ArmName(REFERENCES[0], None, arm.shots)), str(arm)]
    three += [str(ArmName(REFERENCES[1], None, arm.shots))]
    found = [
        {row["task"]: row["score"] for row in table if row["name"] == name and row["n"]}
        for name in three
    ]
    common = set.intersection(*map(set, found))
    if not common:
        return None
    none, own, oracle = (mean([by_task[task] for task in sorted(common)]) for by_task in found)
    return memory_efficiency(none, own, oracle)


def _contrasts(
    arms: Sequence[ArmName], scores: Sequence[Score], headline: Headline
) -> list[Contrast]:
    found = []
    for first, second in CONTRASTS:
        for arm in arms:
            other = ArmName(first, None, arm.shots)
            if arm.kind == second and other in arms:
                tasks = compared(
                    [score for score in scores if score.arm == str(other)],
                    [score for score in scores if score.arm == str(arm)],
                    headline,
                )
                found.append(Contrast(first=str(other), second=str(arm), tasks=tasks))
    return found


def _lags(scores: Sequence[Score], headline: Headline) -> list[Lag]:
    grouped: dict[tuple[str, str, float], list[float]] = {}
    for score in scores:
        if score.error is None and LAG in score.grades:
            key = (score.task, score.arm, score.grades[LAG])
            grouped.setdefault(key, []).append(headline.of(score))
    found = []
    for (task, arm, lag), values in sorted(grouped.items()):
        low, high = mean_interval(values)
        found.append(
            Lag(task=task, arm=arm, lag=lag, n=len(values), score=mean(values), low=low, high=high)
        )
    return found
