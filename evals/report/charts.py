"""Charts of results as SVG text, in the colours and fonts of the page around them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log2, log10
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from memagent.evals.suite import Drawing, Tables

COLOURS = 8
"""Number of colours of the page, as the classes `c0` to `c7`."""
_BAR_WIDTH, _BAR_HEIGHT, _LABEL = 300, 20, 82
_WIDTH, _HEIGHT = 460, 290
_LEFT, _RIGHT, _TOP, _BOTTOM = 42, 84, 12, 42
_LINE, _NEAR, _LETTER = 13, 80, 7
"""Pixels: between two labels, from where on two are beside one another, and of a letter."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """A proportion with its interval; `colour` is a number, `link` where a click leads."""

    label: str
    value: float
    low: float
    high: float
    colour: int
    link: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Spot:
    """A named point of a plane: x from 0, y from 0 to 1."""

    label: str
    x: float
    y: float
    colour: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A point of a line of that name: a share of `n` at x, with its interval if it has one."""

    line: str
    x: float
    n: int
    value: float
    low: float | None
    high: float | None
    colour: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RatioPoint:
    """A value at a compression ratio of at least 1; points of one `series` are joined by a line."""

    label: str
    series: str
    ratio: float
    value: float
    low: float
    high: float
    colour: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """A value that holds at every ratio, drawn across."""

    label: str
    value: float
    colour: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CurveChart:
    """A chart of lines: its points, the name of its x axis, and what it is of."""

    title: str
    x_name: str
    points: Sequence[Point]

    def drawing(self) -> Drawing:
        """Return the chart as a drawing for a report."""
        return Drawing(title=self.title, svg=curves(self.points, self.x_name, self.title))


def rows_with(tables: Tables, name: str, columns: Collection[str]) -> list[Mapping[str, Any]]:
    """Return the rows of a table that have these columns, none where there is no such table.

    Another suite may have a table of that name that holds something else.
    """
    return [row for row in tables.get(name, ()) if set(columns) <= row.keys()]


def bars(items: Sequence[Bar], title: str, mark: float | None = None) -> str:
    """Draw proportions as bars with whiskers, below one another; a broken line is the `mark`."""
    height = _BAR_HEIGHT * len(items) + 18
    left = max([_LABEL, *(_LETTER * len(item.label) + 12 for item in items)])
    span = max(_BAR_WIDTH - left - 40, _LABEL)
    root = _root(left + span + 40, height, title)

    def at(value: float) -> float:
        return left + value * span

    for tick in (0.0, 0.5, 1.0):
        _line(root, at(tick), 0, at(tick), height - 16, "grid")
        _text(root, at(tick), height - 4, f"{tick:.0%}", "middle")
    if mark is not None:
        _line(root, at(mark), 0, at(mark), height - 16, "mark")
    for number, item in enumerate(items):
        middle = number * _BAR_HEIGHT + _BAR_HEIGHT / 2
        link = SubElement(root, "a", {"href": item.link})
        SubElement(
            link, "title"
        ).text = f"{item.label}: {item.value:.1%} ({item.low:.1%} to {item.high:.1%})"
        _text(link, left - 6, middle + 4, item.label, "end", "label")
        _rect(link, at(0), middle - 6, max(1.0, item.value * span), 12, f"bar c{item.colour}")
        _whisker(link, at(item.low), at(item.high), middle)
        _text(link, at(1) + 38, middle + 4, f"{item.value:.0%}", "end", "label")
    return _svg(root)


def spots(points: Sequence[Spot], x_name: str, y_name: str) -> str:
    """Draw named points: a score against a cost."""
    width = _wide_enough([point.label for point in points])
    root = _root(width, _HEIGHT, f"{y_name} against {x_name}")
    most = max((point.x for point in points), default=0.0)
    ticks = _axes(root, most, x_name)
    placed: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda point: -point.y):
        x, y = _x(point.x, ticks[-1]), _y(point.y)
        dot = SubElement(
            root, "circle", {"cx": _n(x), "cy": _n(y), "r": "5", "class": f"dot c{point.colour}"}
        )
        SubElement(dot, "title").text = f"{point.label}: {point.y:.1%} at {point.x:.4g} {x_name}"
        _text(root, x + 9, _free(placed, x, y) + 4, point.label, "start", "label")
    return _svg(root)


