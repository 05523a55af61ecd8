"""What of a run's further tables is drawn, by the points that the drawings have."""

import re
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from memagent.evals.metrics.coverage import curve
from memagent.evals.report.charts import Bar, CurveChart, Point, Spot, bars, curves, spots
from memagent.evals.tasks.continual.suite import stream_charts
from memagent.evals.tasks.feedback.measures import learning_charts
from memagent.evals.tasks.gsm8k.suite import agreement_charts

COLOUR = {"ram-hint+3": 2, "r3+3": 4}


def learned(arm: str, section: str, number: int, right: int, n: int = 10) -> dict[str, Any]:
    return {
        "task": "feedback/changed",
        "arm": arm,
        "section": section,
        "round": number,
        "accuracy": right / n if n else None,
        "low": right / n / 2 if n else 0.0,
        "high": 1.0,
        "n": n,
    }


def places(drawing: CurveChart) -> dict[str, list[tuple[float, float]]]:
    """Return the drawn points by line: x and y as shares of the axes, read from the SVG alone."""
    root = ElementTree.fromstring(curves(drawing.points, drawing.x_name, drawing.title))
    rules = [one for one in root.iter("line") if one.get("class") == "grid"]
    across = sorted({float(one.get("x1", "")) for one in rules if one.get("x1") == one.get("x2")})
    down = sorted({float(one.get("y1", "")) for one in rules if one.get("y1") == one.get("y2")})
    found: dict[str, list[tuple[float, float]]] = {}
    for dot in root.iter("circle"):
        title = dot.find("title")
        assert title is not None
        line = str(title.text).split(",")[0]
        x = (float(dot.get("cx", "")) - across[0]) / (across[-1] - across[0])
        y = (down[-1] - float(dot.get("cy", ""))) / (down[-1] - down[0])
        found.setdefault(line, []).append((round(x, 2), round(y, 2)))
    return found


def test_a_learning_curve_has_a_line_an_arm_and_a_point_a_round() -> None:
    rows = [learned("r3+3", "same", number, 1) for number in range(3)]
    rows += [learned("ram-hint+3", "same", number, 3 * number) for number in (2, 0, 1)]
    rows += [learned("r3+3", "unrelated", 0, 10)]
    same, unrelated = learning_charts({"feedback": rows}, COLOUR)
    assert same.title == "feedback/changed, same questions: accuracy by round of feedback"
    assert places(same) == {
        "r3+3": [(0.0, 0.1), (0.5, 0.1), (1.0, 0.1)],
        "ram-hint+3": [(0.0, 0.0), (0.5, 0.3), (1.0, 0.6)],
    }
    assert {(one.line, one.colour) for one in same.points} == {("r3+3", 4), ("ram-hint+3", 2)}
    assert [one.line for one in unrelated.points] == ["r3+3"]


def test_a_round_that_nobody_answered_is_not_drawn() -> None:
    rows = [learned("r3+3", "same", 0, 5), learned("r3+3", "same", 1, 0, n=0)]
    (one,) = learning_charts({"feedback": rows}, COLOUR)
    assert [point.x for point in one.points] == [0]
    assert learning_charts({"feedback": rows[1:]}, COLOUR) == []


def test_precision_and_coverage_are_drawn_against_the_threshold() -> None:
    votes = [(1.0, True), (0.6, True), (0.6, False), (0.2, False)]
    (one,) = agreement_charts({"self-consistency": curve(votes)})
    drawn = places(one)
    assert one.x_name == "threshold"
    # All four are kept up to 0.2, of which two are right; three up to 0.6; one at 1.
    assert drawn["coverage"][0] == (0.1, 1.0)
    assert drawn["precision"][0] == (0.1, 0.5)
    assert (0.6, 0.75) in drawn["coverage"]
    assert (0.6, 0.67) in drawn["precision"]
    assert (drawn["coverage"][-1], drawn["precision"][-1]) == ((1.0, 0.25), (1.0, 1.0))
    assert len(drawn["coverage"]) == len(drawn["precision"]) == 10


