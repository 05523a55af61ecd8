"""Further tables of document tasks: F1 against other arms, retention, and prompt sizes."""

from collections.abc import Mapping, Sequence
from typing import Any

from memagent.evals.arm import ArmName
from memagent.evals.metrics.statistics import difference, mean, ratio
from memagent.evals.score import Score
from memagent.evals.task import TaskName

REFERENCES = ("none", "oracle", "memory")
"""The arms that the others' F1 is compared with, where they show as many few-shot examples."""
BEFORE, AFTER = "/retention-before", "/retention-after"
ById = Mapping[str, Score]
"""The answered questions of a task and arm, by their ids."""


def measures(
    tasks: Sequence[TaskName], arms: Sequence[ArmName], scores: Sequence[Score]
) -> dict[str, list[dict[str, Any]]]:
    """Return the tables `against`, `retention` and `prompts`, each left out where it is empty.

    `against` has the ratio of an arm's F1 to another's and their difference, over the questions
    that both answered; `retention` the ratio of the F1 of the later asking to that of the earlier.
    `low` and `high` are the ends of the 95% paired bootstrap interval of what stands before them. A
    ratio to nothing is None.
    """
    names = [task.name for task in tasks]
    answered: dict[tuple[str, str], dict[str, Score]] = {}
    for score in scores:
        if score.error is None and score.task in names:
            answered.setdefault((score.task, score.arm), {})[score.id] = score
    found: dict[str, list[dict[str, Any]]] = {"against": [], "retention": [], "prompts": []}
    for task in names:
        for arm in arms:
            own = answered.get((task, str(arm)), {})
            if own:
                tokens = mean([float(score.prompt_tokens) for score in own.values()])
                row = {"task": task, "name": str(arm), "n": len(own), "prompt_tokens": tokens}
                found["prompts"].append(row)
            for kind in REFERENCES:
                other = ArmName(kind, None, arm.shots)
                theirs = answered.get((task, str(other)), {})
                if other != arm and own.keys() & theirs.keys():
                    row = {"task": task, "name": str(arm), "against": str(other)}
                    found["against"].append(row | _compared(own, theirs))
            later = answered.get((task.replace(BEFORE, AFTER), str(arm)), {})
            if task.endswith(BEFORE) and later:
                found["retention"].append({"name": str(arm)} | _retained(own, later))
    return {title: rows for title, rows in found.items() if rows}


def _compared(own: ById, other: ById) -> dict[str, Any]:
    mine, theirs = _paired(own, other)
    part, apart = ratio(mine, theirs), difference(mine, theirs)
    return {
        "n": len(mine),
        "f1": mean(mine),
        "other": mean(theirs),
        "ratio": part.value,
        "ratio_low": part.low,
        "ratio_high": part.high,
        "difference": apart.value,
        "difference_low": apart.low,
        "difference_high": apart.high,
    }


def _retained(before: ById, after: ById) -> dict[str, Any]:
    first, second = _paired(before, after)
    part = ratio(second, first)
    return {
        "n": len(first),
        "before": mean(first),
        "after": mean(second),
        "retained": part.value,
        "low": part.low,
        "high": part.high,
    }


def _paired(one: ById, other: ById) -> tuple[list[float], list[float]]:
    """Return the F1 of both on the questions that both answered, in the same order."""
    both = [id for id in one if id in other]
    first, second = ([scores[id].grades["f1"] for id in both] for scores in (one, other))
    return first, second
