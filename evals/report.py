"""A run as tables, and as rows for programs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memagent.evals.arm import ArmName
from memagent.evals.metrics import mean
from memagent.evals.score import Score
from memagent.evals.statistics import wilson
from memagent.evals.task import Task

if TYPE_CHECKING:
    from rich.table import Table


def rows(
    tasks: Sequence[Task], arms: Sequence[ArmName], scores: Sequence[Score]
) -> list[dict[str, Any]]:
    """Return one row a task and arm: accuracy with its 95% interval, and the cost per question.

    Questions that got no answer are counted under "failed", and nowhere else.
    """
    return [
        _row(task, arm, [one for one in scores if (one.task, one.arm) == (task.name, str(arm))])
        for task in tasks
        for arm in arms
    ]


def as_object(folder: Path, table: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what `--json` prints."""
    return {"run": str(folder), "rows": list(table)}


def as_tables(table: Sequence[dict[str, Any]]) -> "list[Table]":
    """Return tables for people; questions of two sources never stand in one."""
    sources = dict.fromkeys(f"{row['source']} stories, {row['split']}" for row in table)
    return [
        _table(title, [row for row in table if f"{row['source']} stories, {row['split']}" == title])
        for title in sources
    ]


def _table(title: str, table: Sequence[dict[str, Any]]) -> "Table":
    from rich.table import Table

    caption = (
        "+3: with so many worked examples; n: questions; gold: share with all supporting lines"
        " shown; tokens, s: per question"
    )
    shown = Table(title=title, caption=caption)
    for name in ("task", "arm"):
        shown.add_column(name)
    for name in ("accuracy", "95% CI", "n", "gold", "tokens", "s"):
        shown.add_column(name, justify="right")
    for row in table:
        supports = row["supports_shown"]
        shown.add_row(
            row["task"],
            row["name"],
            f"{row['accuracy']:.0%}",
            f"{row['low']:.0%}-{row['high']:.0%}",
            str(row["n"]),
            "" if supports is None else f"{supports:.0%}",
            f"{row['tokens']:.0f}",
            f"{row['seconds']:.2f}",
        )
    return shown


def _row(task: Task, arm: ArmName, scores: Sequence[Score]) -> dict[str, Any]:
    failed = sum(score.error is not None for score in scores)
    scores = [score for score in scores if score.error is None]
    right = sum(score.correct for score in scores)
    low, high = wilson(right, len(scores))
    recalls = [score.recall for score in scores if score.recall is not None]
    grades = dict.fromkeys(name for score in scores for name in score.grades)
    return {
        "task": task.name,
        "arm": arm.kind,
        "name": str(arm),
        "shots": arm.shots,
        "n": len(scores),
        "failed": failed,
        "accuracy": mean([float(score.correct) for score in scores]),
        "low": low,
        "high": high,
        **{name: mean([score.grades.get(name, 0.0) for score in scores]) for name in grades},
        "tokens": mean([score.prompt_tokens + score.completion_tokens for score in scores]),
        "seconds": mean([score.seconds for score in scores]),
        "recall": mean(recalls) if recalls else None,
        "supports_shown": mean([float(one == 1.0) for one in recalls]) if recalls else None,
        "source": task.source,
        "split": task.split,
    }
