"""Learning curve of a memory that gets feedback: accuracy by round and kind of question."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from memagent.evals.arm import ArmName
from memagent.evals.metrics.statistics import difference, mcnemar
from memagent.evals.report.charts import CurveChart, Point, rows_with
from memagent.evals.score import Score
from memagent.evals.suite import (
    Drawing,
    KeptRun,
    Tables,
)
from memagent.evals.task import Sample, Task
from memagent.evals.tasks.feedback.arm import is_right
from memagent.evals.tasks.feedback.worlds import SECTIONS, Trial
from memagent.evals.tasks.interference.measures import proportion

NAME = "feedback"
CURVE_COLUMNS = ("task", "arm", "section", "round", "accuracy", "low", "high", "n")
"""Columns that the rows of the learning curve must have to be drawn."""
Answered = tuple[Trial, Score]
"""A question after so many rounds of feedback, and the score of its answer."""


def grade(task: Task, sample: Sample, prediction: str) -> dict[str, float]:
    """Grade an answer; the round goes with it, and which section it is of."""
    trial = cast(Trial, sample)
    grades = {"right": float(is_right(prediction, trial.item)), "round": float(trial.round)}
    return grades | {name: float(trial.item.section == name) for name in SECTIONS}


def measures(
    tasks: Sequence[Task], arms: Sequence[ArmName], scores: Sequence[Score]
) -> dict[str, list[dict[str, Any]]]:
    """Return the learning curve: a row for each task, arm, section and round.

    "gain" is the accuracy less that before any feedback, on the same questions, with its paired
    95% interval and McNemar's p; "mended" and "broken" are how many of them became right, and
    wrong, since. "seconds" is what one answer took. Of several tasks, "all" is all their questions.
    """
    rows = []
    every: dict[str, list[Answered]] = {str(arm): [] for arm in arms}
    for task in tasks:
        trials = {sample.id: cast(Trial, sample) for sample in task.asked}
        for arm in every:
            own = [score for score in scores if (score.task, score.arm) == (task.name, arm)]
            answered = [
                (trials[score.id], score) for score in own if not score.error and score.id in trials
            ]
            every[arm] += answered
            rows += [{"task": task.name, "arm": arm} | row for row in _curve(answered)]
    if len(tasks) > 1:
        for arm, answered in every.items():
            rows += [{"task": "all", "arm": arm} | row for row in _curve(answered)]
    return {NAME: rows}


def _curve(answered: Sequence[Answered]) -> Iterator[dict[str, Any]]:
    first = {_place(trial): score.correct for trial, score in answered if trial.round == 0}
    for section in SECTIONS:
        for number in sorted({trial.round for trial, _ in answered}):
            cells = [
                (trial, score)
                for trial, score in answered
                if (trial.item.section, trial.round) == (section, number)
            ]
            pairs = [
                (first[_place(trial)], score.correct)
                for trial, score in cells
                if _place(trial) in first
            ]
            yield {
                "section": section,
                "round": number,
                **proportion([score.correct for _, score in cells]),
                **_gain(pairs, number),
                "mended": sum(now and not before for before, now in pairs),
                "broken": sum(before and not now for before, now in pairs),
                "seconds": sum(score.seconds for _, score in cells) / len(cells) if cells else None,
            }


def _gain(pairs: Sequence[tuple[bool, bool]], number: int) -> dict[str, float | None]:
    """Return what was gained since before any feedback, with its paired interval and p."""
    if number == 0:
        return {"gain": 0.0, "gain_low": None, "gain_high": None, "p": None}
    before, now = [one for one, _ in pairs], [one for _, one in pairs]
    gain = difference(now, before)
    p = mcnemar(before, now).p if pairs else None
    return {"gain": gain.value, "gain_low": gain.low, "gain_high": gain.high, "p": p}


def _place(trial: Trial) -> tuple[str, str]:
    return trial.story, trial.question


def learning_charts(tables: Tables, colours: Mapping[str, int]) -> list[CurveChart]:
    """Return a chart for each task and section: the accuracy by round of feedback, by arm."""
    rows = rows_with(tables, NAME, CURVE_COLUMNS)
    charts = []
    for task, section in dict.fromkeys((row["task"], row["section"]) for row in rows):
        points = [
            Point(
                line=row["arm"],
                x=row["round"],
                n=row["n"],
                value=row["accuracy"],
                low=row["low"],
                high=row["high"],
                colour=colours.get(row["arm"], 0),
            )
            for row in rows
            if (row["task"], row["section"]) == (task, section) and row["n"]
        ]
        if points:
            title = f"{task}, {section} questions: accuracy by round of feedback"
            charts.append(CurveChart(title=title, x_name="round", points=points))
    return charts


def drawings(run: KeptRun, colours: Mapping[str, int]) -> list[Drawing]:
    """Return the learning curves of a run as drawings."""
    return [chart.drawing() for chart in learning_charts(run.measures, colours)]
