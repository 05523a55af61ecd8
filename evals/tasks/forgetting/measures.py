"""Measures of forgetting by request: the right set, and what too little and too much was erased."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from memagent.evals.arm import ArmName
from memagent.evals.metrics.statistics import difference, mean, wilson
from memagent.evals.score import Score
from memagent.evals.task import Sample, Task

ALL = "all"
"""Name of the row over all kinds."""


def grade(task: Task, sample: Sample, prediction: str) -> dict[str, float]:
    """Grade what was erased against what was meant.

    `exact` is 1 where both are the same. `under` is 1 where something that was meant is left,
    `over` where something else is gone; `f1`, `precision` and `recall` are of the records, and all
    1 where nothing was meant and nothing erased. `words` is 1 where no word that was to go is left
    and none that was to stay is gone. `along` is 1 where another fact went with the one that was
    meant. `known` is 1 where a deletion probe still finds what was erased.
    """
    found = json.loads(prediction)
    erased, meant = set(found["erased"]), set(sample.supports)
    right = len(erased & meant)
    graded = {
        "exact": float(erased == meant),
        "f1": 2 * right / (len(erased) + len(meant)) if erased or meant else 1.0,
        "precision": right / len(erased) if erased else float(not meant),
        "recall": right / len(meant) if meant else 1.0,
        "under": float(bool(meant - erased)),
        "over": float(bool(erased - meant)),
        "words": float(not found["left"] and not found["lost"]),
        "along": float(bool(found["along"])),
    }
    return graded if found["known"] is None else {**graded, "known": float(found["known"])}


def measures(
    tasks: Sequence[Task], arms: Sequence[ArmName], scores: Sequence[Score]
) -> dict[str, list[dict[str, Any]]]:
    """Return a table with a row for each arm and kind of request, and one over all kinds."""
    rows = []
    for arm in arms:
        answered = [score for score in scores if score.arm == str(arm) and not score.error]
        kinds = {task.name: [one for one in answered if one.task == task.name] for task in tasks}
        for name, some in ({ALL: answered} | kinds).items():
            rows.append({"arm": str(arm), "kind": name.rpartition("/")[2], **measured(some)})
    return {"forgetting": rows}


def measured(scores: Sequence[Score]) -> Mapping[str, Any]:
    """Return one row: the right sets with their 95% interval (Wilson), and the other measures.

    The interval of F1 is that of a bootstrap. `known` is a share of the cases that were probed,
    None without any; `seconds` are those of the choice.
    """
    grades = [score.grades for score in scores]
    right = sum(score.correct for score in scores)
    low, high = wilson(right, len(scores))
    f1 = [graded["f1"] for graded in grades]
    spread = difference(f1, [0.0] * len(f1)) if f1 else None
    probed = [graded["known"] for graded in grades if "known" in graded]
    return {
        "n": len(scores),
        "exact": mean([float(score.correct) for score in scores]),
        "exact_low": low,
        "exact_high": high,
        "f1": mean(f1),
        "f1_low": spread and spread.low,
        "f1_high": spread and spread.high,
        **{
            name: mean([graded[name] for graded in grades])
            for name in ("precision", "recall", "under", "over", "words", "along")
        },
        "known": mean(probed) if probed else None,
        "seconds": mean([score.memory_seconds for score in scores]),
    }
