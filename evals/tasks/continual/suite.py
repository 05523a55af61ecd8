"""Continual-learning suite: bAbI streams with the same questions after every update."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, cast

from memagent.evals.arm import ArmName
from memagent.evals.metrics.continual import Results, l2_metrics, summary
from memagent.evals.report.charts import COLOURS, CurveChart, Point, rows_with
from memagent.evals.score import Score
from memagent.evals.suite import (
    BadOption,
    Drawing,
    Headline,
    KeptRun,
    Member,
    Selection,
    Suite,
    Tables,
    refuse_files,
    selected_names,
)
from memagent.evals.task import Task
from memagent.evals.tasks.continual.arm import KINDS, StreamArm
from memagent.evals.tasks.continual.streams import (
    LESSONS,
    STORIES,
    StreamQuestion,
    generated_task,
    samples,
    stream,
)

TASKS = {
    "stories": "one story after another is written; the questions are about the stories",
    "lessons": "the English rules learn the direction of hops; the questions are held out",
}
SETTINGS = {"updates": 20, "probes": 5, "exponent": 0.5}
"""Number of updates; greatest number of probes a column; d of the recurrence, 0 is uniform."""
MOST = 200
"""Greatest number of updates."""
WINDOWS = (10,)
MATRIX_COLUMNS = ("task", "arm", "columns", "probes", "trained", "baseline", "scores")


def load(selection: Selection) -> Sequence[Task]:
    """Return the selected streams, of generated stories.

    Raises:
        BadOption: there is no such stream, or a size is none.
    """
    refuse_files(selection, "continual")
    sizes = {**SETTINGS, **selection.settings}
    if not (1 <= sizes["updates"] <= MOST and sizes["probes"] >= 1 and sizes["exponent"] >= 0):
        raise BadOption(
            "--set", f"expected 1 to {MOST} updates, a probe at least, and an exponent of 0 or more"
        )
    kinds = selected_names(selection, "continual", TASKS)
    return [_task(kind, sizes, selection.seed) for kind in kinds]


def _task(kind: str, sizes: dict[str, float], seed: int) -> Task:
    whole = stream(
        kind,
        updates=int(sizes["updates"]),
        probes=int(sizes["probes"]),
        exponent=sizes["exponent"],
        seed=seed,
    )
    numbers = STORIES if kind == "stories" else LESSONS
    training = [sample for number in numbers for sample in generated_task(number).training]
    return Task(
        name=f"continual/{kind}",
        source="generated",
        split="test",
        asked=samples(f"continual/{kind}", whole),
        training=training,
        sha256=hashlib.sha256(repr(whole).encode()).hexdigest(),
    )


def results(task: Task, scores: Sequence[Score]) -> Results:
    """Return the matrix of one arm's scores: a row for each update, a column for each bAbI task.

    A cell is None where a probe of it got no answer.
    """
    questions = [cast(StreamQuestion, sample) for sample in task.asked]
    right = {score.id: score.correct for score in scores if not score.error}
    cells: dict[tuple[int, int], list[bool | None]] = defaultdict(list)
    for question in questions:
        cells[question.update, question.column].append(right.get(question.id))
    whole = questions[0].stream
    rows = [
        tuple(_mean(cells[update, column]) for column in range(len(whole.columns)))
        for update in range(len(whole.updates) + 1)
    ]
    return Results(scores=tuple(rows[1:]), trained=whole.order, baseline=rows[0])


def measures(
    tasks: Sequence[Task], arms: Sequence[ArmName], scores: Sequence[Score]
) -> dict[str, list[dict[str, Any]]]:
    """Return the metrics of each stream and arm, the L2 metrics, and the matrix they come from.

    "asked" counts the probes whose records changed since the update before, "reused" those that
    kept their answer; "probes" is how many there are.
    """
    tables: dict[str, list[dict[str, Any]]] = {"continual": [], "l2": [], "matrix": []}
    for task in tasks:
        whole = cast(StreamQuestion, task.asked[0]).stream
        for arm in arms:
            own = [score for score in scores if (score.task, score.arm) == (task.name, str(arm))]
            found = results(task, own)
            asked = changed(task, own)
            of = {"task": task.name, "arm": str(arm)}
            counts = {
                "updates": len(whole.updates),
                "probes": sum(map(len, whole.probes)),
                "asked": asked,
                "reused": len(own) - asked,
            }
            tables["continual"].append(of | counts | summary(found, WINDOWS))
            tables["l2"].append(of | l2_metrics(found))
            tables["matrix"].append(
                of
                | {
                    "columns": list(whole.columns),
                    "probes": list(map(len, whole.probes)),
                    "trained": list(found.trained),
                    "baseline": list(found.baseline),
                    "scores": [list(row) for row in found.scores],
                }
            )
    return tables


def changed(task: Task, scores: Sequence[Score]) -> int:
    """Return how many times a probe was shown other records than the time before."""
    shown = {score.id: score.shown for score in scores if not score.error}
    last: dict[str, tuple[str, ...] | None] = {}
    count = 0
    for question in (cast(StreamQuestion, sample) for sample in task.asked):
        probe = question.id.split("/", 3)[3]
        if question.id in shown:
            count += probe not in last or last[probe] != shown[question.id]
            last[probe] = shown[question.id]
    return count


def stream_charts(tables: Tables) -> list[CurveChart]:
    """Return a chart for each stream and arm: the accuracy on each task after every update.

    The lines begin with the baseline, before the first update.
    """
    charts = []
    for row in rows_with(tables, "matrix", MATRIX_COLUMNS):
        scores = [row["baseline"], *row["scores"]]
        points = [
            Point(
                line=name,
                x=update,
                n=row["probes"][column],
                value=line[column],
                low=None,
                high=None,
                colour=column % COLOURS,
            )
            for column, name in enumerate(row["columns"])
            for update, line in enumerate(scores)
            if line and line[column] is not None
        ]
        if points:
            title = f"{row['task']}, {row['arm']}: accuracy by update"
            charts.append(CurveChart(title=title, x_name="update", points=points))
    return charts


def drawings(run: KeptRun, colours: Mapping[str, int]) -> list[Drawing]:
    """Return the charts of a run as drawings."""
    return [chart.drawing() for chart in stream_charts(run.measures)]


def _mean(right: Sequence[bool | None]) -> float | None:
    known = [value for value in right if value is not None]
    return sum(known) / len(known) if known and len(known) == len(right) else None


SUITE = Suite(
    name="continual",
    about="what a memory keeps and gains while it goes through a stream of bAbI tasks",
    members=[Member(name=f"continual/{name}", about=about) for name, about in TASKS.items()],
    load=load,
    arms=KINDS,
    default_arms=("memory", "fifo"),
    headline=Headline(grade="exact_mention", label="accuracy"),
    make=StreamArm,
    settings=SETTINGS,
    tables=measures,
    drawings=drawings,
)
