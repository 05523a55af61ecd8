"""The figures of `store.py` as pictures.

    python bench/plots.py runs/store/store.json [--out docs]

Writes store.png (each cost against the number of records) and store-growth.png (what a record costs
to add as the store grows).
"""

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import report
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

COLOURS = {
    "limit": "#222222",
    "memagent": "#d1495b",
    "memagent-hybrid": "#edae49",
    "chroma": "#00798c",
    "lancedb": "#30638e",
    "qdrant": "#8c6bb1",
    "langgraph-memory": "#7fb069",
    "langgraph-sqlite": "#2e6f40",
    "mem0": "#a07855",
}
SEARCHES = "search"
"""Begins the titles of panels where searching by words too makes a difference."""
PANELS: tuple[tuple[str, report.Figure, float], ...] = (
    ("add in batches, microseconds a record", report.add_seconds, 1e6),
    ("add one by one, milliseconds", report.single_seconds, 1e3),
    ("search p50, milliseconds", report.search_seconds(50), 1e3),
    ("search p95, milliseconds", report.search_seconds(95), 1e3),
    ("reopen to first answer, seconds", report.first_answer, 1.0),
    ("peak memory over imports, MiB", report.peak_over_imports, 1 / report.MIB),
)
BINS = 40
NARROW = 200
"""Below so large a ratio of its ends, a scale has more than the tenfolds marked."""


def draw_costs(found: dict[str, Any]) -> Figure:
    """Draw one panel a cost, a line a store; cases with the most common number of users."""
    cases = {(run["size"], run["users"]) for run in found["runs"]}
    (users, _), *_ = Counter(users for _, users in cases).most_common(1)
    tables = [report.Table(found, case) for case in sorted(cases) if case[1] == users]
    figure = Figure(figsize=(12, 7), layout="constrained")
    for axes, (title, cost, unit) in zip(figure.subplots(2, 3).flat, PANELS, strict=True):
        for name in COLOURS:
            if name == "memagent-hybrid" and not title.startswith(SEARCHES):
                continue
            points = [(table.size, table.median(name, cost)) for table in tables]
            known = [(size, unit * value) for size, value in points if value]
            line(axes, name, known, marker="o")
        finish(axes, title)
        axes.xaxis.set_major_locator(FixedLocator([table.size for table in tables]))
    figure.suptitle(f"What each store costs, by records held; users: {users:,}; lower is better")
    legend(figure)
    return figure


def draw_growth(found: dict[str, Any]) -> Figure:
    """Draw what a record costs to add in batches as the store of the largest case grows."""
    table = report.Table(found, max((run["size"], run["users"]) for run in found["runs"]))
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    edges = np.geomspace(100, table.size, BINS)
    for name in [one for one in COLOURS if one in table.systems and one != "memagent-hybrid"]:
        curves = [growth(run, edges) for run in table.of(name)]
        middle = [report.median(column) for column in zip(*curves, strict=True)]
        known = [(x, 1e6 * y) for x, y in zip(edges, middle, strict=True) if y is not None]
        line(axes, name, known)
    finish(axes, f"microseconds to add a record, on the way to {table.size:,}")
    legend(figure)
    return figure


def growth(run: report.Run, edges: np.ndarray) -> list[float | None]:
    """Return seconds a record for the batches that ended between an edge and the one before."""
    counts, seconds = np.array(run["batches"]).T
    place = np.searchsorted(edges, np.cumsum(counts))
    held = np.bincount(place, weights=counts, minlength=len(edges) + 1)[: len(edges)]
    spent = np.bincount(place, weights=seconds, minlength=len(edges) + 1)[: len(edges)]
    return [float(s / n) if n else None for s, n in zip(spent, held, strict=True)]


def line(axes: Axes, name: str, points: list[tuple[float, float]], marker: str = "") -> None:
    """Draw one store; the limit dashed, ours thick."""
    style = "--" if name == "limit" else "-"
    width = 2.5 if name.startswith("memagent") else 1.5
    sizes, values = [size for size, _ in points], [value for _, value in points]
    if points:
        axes.plot(sizes, values, style, marker=marker, lw=width, color=COLOURS[name], label=name)


def finish(axes: Axes, title: str) -> None:
    """Name the panel, and give both axes a logarithmic scale in plain numbers."""
    axes.set(title=title, xlabel="records", xscale="log", yscale="log")
    axes.title.set_fontsize(10)
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < NARROW else (1,)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(lambda value, _: f"{value:,.6g}")
    axes.grid(visible=True, which="major", color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def legend(figure: Figure) -> None:
    """Put one legend below all panels."""
    named = {
        text: handle
        for axes in figure.axes
        for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=5, frameon=False)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("figures", type=Path, help="the store.json of a measurement")
    parser.add_argument("--out", type=Path, default=Path("docs"), help="folder for the pictures")
    arguments = parser.parse_args()
    matplotlib.use("agg")
    try:
        found = json.loads(arguments.figures.read_text())
    except (OSError, ValueError) as error:
        parser.exit(2, f"plots: cannot read the figures: {error}\n")
    if not found["runs"]:
        parser.exit(2, "plots: the file holds no runs\n")
    draw_costs(found).savefig(arguments.out / "store.png", dpi=130)
    draw_growth(found).savefig(arguments.out / "store-growth.png", dpi=130)


if __name__ == "__main__":
    main()
