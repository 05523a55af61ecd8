"""A run as a table, and as rows for programs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memagent.evals.metrics import mean
from memagent.evals.runner import Plan, Score
from memagent.evals.statistics import wilson
from memagent.evals.task import Task

if TYPE_CHECKING:
    from rich.table import Table


def rows(tasks: Sequence[Task], plan: Plan, scores: Sequence[Score]) -> list[dict[str, Any]]:
    """Return one row a task and arm: accuracy with its 95% interval, and the cost per question.

    Questions that got no answer are counted under "failed", and nowhere else.
    """
    return [
        _row(task, plan, arm, [one for one in scores if (one.task, one.arm) == (task.name, arm)])
        for task in tasks
        for arm in plan.arms
    ]


def as_object(folder: Path, table: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what `--json` prints."""
    return {"run": str(folder), "rows": list(table)}


def as_table(table: Sequence[dict[str, Any]]) -> "Table":
    """Return a table for people."""
    from rich.table import Table

    sources = sorted({f"{row['source']} stories, {row['split']}" for row in table})
    shots = sorted({row["shots"] for row in table})
    title = f"{'; '.join(sources)}; worked examples: {', '.join(map(str, shots))}"
    caption = (
        "n: questions; gold: share with all supporting lines recalled; tokens, s: per question"
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
            row["arm"],
            f"{row['accuracy']:.0%}",
            f"{row['low']:.0%}-{row['high']:.0%}",
            str(row["n"]),
            "" if supports is None else f"{supports:.0%}",
            f"{row['tokens']:.0f}",
            f"{row['seconds']:.2f}",
        )
    return shown


def _row(task: Task, plan: Plan, arm: str, scores: Sequence[Score]) -> dict[str, Any]:
    failed = sum(score.error is not None for score in scores)
    scores = [score for score in scores if score.error is None]
    right = sum(score.correct for score in scores)
    low, high = wilson(right, len(scores))
    return {
        "task": task.name,
        "arm": arm,
        "n": len(scores),
        "failed": failed,
        "accuracy": mean([float(score.correct) for score in scores]),
        "low": low,
        "high": high,
        "tokens": mean([score.prompt_tokens + score.completion_tokens for score in scores]),
        "seconds": mean([score.seconds for score in scores]),
        "supports_shown": (
            mean([float(score.supports_shown) for score in scores]) if arm == "memory" else None
        ),
        "source": task.source,
        "split": task.split,
        "shots": plan.shots,
    }
