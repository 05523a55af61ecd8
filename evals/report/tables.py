"""Rows of a run for programs, and the same as tables for people."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memagent.evals.arm import ArmName
from memagent.evals.metrics.statistics import mean, mean_interval, memory_efficiency
from memagent.evals.score import JUDGED, Score
from memagent.evals.suite import ACCURACY, Headline, Tables
from memagent.evals.task import TaskName

if TYPE_CHECKING:
    from rich.table import Table

REFERENCES = ("none", "oracle")
"""The arms that the others' memory efficiency is measured between."""
ByArm = Mapping[tuple[str, str], Sequence[Score]]
"""The answered questions by task and arm, in order."""


def rows(
    tasks: Sequence[TaskName],
    arms: Sequence[ArmName],
    scores: Sequence[Score],
    headline: Headline = ACCURACY,
) -> list[dict[str, Any]]:
    """Return one row a task and arm: the headline score with its interval, and the cost.

    "headline" is its label, "low" and "high" are the ends of the 95% interval of "score", and
    "accuracy" is the share of right answers. Questions that got no answer are counted under
    "failed", and nowhere else. "efficiency" is None where it is not defined, and where the run has
    not both arms it is measured between. "tokens" and "seconds" are a question's.
    """
    answered = by_arm(scores)
    failed = by_arm(scores, failed=True)
    table = []
    for task in tasks:
        for arm in arms:
            key = (task.name, str(arm))
            shared = shared_scores(answered, task.name, arm, headline)
            found = memory_efficiency(*map(mean, shared)) if shared and shared[0] else None
            row = _row(task, arm, answered.get(key, []), len(failed.get(key, [])), headline)
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
    answered: ByArm, task: str, arm: ArmName, headline: Headline = ACCURACY
) -> tuple[list[float], list[float], list[float]] | None:
    """Return the headline scores of `none`, this arm and `oracle`, where all three answered.

    The two must show as many few-shot examples. None where the run has not both of them, and of the
    two themselves.
    """
    names = [ArmName(REFERENCES[0], None, arm.shots), arm, ArmName(REFERENCES[1], None, arm.shots)]
    lists = [answered.get((task, str(name))) for name in names]
    if arm.kind in REFERENCES or not all(lists):
        return None
    found = [{score.id: headline.of(score) for score in scores or ()} for scores in lists]
    common = [id for id in found[0] if id in found[1] and id in found[2]]
    none, own, oracle = ([by_id[id] for id in common] for by_id in found)
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
    return [_table(title, of_source) for title, of_source in by_source(table).items()]


def by_source(table: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Group rows by their source and split, under a title such as "released, test"."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in table:
        groups.setdefault(f"{row['source']}, {row['split']}", []).append(row)
    return groups


def _table(title: str, table: Sequence[dict[str, Any]]) -> "Table":
    from rich.table import Table

    caption = (
        "+3: with so many few-shot examples; n: questions; gold: share with all supporting lines"
        " shown; efficiency: (arm - none) / (oracle - none); tokens, s: per question"
    )
    shown = Table(title=title, caption=caption)
    for name in ("task", "arm"):
        shown.add_column(name, overflow="fold")
    labels = dict.fromkeys(row["headline"] for row in table)
    for label in labels:
        shown.add_column(label, justify="right", no_wrap=True)
    for name in ("95% CI", "n", "gold", "efficiency", "tokens", "s"):
        shown.add_column(name, justify="right", no_wrap=True)
    for row in table:
        supports = row["supports_shown"]
        shown.add_row(
            row["task"],
            row["name"],
            *(f"{row['score']:.0%}" if label == row["headline"] else "" for label in labels),
            f"{row['low']:.0%}-{row['high']:.0%}",
            str(row["n"]),
            "" if supports is None else f"{supports:.0%}",
            "" if row["efficiency"] is None else f"{row['efficiency']:.2f}",
            f"{row['tokens']:.0f}",
            f"{row['seconds']:.2f}",
        )
    return shown


def _row(
    task: TaskName, arm: ArmName, scores: Sequence[Score], failed: int, headline: Headline
) -> dict[str, Any]:
    values = [headline.of(score) for score in scores]
    low, high = mean_interval(values)
    recalls = [score.recall for score in scores if score.recall is not None]
    grades = dict.fromkeys(name for score in scores for name in score.grades if name != JUDGED)
    row = {
        "task": task.name,
        "arm": arm.kind,
        "name": str(arm),
        "shots": arm.shots,
        "n": len(scores),
        "failed": failed,
        "headline": headline.label,
        "score": mean(values),
        "low": low,
        "high": high,
        "accuracy": mean([float(score.correct) for score in scores]),
        "tokens": mean([score.prompt_tokens + score.completion_tokens for score in scores]),
        "seconds": mean([score.seconds for score in scores]),
        "recall": mean(recalls) if recalls else None,
        "supports_shown": mean([float(share == 1.0) for share in recalls]) if recalls else None,
        "source": task.source,
        "split": task.split,
    }
    return row | {
        name: mean([score.grades.get(name, 0.0) for score in scores])
        for name in grades
        if name not in row
    }
