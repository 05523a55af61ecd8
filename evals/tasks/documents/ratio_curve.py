"""Ratio curves: F1, and recall of gold documents, by how far the notes of a run are compressed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from memagent.evals.arm import ArmName
from memagent.evals.metrics.statistics import Estimate, difference
from memagent.evals.report import charts
from memagent.evals.score import Score
from memagent.evals.suite import Drawing, KeptRun
from memagent.evals.tasks.documents.costs import costs
from memagent.evals.tasks.documents.note_arms import RATIO, way_of

BESIDE = ("none", "memory", "oracle")
"""Arms without compression: no memory, raw passages, the gold passage."""
EXPLANATION = (
    "By how many times shorter the notes are than the passages they were made from, in tokens; with"
    " 95% bootstrap intervals. Broken lines are arms that show nothing compressed: no memory, raw"
    " passages, the gold passage."
)
MEASURES: dict[str, Callable[[Score], float | None]] = {
    "F1": lambda score: score.grades.get("f1"),
    "recall of gold documents": lambda score: score.recall,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Compressed:
    """Value of notes that are `ratio` times shorter; arms of one `series` differ by that."""

    arm: str
    series: str
    ratio: float
    value: Estimate


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """Value of an arm that shows nothing compressed."""

    arm: str
    value: Estimate


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """One measure of one task by ratio, beside the arms without compression."""

    task: str
    measure: str
    points: Sequence[Compressed]
    levels: Sequence[Level]


def ratio_curves(run: KeptRun, tasks: Sequence[str]) -> list[Curve]:
    """Return a curve for each of these tasks and each measure; none where no arm had notes.

    The ratio is the measured one, of the tokens of passages to those of their notes, or else the
    one that the arm's name asks for. Intervals are bootstrap intervals over the questions.
    """
    ratios = _ratios(run)
    found = []
    for task in tasks:
        for measure, of in MEASURES.items():
            values = {arm: _value(run, task, arm, of) for arm in run.arms}
            points = [
                Compressed(
                    arm=str(arm),
                    series=str(ArmName(arm.kind, None, arm.shots)),
                    ratio=ratios.get(way, float(arm.size or RATIO)),
                    value=value,
                )
                for arm, value in values.items()
                if (way := way_of(arm)) is not None and value.n
            ]
            levels = [
                Level(arm=str(arm), value=value)
                for arm, value in values.items()
                if arm.kind in BESIDE and arm.size is None and value.n
            ]
            if points:
                found.append(Curve(task=task, measure=measure, points=points, levels=levels))
    return found


def _ratios(run: KeptRun) -> dict[str, float]:
    """Return the measured ratio of each way of writing notes, over all its streams."""
    before: dict[str, int] = {}
    after: dict[str, int] = {}
    for row in costs(run.folder).get("notes", []):
        before[row["way"]] = before.get(row["way"], 0) + row["before"]
        after[row["way"]] = after.get(row["way"], 0) + row["after"]
    return {way: before[way] / tokens for way, tokens in after.items() if tokens}


def _value(run: KeptRun, task: str, arm: ArmName, of: Callable[[Score], float | None]) -> Estimate:
    answered = (
        score
        for score in run.scores
        if (score.task, score.arm) == (task, str(arm)) and score.error is None
    )
    values = [value for value in map(of, answered) if value is not None]
    return difference(values, [0.0] * len(values))


def drawn(curve: Curve) -> str:
    """Return a curve as SVG: a line for each series, and one across for each level."""
    names = dict.fromkeys(
        [item.arm for item in curve.levels] + [item.series for item in curve.points]
    )
    colour = {name: number % charts.COLOURS for number, name in enumerate(names)}
    points = [
        charts.RatioPoint(
            label=point.arm,
            series=point.series,
            ratio=point.ratio,
            value=point.value.value or 0.0,
            low=_or(point.value.low, point.value.value),
            high=_or(point.value.high, point.value.value),
            colour=colour[point.series],
        )
        for point in curve.points
    ]
    levels = [
        charts.Level(label=level.arm, value=level.value.value or 0.0, colour=colour[level.arm])
        for level in curve.levels
    ]
    return charts.ratio_curve(points, levels, curve.measure)


def drawings(run: KeptRun, colours: Mapping[str, int]) -> list[Drawing]:
    """Return the ratio curves of a run as drawings, each in the section of its task."""
    return [
        Drawing(
            title=f"{curve.measure}, {curve.task}",
            svg=drawn(curve),
            task=curve.task,
            heading="Compression",
            explanation=EXPLANATION,
        )
        for curve in ratio_curves(run, [task.name for task in run.tasks])
    ]


def _or(bound: float | None, value: float | None) -> float:
    """Return the end of an interval, or of a single question its value."""
    return (value or 0.0) if bound is None else bound
