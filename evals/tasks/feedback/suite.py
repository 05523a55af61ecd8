"""What feedback changes in answers: to the same questions, to related ones, and to others."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from memagent.evals.arm import ArmName
from memagent.evals.metrics.statistics import difference, mcnemar
from memagent.evals.report.charts import CurveChart, Point, rows_with
from memagent.evals.score import Score
from memagent.evals.suite import (
    BadOption,
    Drawing,
    KeptRun,
    Member,
    Selection,
    Suite,
    Tables,
    refuse_files,
    selected_names,
)
from memagent.evals.task import Sample, Task
from memagent.evals.tasks.feedback.arm import KINDS, TaughtArm, is_right
from memagent.evals.tasks.feedback.worlds import SECTIONS, Trial, trials, world
from memagent.evals.tasks.interference.measures import proportion

NAME = "feedback"
CURVE_COLUMNS = ("task", "arm", "section", "round", "accuracy", "low", "high", "n")
"""What the rows of the learning curve must hold to be drawn."""
Told = tuple[Trial, Score]
"""A question after so many rounds, and what its answer was worth."""


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
    every: dict[str, list[Told]] = {str(arm): [] for arm in arms}
    for task in tasks:
        trials = {one.id: cast(Trial, one) for one in task.asked}
        for arm in every:
            own = [one for one in scores if (one.task, one.arm) == (task.name, arm)]
            told = [(trials[one.id], one) for one in own if not one.error and one.id in trials]
            every[arm] += told
            rows += [{"task": task.name, "arm": arm} | row for row in _curve(told)]
    if len(tasks) > 1:
        for arm, told in every.items():
            rows += [{"task": "all", "arm": arm} | row for row in _curve(told)]
    return {NAME: rows}


def _curve(told: Sequence[Told]) -> Iterator[dict[str, Any]]:
    first = {_place(trial): score.correct for trial, score in told if trial.round == 0}
    for section in SECTIONS:
        for number in sorted({trial.round for trial, _ in told}):
            cells = [
                (trial, score)
                for trial, score in told
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


CONDITIONS = {
    "changed": "what was told is no longer so",
    "hops": "the answer follows from two facts",
    "premise": "who is asked about does not exist",
}
SETTINGS = {"worlds": 10, "people": 3, "rounds": 2}
"""Worlds; people of a world that are asked about; rounds of feedback."""
MOST = 10
"""At most so many people are asked about: a world has four times as many names."""
LESSONS = 8
"""How many worlds the worked examples are drawn from."""


def load(selection: Selection) -> Sequence[Task]:
    """Return the wanted conditions, generated; the same seed gives the same worlds.

    Raises:
        BadOption: there is no such condition, or a size is out of its range.
    """
    refuse_files(selection, NAME)
    sizes = {name: int(selection.settings.get(name, value)) for name, value in SETTINGS.items()}
    if min(sizes["worlds"], sizes["people"]) < 1 or sizes["people"] > MOST or sizes["rounds"] < 0:
        raise BadOption(
            "--set", f"expected at least 1 world, 1 to {MOST} people, and no fewer rounds than 0"
        )
    chosen = selected_names(selection, NAME, CONDITIONS)
    return [task(one, sizes, selection.seed) for one in chosen]


def task(condition: str, sizes: Mapping[str, int], seed: int) -> Task:
    """Return one condition: worlds to ask, and others to draw worked examples from."""
    name = f"{NAME}/{condition}"
    asked: list[Trial] = []
    for number in range(sizes["worlds"]):
        made = world(condition, sizes, f"{seed}/{condition}/{number}")
        asked += trials(f"{name}/{number}", made, sizes["rounds"])
    lessons = [
        trial
        for number in range(LESSONS)
        for trial in trials(
            f"{name}/lesson/{number}", world(condition, sizes, f"{seed}/{condition}/l{number}"), 0
        )
        if trial.supports or (condition == "premise" and trial.item.correction)
    ]
    return Task(
        name=name,
        source="generated",
        split="test",
        asked=asked,
        training=lessons,
        sha256=_digest(asked, lessons),
        grade=grade,
    )


def _digest(asked: Sequence[Trial], lessons: Sequence[Trial]) -> str:
    """Return the SHA-256 of a condition's trials.

    Earlier versions called the suite "communicative": with the identifiers of that time in it, the
    digest of the same trials is the same, and their runs stay comparable.
    """
    text = repr([asked, lessons]).replace(f"'{NAME}/", "'communicative/")
    return hashlib.sha256(text.encode()).hexdigest()


SUITE = Suite(
    name=NAME,
    about="what a memory learns from verdicts, hints and corrections",
    members=[Member(name=f"{NAME}/{name}", about=about) for name, about in CONDITIONS.items()],
    load=load,
    arms=KINDS,
    default_arms=KINDS[:-1],
    make=TaughtArm,
    settings=SETTINGS,
    tables=measures,
    drawings=drawings,
)