def curves(points: Sequence[Point], x_name: str, title: str) -> str:
    """Draw shares against x, a curve a line, with each point's interval."""
    root = _root(_wide_enough([point.line for point in points]), _HEIGHT, title)
    whole = all(point.x == int(point.x) for point in points)
    ticks = _axes(root, max((point.x for point in points), default=0.0), x_name, whole=whole)
    placed: list[tuple[float, float]] = []
    for line in dict.fromkeys(point.line for point in points):
        curve = sorted((point for point in points if point.line == line), key=lambda point: point.x)
        places = [(_x(point.x, ticks[-1]), _y(point.value)) for point in curve]
        path = " ".join(f"{_n(x)},{_n(y)}" for x, y in places)
        SubElement(root, "polyline", {"points": path, "class": f"curve c{curve[0].colour}"})
        for (x, y), point in zip(places, curve, strict=True):
            between = ""
            if point.low is not None and point.high is not None:
                _line(root, x, _y(point.low), x, _y(point.high), f"whisker c{point.colour}")
                between = f" ({point.low:.1%} to {point.high:.1%})"
            dot = SubElement(
                root,
                "circle",
                {"cx": _n(x), "cy": _n(y), "r": "4", "class": f"dot c{point.colour}"},
            )
            SubElement(
                dot, "title"
            ).text = (
                f"{line}, {x_name} {point.x:g}: {point.value:.1%}{between}, {point.n} questions"
            )
        x, y = places[-1]
        _text(root, x + 9, _free(placed, x, y) + 4, line, "start", "label")
    return _svg(root)