def test_a_threshold_that_keeps_nothing_has_no_precision() -> None:
    (one,) = agreement_charts({"self-consistency": curve([(0.5, True)])})
    drawn = places(one)
    assert [x for x, _ in drawn["precision"]] == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert drawn["coverage"][-1] == (1.0, 0.0)
    assert agreement_charts({"self-consistency": curve([])}) == []


def test_a_stream_is_drawn_from_the_baseline_on_and_a_lag_matrix_is_not() -> None:
    row = {
        "task": "continual/stories",
        "arm": "fifo:1+3",
        "columns": ["babi/1", "babi/2"],
        "probes": [2, 0],
        "trained": [0, 0],
        "baseline": [0.0, None],
        "scores": [[1.0, None], [0.5, None]],
    }
    (one,) = stream_charts({"matrix": [row]})
    assert one.title == "continual/stories, fifo:1+3: accuracy by update"
    assert places(one) == {"babi/1": [(0.0, 0.0), (0.5, 1.0), (1.0, 0.5)]}
    (bare,) = stream_charts({"matrix": [row | {"baseline": []}]})
    assert [point.x for point in bare.points] == [1, 2]


def test_a_table_of_that_name_that_holds_something_else_is_not_drawn() -> None:
    lag_matrix = {"task": "x", "arm": "full+3", "accuracy": [[1.0]]}
    others = {"matrix": [lag_matrix], "feedback": [{"arm": "x"}], "self-consistency": [{}]}
    assert stream_charts(others) == learning_charts(others, {}) == agreement_charts(others) == []


def labels(drawn: str) -> dict[str, tuple[float, float]]:
    """Return where each label stands."""
    root = ElementTree.fromstring(drawn)
    return {
        str(one.text): (float(one.get("x", "")), float(one.get("y", "")))
        for one in root.iter("text")
        if one.get("class") == "label"
    }


def test_labels_of_lines_that_end_together_stand_apart_and_above_the_axis() -> None:
    ends = {"a": 0.0, "b": 0.0, "c": 0.0, "d": 0.5, "e": 0.5, "f": 0.52, "g": 1.0}
    points = [
        Point(line=line, x=1, n=1, value=value, low=None, high=None, colour=0)
        for line, value in ends.items()
    ]
    drawn = curves(points, "round", "accuracy")
    found = labels(drawn)
    heights = sorted(found[line][1] for line in ends)
    assert all(two - one >= 13 for one, two in pairwise(heights))
    axis = max(float(one.get("y2", "")) for one in ElementTree.fromstring(drawn).iter("line"))
    assert heights[-1] <= axis + 4
    # Each is near to its own line's end.
    middle = found["d"][1]
    assert all(abs(found[line][1] - middle) <= 40 for line in ("e", "f"))


def test_the_longest_name_of_a_line_has_room() -> None:
    long = "memory-supersede-and-more:40+3"
    point = Point(line=long, x=1, n=1, value=0.5, low=None, high=None, colour=0)
    spot = Spot(label=long, x=1, y=0.5, colour=0)
    for drawn in (curves([point], "round", "accuracy"), spots([spot], "seconds", "accuracy")):
        width = float(str(ElementTree.fromstring(drawn).get("viewBox")).split()[2])
        assert width >= labels(drawn)[long][0] + 6 * len(long)


def test_the_longest_name_of_a_bar_has_room() -> None:
    long = "one-per-question-and-obfuscated+3"
    bar = Bar(label=long, value=0.5, low=0.2, high=0.8, colour=0, link="#")
    drawn = bars([bar], "accuracy")
    x, _ = labels(drawn)[long]
    assert x >= 6 * len(long)
    width = float(str(ElementTree.fromstring(drawn).get("viewBox")).split()[2])
    assert max(left for left, _ in labels(drawn).values()) <= width


@pytest.mark.parametrize(("low", "high"), [(None, None), (0.2, 0.8)])
def test_a_point_has_a_whisker_where_it_has_an_interval(
    low: float | None, high: float | None
) -> None:
    point = Point(line="a", x=1, n=5, value=0.5, low=low, high=high, colour=0)
    drawn = curves([point], "round", "accuracy")
    assert len(re.findall('class="whisker c0"', drawn)) == (low is not None)
    assert ("20.0% to 80.0%" in drawn) == (low is not None)
    assert "a, round 1: 50.0%" in drawn
