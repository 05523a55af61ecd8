"""Further tables of a run, of what its suite measures beside accuracy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memagent.evals.arm import ArmName
from memagent.evals.judge.tables import judge_tables
from memagent.evals.metrics.statistics import mean, mean_interval
from memagent.evals.report.tables import by_arm
from memagent.evals.runs.saved import MeasuresFile
from memagent.evals.score import Score
from memagent.evals.suite import Headline, Suite, Tables
from memagent.evals.task import Task, TaskName

if TYPE_CHECKING:
    from rich.table import Table

WIDE = 8
"""A table with more columns than this is turned, so that a terminal can show it."""


def measure_tables(
    suite: Suite,
    folder: Path,
    tasks: Sequence[Task],
    arms: Sequence[ArmName],
    scores: Sequence[Score],
    headline: Headline,
) -> Tables:
    """Compute a run's further tables, keep them in its folder, and return them.

    Raises:
        RunError: they cannot be written.
    """
    found = common_tables(tasks, arms, scores, headline)
    found |= suite.tables(tasks, arms, scores) | suite.folder_tables(folder)
    found |= judge_tables(folder, scores)
    if found:
        MeasuresFile(folder).write(found)
    return found


def common_tables(
    tasks: Sequence[TaskName],
    arms: Sequence[ArmName],
    scores: Sequence[Score],
    headline: Headline,
) -> dict[str, list[dict[str, Any]]]:
    """Return the tables that any suite may have, each left out where it is empty.

    - "by category" has the headline score of each category of questions, with its 95% interval.
    - "left out" has, for each arm that left texts out of what it showed because they had no room in
      the model's context, how many on average, and the share of questions with any.
    """
    answered = by_arm(scores)
    found: dict[str, list[dict[str, Any]]] = {"by category": [], "left out": []}
    for task in tasks:
        for arm in arms:
            of = {"task": task.name, "arm": str(arm)}
            mine = answered.get((task.name, str(arm)), [])
            found["by category"] += [of | row for row in _by_category(mine, headline)]
            counts = [score.left_out for score in mine]
            if any(counts):
                share = mean([float(count > 0) for count in counts])
                row = {"n": len(counts), "mean": mean(counts), "share": share}
                found["left out"].append(of | row)
    return {title: rows for title, rows in found.items() if rows}


def _by_category(scores: Sequence[Score], headline: Headline) -> list[dict[str, Any]]:
    groups: dict[str, list[float]] = {}
    for score in sorted(scores, key=lambda score: score.category):
        if score.category:
            groups.setdefault(score.category, []).append(headline.of(score))
    rows = []
    for category, values in groups.items():
        low, high = mean_interval(values)
        row = {"category": category, "n": len(values)}
        rows.append(row | {"score": mean(values), "low": low, "high": high})
    return rows


@dataclass(frozen=True, kw_only=True, slots=True)
class Flat:
    """A table without the columns that are themselves lists, such as a matrix."""

    columns: Sequence[str]
    rows: Sequence[Mapping[str, Any]]


def flat(tables: Tables) -> dict[str, Flat]:
    """Return the tables that people can read; one with nothing beside task and arm is left out."""
    found = {}
    for title, rows in tables.items():
        names = [
            name
            for name in dict.fromkeys(name for row in rows for name in row)
            if not any(isinstance(row.get(name), list | tuple) for row in rows)
        ]
        if not set(names) <= {"task", "arm"}:
            found[title] = Flat(columns=names, rows=rows)
    return found


def as_tables(measures: Tables) -> "list[Table]":
    """Return tables for people, one a task where rows name one; a dash is what is not defined.

    One with many columns and a single row for each arm is turned: its arms are its columns.
    """
    tables = []
    for title, table in flat(measures).items():
        names = [name for name in table.columns if name != "task"]
        for task in dict.fromkeys(row.get("task") for row in table.rows):
            own = [row for row in table.rows if row.get("task") == task]
            whole = title if task is None else f"{title}, {task}"
            arms = [row.get("arm") for row in own]
            turned = len(names) > WIDE and None not in arms and len(set(arms)) == len(arms)
            tables.append((_turned if turned else _table)(whole, names, own))
    return tables


def cell(value: object) -> str:
    """Return a value of a table as people read it; a dash for None.

    A mapping has a value and the ends of its interval, `low` and `high`.
    """
    if value is None:
        return "-"
    if isinstance(value, Mapping):
        interval = "" if value["low"] is None else f" {value['low']:.3f} to {value['high']:.3f}"
        return f"{cell(value['value'])}{interval}"
    if not isinstance(value, float):
        return str(value)
    return "< 0.001" if 0 < value < 0.0005 else f"{value:.3f}"


def _table(title: str, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> "Table":
    from rich.table import Table

    shown = Table(title=title)
    for name in names:
        text = name in ("arm", "name")
        shown.add_column(name, justify="left" if text else "right", overflow="fold")
    for row in rows:
        shown.add_row(*(cell(row.get(name)) for name in names))
    return shown


def _turned(title: str, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> "Table":
    from rich.table import Table

    shown = Table(title=title)
    shown.add_column("", overflow="fold")
    for row in rows:
        shown.add_column(cell(row["arm"]), justify="right", overflow="fold")
    for name in names:
        if name != "arm":
            shown.add_row(name, *(cell(row.get(name)) for row in rows))
    return shown
