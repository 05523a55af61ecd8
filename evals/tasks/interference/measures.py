"""Measures of interference: the lag matrix, its curve, and where errors come from.

A[j][i] is the accuracy on the question of episode i after j episodes. Forgetting is the
mean over i of the best A[j][i] less the last. The best of several noisy values is too high, so that
with few streams it is above 0 where nothing is forgotten; `loss`, the immediate less the final
accuracy, is not. Cells of one stream depend on one another: the Wilson intervals are too narrow.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from memagent.evals.arm import ArmName
from memagent.evals.metrics.statistics import wilson
from memagent.evals.score import Score
from memagent.evals.task import Sample, Task
from memagent.evals.tasks.interference.streams import PLACES, Trial
from memagent.stores.ranking import tokens_of

Matrix = list[list[float | None]]
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Cell:
    """One answered trial."""

    trial: Trial
    score: Score


def grade(task: Task, sample: Sample, prediction: str) -> dict[str, float]:
    """Grade an answer, and classify a wrong one.

    An "intrusion" is the one place of another fact about the same person, a "swap" the place of
    another person; all other errors name no place, several, or one that is in no fact. The "lag" is
    among the grades for a report's curve.
    """
    trial = cast(Trial, sample)
    places = {word for word in _WORD.findall(prediction.lower()) if word in PLACES}
    right = places == set(trial.gold)
    (place,) = places if len(places) == 1 and not right else (None,)
    return {
        "exact_mention": float(right),
        "intrusion": float(place in trial.competing),
        "swap": float(place in trial.told and place not in trial.competing),
        "lag": float(trial.lag),
    }


def measures(
    tasks: Sequence[Task], arms: Sequence[ArmName], scores: Sequence[Score]
) -> dict[str, list[dict[str, Any]]]:
    """Return the tables of a run: its measures, the curve over the lag, and the matrices."""
    tables: dict[str, list[dict[str, Any]]] = {"interference": [], "lags": [], "matrix": []}
    for task in tasks:
        trials = {sample.id: cast(Trial, sample) for sample in task.asked}
        for arm in arms:
            of = {"task": task.name, "arm": str(arm)}
            cells = [
                Cell(trials[score.id], score)
                for score in scores
                if (score.task, score.arm) == (task.name, str(arm)) and not score.error
            ]
            tables["interference"].append(of | measured(cells))
            tables["lags"] += [of | point for point in lags(cells)]
            tables["matrix"].append(of | {"accuracy": matrix(cells)})
    return tables


def matrix(cells: Iterable[Cell]) -> Matrix:
    """Return A[j][i], over all streams; None where nothing was asked."""
    found: dict[tuple[int, int], list[bool]] = defaultdict(list)
    for cell in cells:
        found[cell.trial.insertion, cell.trial.episode].append(cell.score.correct)
    size = max((insertion for insertion, _ in found), default=0)
    return [
        [_share(found[j, i]) if (j, i) in found else None for i in range(1, size + 1)]
        for j in range(1, size + 1)
    ]


def forgetting(accuracy: Matrix) -> float | None:
    """Return the mean over episodes of the best accuracy less the last, None for one episode.

    The last episode has nothing after it and does not count, nor one not asked at the end.
    """
    lost = []
    for episode in range(len(accuracy) - 1):
        last = accuracy[-1][episode]
        seen = [row[episode] for row in accuracy]
        if last is not None:
            lost.append(
                max(accuracy_then for accuracy_then in seen if accuracy_then is not None) - last
            )
    return sum(lost) / len(lost) if lost else None


def lags(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Return the points of the curve: accuracy after so many further episodes, with its n."""
    found: dict[int, list[bool]] = defaultdict(list)
    for cell in cells:
        found[cell.trial.lag].append(cell.score.correct)
    return [{"lag": lag, **proportion(found[lag])} for lag in sorted(found)]


def measured(cells: Sequence[Cell]) -> dict[str, Any]:
    """Return one row: immediate and final accuracy, forgetting, and the kinds of errors.

    The rates of intrusions and swaps are shares of the errors, None without any. "notes" is the
    greatest number of tokens that the notes of a question had, of four characters.
    """
    last = max((cell.trial.insertion for cell in cells), default=0)
    immediate = [cell.score.correct for cell in cells if cell.trial.lag == 0]
    final = [cell.score.correct for cell in cells if cell.trial.insertion == last]
    wrong = [cell for cell in cells if not cell.score.correct]
    first, end = proportion(immediate), proportion(final)
    return {
        "n": len(cells),
        "immediate": first["accuracy"],
        "immediate_low": first["low"],
        "immediate_high": first["high"],
        "final": end["accuracy"],
        "final_low": end["low"],
        "final_high": end["high"],
        "final_n": end["n"],
        "loss": None if not cells else first["accuracy"] - end["accuracy"],
        "forgetting": forgetting(matrix(cells)),
        "errors": len(wrong),
        "errors_with_rival": sum(bool(cell.trial.competing) for cell in wrong),
        "intrusion_rate": _share(_graded(wrong, "intrusion")),
        "swap_rate": _share(_graded(wrong, "swap")),
        "notes": max((notes(cell.score.shown) for cell in cells), default=0),
    }


def notes(shown: Sequence[str]) -> int:
    """Return how many tokens texts have together, of four characters."""
    return sum(tokens_of(len(text)) for text in shown)


def proportion(right: Sequence[bool]) -> dict[str, Any]:
    """Return a share with its 95% Wilson interval and its n; None of nothing."""
    low, high = wilson(sum(right), len(right))
    return {"accuracy": _share(right), "low": low, "high": high, "n": len(right)}


def _graded(cells: Sequence[Cell], name: str) -> list[bool]:
    return [cell.score.grades.get(name) == 1.0 for cell in cells]


def _share(right: Sequence[bool]) -> float | None:
    return sum(right) / len(right) if right else None
