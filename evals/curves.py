"""Which of a run's further tables are drawn, and as what."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memagent.evals.charts import COLOURS, Point
from memagent.evals.run.saved import Tables

Row = Mapping[str, Any]
SHARE = {"accuracy", "low", "high", "n"}
DRAWN = {
    "communicative": {"task", "arm", "section", "round", *SHARE},
    "self-consistency": {"threshold", "precision", "coverage", "kept", "of", "low", "high"},
    "matrix": {"task", "arm", "columns", "probes", "trained", "baseline", "scores"},
}
"""What a table's rows must hold to be drawn: another package may call a table of its own so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """Points to draw as lines, what is along x, and what they are of."""

    title: str
    x_name: str
    points: Sequence[Point]


def drawings(tables: Tables, colour: Mapping[str, int]) -> list[Drawing]:
    """Return the drawings of a run's tables, those that there are; `colour` is by arm."""
    known = {
        name: [row for row in tables.get(name, ()) if needed <= row.keys()]
        for name, needed in DRAWN.items()
    }
    return [
        *_learning(known["communicative"], colour),
        *_agreement(known["self-consistency"]),
        *_streams(known["matrix"]),
    ]


def _learning(rows: Sequence[Row], colour: Mapping[str, int]) -> Iterator[Drawing]:
    """Yield what rounds of feedback do to each kind of question, a line an arm."""
    for task, section in dict.fromkeys((row["task"], row["section"]) for row in rows):
        own = [row for row in rows if (row["task"], row["section"]) == (task, section)]
        points = [
            Point(
                line=row["arm"],
                x=row["round"],
                n=row["n"],
                value=row["accuracy"],
                low=row["low"],
                high=row["high"],
                colour=colour.get(row["arm"], 0),
            )
            for row in own
            if row["n"]
        ]
        if points:
            title = f"{task}, {section} questions: accuracy by round of feedback"
            yield Drawing(title=title, x_name="round", points=points)


def _agreement(rows: Sequence[Row]) -> Iterator[Drawing]:
    """Yield how a threshold on the share of agreeing samples moves precision and coverage."""
    points = []
    for row in rows:
        at = {"x": row["threshold"]}
        if row["precision"] is not None:
            shown = {"value": row["precision"], "low": row["low"], "high": row["high"]}
            points.append(Point(line="precision", n=row["kept"], colour=5, **shown, **at))
        if row["coverage"] is not None:
            shown = {"value": row["coverage"], "low": None, "high": None}
            points.append(Point(line="coverage", n=row["of"], colour=1, **shown, **at))
    if points:
        title = "precision and coverage by the share of samples that have to agree"
        yield Drawing(title=title, x_name="threshold", points=points)


def _streams(rows: Sequence[Row]) -> Iterator[Drawing]:
    """Yield what each arm knows of each task of a stream, from before the first update on."""
    for row in rows:
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
            yield Drawing(title=title, x_name="update", points=points)