def ratio_curve(points: Sequence[RatioPoint], levels: Sequence[Level], y_name: str) -> str:
    """Draw a value from 0 to 1 by compression ratio (by powers of two), with intervals."""
    root = _root(_WIDTH, _HEIGHT, f"{y_name} by compression ratio")
    doublings = max(1, ceil(log2(max(point.ratio for point in points))))

    def at(ratio: float) -> float:
        return _x(log2(max(1.0, ratio)), doublings)

    _shares(root)
    for power in range(doublings + 1):
        _line(root, at(2**power), _TOP, at(2**power), _HEIGHT - _BOTTOM, "grid")
        _text(root, at(2**power), _HEIGHT - _BOTTOM + 16, f"{2**power}x", "middle")
    _text(root, (_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, "compression ratio", "middle", "label")
    placed: list[tuple[float, float]] = []
    for level in sorted(levels, key=lambda level: -level.value):
        y = _y(level.value)
        _line(root, _LEFT, y, _WIDTH - _RIGHT, y, f"level c{level.colour}")
        _text(root, _LEFT + 4, _free(placed, _LEFT, y) - 3, level.label, "start", "label")
    for series in dict.fromkeys(point.series for point in points):
        joined = sorted(
            (point for point in points if point.series == series), key=lambda point: point.ratio
        )
        path = " ".join(f"{_n(at(point.ratio))},{_n(_y(point.value))}" for point in joined)
        SubElement(root, "polyline", {"points": path, "class": f"curve c{joined[0].colour}"})
        for point in joined:
            x, y = at(point.ratio), _y(point.value)
            _line(root, x, _y(point.low), x, _y(point.high), f"whisker c{point.colour}")
            place = {"cx": _n(x), "cy": _n(y), "r": "4", "class": f"dot c{point.colour}"}
            SubElement(SubElement(root, "circle", place), "title").text = (
                f"{point.label}: {point.value:.1%} ({point.low:.1%} to {point.high:.1%})"
                f" at {point.ratio:.1f}x"
            )
        x, y = at(joined[-1].ratio), _y(joined[-1].value)
        _text(root, x + 9, _free(placed, x, y) + 4, series, "start", "label")
    return _svg(root)


def ticks_to(most: float, *, whole: bool = False) -> list[float]:
    """Return round numbers from 0 to at least `most`, up to seven; with `whole`, no fractions."""
    if most <= 0:
        return [0.0, 1.0] if whole else [0.0, 0.5, 1.0]
    size = 10 ** floor(log10(most))
    steps = [size * part for part in (0.2, 0.25, 0.5, 1, 2)]
    fitting = [step for step in steps if most / step <= 6]
    step = next(step for step in fitting if not whole or step == int(step))
    ticks = [0.0]
    while ticks[-1] < most * (1 - 1e-9):
        ticks.append(step * len(ticks))
    return ticks


def _shares(root: Element) -> None:
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        _line(root, _LEFT, _y(tick), _WIDTH - _RIGHT, _y(tick), "grid")
        _text(root, _LEFT - 6, _y(tick) + 4, f"{tick:.0%}", "end")


def _axes(root: Element, most: float, x_name: str, *, whole: bool = False) -> list[float]:
    _shares(root)
    ticks = ticks_to(most, whole=whole)
    for tick in ticks:
        x = _x(tick, ticks[-1])
        _line(root, x, _TOP, x, _HEIGHT - _BOTTOM, "grid")
        _text(root, x, _HEIGHT - _BOTTOM + 16, f"{tick:g}", "middle")
    _text(root, (_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, x_name, "middle", "label")
    return ticks


def _wide_enough(labels: Sequence[str]) -> int:
    """Return the width of a drawing whose labels stand at the right of its axes."""
    return _WIDTH + max([0, *(_LETTER * len(label) + 12 - _RIGHT for label in labels)])


def _free(placed: list[tuple[float, float]], x: float, y: float) -> float:
    """Return where nearest to y a label has room, within the axes, and take that place."""

    def taken(at: float) -> bool:
        return any(abs(x - left) < _NEAR and abs(at - top) < _LINE for left, top in placed)

    ways = (y + sign * far for far in range(_HEIGHT) for sign in (1, -1))
    found = next((at for at in ways if _TOP <= at <= max(y, _y(0)) and not taken(at)), y)
    placed.append((x, found))
    return found


def _x(value: float, most: float) -> float:
    return _LEFT + value / most * (_WIDTH - _LEFT - _RIGHT)


def _y(value: float) -> float:
    return _TOP + (1 - value) * (_HEIGHT - _TOP - _BOTTOM)


def _root(width: int, height: int, title: str) -> Element:
    return Element("svg", {"viewBox": f"0 0 {width} {height}", "role": "img", "aria-label": title})


def _rect(parent: Element, x: float, y: float, width: float, height: float, kind: str) -> None:
    size = {"width": _n(width), "height": _n(height)}
    SubElement(parent, "rect", {"x": _n(x), "y": _n(y), "class": kind} | size)


def _line(parent: Element, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
    ends = {"x1": _n(x1), "y1": _n(y1), "x2": _n(x2), "y2": _n(y2)}
    SubElement(parent, "line", ends | {"class": kind})


def _whisker(parent: Element, low: float, high: float, y: float) -> None:
    _line(parent, low, y, high, y, "whisker")
    for end in (low, high):
        _line(parent, end, y - 3, end, y + 3, "whisker")


def _text(parent: Element, x: float, y: float, text: str, anchor: str, kind: str = "tick") -> None:
    place = {"x": _n(x), "y": _n(y), "text-anchor": anchor, "class": kind}
    SubElement(parent, "text", place).text = text


def _n(number: float) -> str:
    return f"{number:.1f}"


def _svg(root: Element) -> str:
    return tostring(root, encoding="unicode", short_empty_elements=False)
