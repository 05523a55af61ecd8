"""What a run over documents measures beside its scores: what is retained, and the prompts."""

from collections.abc import Sequence
from typing import Any

from memagent.evals.arm import ArmName
from memagent.evals.metrics import mean
from memagent.evals.score import Score
from memagent.evals.task import Task


def measures(
    tasks: Sequence[Task], arms: Sequence[ArmName], scores: Sequence[Score]
) -> dict[str, list[dict[str, Any]]]:
    """Return the tables `retention`, where both of its tasks were asked, and `prompts`.

    Retained is the F1 of the later asking over that of the earlier, of the questions answered in
    both; None where the earlier is 0.
    """
    answered = [one for one in scores if one.error is None]
    found: dict[str, list[dict[str, Any]]] = {"retention": [], "prompts": []}
    names = [task.name for task in tasks]
    for name in map(str, arms):
        by_task = {
            task: {one.id: one for one in answered if (one.task, one.arm) == (task, name)}
            for task in names
        }
        for task, rows in by_task.items():
            if rows:
                tokens = mean([float(one.prompt_tokens) for one in rows.values()])
                row = {"task": task, "name": name, "n": len(rows), "prompt_tokens": tokens}
                found["prompts"].append(row)
        for task in names:
            later = task.replace("/retention-before", "/retention-after")
            if later != task and later in by_task:
                found["retention"].append(_retained(name, by_task[task], by_task[later]))
    return {title: rows for title, rows in found.items() if rows}


def _retained(name: str, before: dict[str, Score], after: dict[str, Score]) -> dict[str, Any]:
    both = [id for id in before if id in after]
    first = mean([before[id].grades["f1"] for id in both])
    second = mean([after[id].grades["f1"] for id in both])
    retained = second / first if first else None
    return {"name": name, "n": len(both), "before": first, "after": second, "retained": retained}
