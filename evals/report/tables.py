"""Rows of a run for programs, and the same as tables for people."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memagent.evals.arm import ArmName
from memagent.evals.metrics.statistics import mean, memory_efficiency, wilson
from memagent.evals.score import Score
from memagent.evals.suite import Tables
from memagent.evals.task import TaskName

if TYPE_CHECKING:
    from rich.table import Table

REFERENCES = ("none", "oracle")
"""The arms that the others' memory efficiency is measured between."""
ByArm = Mapping[tuple[str, str], Sequence[Score]]
"""The answered questions by task and arm, in order."""


def rows(
    tasks: Sequence[TaskName], arms: Sequence[ArmName], scores: Sequence[Score]
) -> list[dict[str, Any]]:
    """Return one row a task and arm: accuracy with its 95% interval, and the cost per question.

    Questions that got no answer are counted under "failed", and nowhere else. "efficiency" is None
    where it is not defined, and where the run has not both arms it is measured between.
    """
    answered = by_arm(scores)
    failed = by_arm(scores, failed=True)
    table = []
    for task in tasks:
        for arm in arms:
            key = (task.name, str(arm))
            shared = shared_scores(answered, task.name, arm)
            found = memory_efficiency(*map(mean, shared)) if shared and shared[0] else None
            row = _row(task, arm, answered.get(key, []), len(failed.get(key, [])))
            table.append(row | {"efficiency": found})
    return table


def by_arm(scores: Sequence[Score], *, failed: bool = False) -> dict[tuple[str, str], list[Score]]:
    """Group the answered questions by task and arm, or those that got no answer."""
    grouped: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        if (score.error is not None) == failed:
            grouped.setdefault((score.task, score.arm), []).append(score)
    return grouped


def shared_scores(
    answered: ByArm, task: str, arm: ArmName
) -> tuple[list[float], list[float], list[float]] | None:
    """Return what `none`, this arm and `oracle` scored on the questions that all three answered.

    The two must show as many few-shot examples. None where the run has not both of them, and of the
    two themselves.
    """
    names = [ArmName(REFERENCES[0], None, arm.shots), arm, ArmName(REFERENCES[1], None, arm.shots)]
    lists = [answered.get((task, str(name))) for name in names]
    if arm.kind in REFERENCES or not all(lists):
        return None
    right = [{score.id: float(score.correct) for score in scores or ()} for scores in lists]
    common = [number for number in right[0] if number in right[1] and number in right[2]]
    none, own, oracle = ([by_id[number] for number in common] for by_id in right)
    return none, own, oracle


def as_csv(table: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as CSV, with a head; what is None is empty."""
    columns = dict.fromkeys(name for row in table for name in row)
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue()


def as_object(folder: Path, table: Sequence[dict[str, Any]], more: Tables) -> dict[str, Any]:
    """Return what `--json` prints: the rows, and beside them the further tables by name."""
    return {"run": str(folder), "rows": list(table), **more}


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
        "+3: with so many few-shot examples; n: questions; gold: share with all supporting lines"
        " shown; efficiency: (arm - none) / (oracle - none); tokens, s: per question"
    )
    shown = Table(title=title, caption=caption)
    for name in ("task", "arm"):
        shown.add_column(name, overflow="fold")
    for name in ("accuracy", "95% CI", "n", "gold", "efficiency", "tokens", "s"):
        shown.add_column(name, justify="right", no_wrap=True)
    for row in table:
        supports = row["supports_shown"]
        shown.add_row(
            row["task"],
            row["name"],
            f"{row['accuracy']:.0%}",
            f"{row['low']:.0%}-{row['high']:.0%}",
            str(row["n"]),
            "" if supports is None else f"{supports:.0%}",
            "" if row["efficiency"] is None else f"{row['efficiency']:.2f}",
            f"{row['tokens']:.0f}",
            f"{row['seconds']:.2f}",
        )
    return shown


def _row(task: TaskName, arm: ArmName, scores: Sequence[Score], failed: int) -> dict[str, Any]:
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
        "supports_shown": mean([float(share == 1.0) for share in recalls]) if recalls else None,
        "source": task.source,
        "split": task.split,
    }
