"""Tables of a retrieval evaluation: every measure of every arm, with intervals."""

from collections.abc import Iterable, Sequence
from typing import Any

from memagent.evals.arm import ArmName
from memagent.evals.metrics.bootstrap import mean_intervals
from memagent.evals.metrics.statistics import mean
from memagent.evals.report.tables import by_arm
from memagent.evals.score import Score
from memagent.evals.task import Task
from memagent.evals.tasks.conversations.retrieval.paired import as_cell, equal_n_rows, paired_rows
from memagent.evals.tasks.conversations.retrieval.ranking import SESSION, turns_of

Rows = list[dict[str, Any]]
_BY_CATEGORY = ("any@5", "any@10", "recall@5", "recall@10")
BY_CATEGORY = (*_BY_CATEGORY, *(f"{SESSION}{name}" for name in _BY_CATEGORY))
"""The measures that are reported for each category."""


def tables(
    tasks: Sequence[Task], arms: Sequence[ArmName], scores: Sequence[Score]
) -> dict[str, Rows]:
    """Return every measure of each arm, at turn level, at session level and by category.

    Then the paired tests against `search`, and the arms that choose how many turns they show beside
    `search` cut to as many. Intervals are of the bootstrap over questions, at 95%.
    """
    answered = by_arm(scores)
    found: dict[str, Rows] = {
        "turns": [],
        "sessions": [],
        "measures by category": [],
        "against search": [],
        "at equal n": [],
    }
    for task in tasks:
        of_task = {arm: by_id for arm in arms if (by_id := answered.get((task.name, str(arm)), []))}
        for arm, mine in of_task.items():
            row = {"task": task.name, "arm": str(arm)}
            found["turns"].append(row | _turns(mine))
            found["sessions"].append(row | {"n": len(mine)} | _measures(mine, SESSION))
            found["measures by category"] += [row | part for part in _by_category(mine)]
        found["against search"] += paired_rows(task, of_task)
        found["at equal n"] += equal_n_rows(task, of_task)
    return {title: rows for title, rows in found.items() if rows}


def _turns(scores: Sequence[Score]) -> dict[str, Any]:
    """Return the measures at turn level, with how many turns were shown, and the milliseconds."""
    import numpy as np

    shown = [len(turns_of(score.prediction)[0]) for score in scores]
    seconds = [score.memory_seconds for score in scores]
    median, slow = np.quantile(seconds, [0.5, 0.95]).tolist()
    return {
        "n": len(scores),
        "shown": mean(shown),
        **_measures(scores),
        "ms, median": 1000 * median,
        "ms, p95": 1000 * slow,
    }


def _measures(scores: Sequence[Score], prefix: str = "") -> dict[str, Any]:
    """Return the mean of each measure whose name has the prefix, under its name without."""
    names = [
        name
        for name in scores[0].grades
        if name.startswith(prefix) and (prefix or not name.startswith(SESSION))
    ]
    found = _intervals(scores, names)
    return {name.removeprefix(prefix): found[name] for name in names}


def _by_category(scores: Sequence[Score]) -> Iterable[dict[str, Any]]:
    groups: dict[str, list[Score]] = {}
    for score in scores:
        groups.setdefault(score.category, []).append(score)
    for category in sorted(groups):
        mine = groups[category]
        yield {"category": category, "n": len(mine)} | _intervals(mine, BY_CATEGORY)


def _intervals(scores: Sequence[Score], names: Sequence[str]) -> dict[str, Any]:
    found = mean_intervals([[score.grades[name] for name in names] for score in scores])
    return {name: as_cell(estimate) for name, estimate in zip(names, found, strict=True)}
