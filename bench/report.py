"""The figures of `store.py` as Markdown tables.

python bench/report.py runs/store/store.json
"""

import json
import statistics
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

MIB = 2**20
MARKS = (1_000, 10_000, 100_000, 1_000_000)
TICK = 0.001
"""Upkeep below so many seconds is none."""
WINDOW = 0.2
"""The time of an add at a size is taken over so large a share of the records before it."""

Run = dict[str, Any]
Figure = Callable[[Run], float | None]


def add_seconds(run: Run) -> float:
    """Seconds a record, in batches."""
    return float(sum(s for _, s in run["batches"]) / sum(n for n, _ in run["batches"]))


def single_seconds(run: Run) -> float:
    """Seconds a record, one by one."""
    return statistics.mean(run["singles"])


def search_seconds(percent: float) -> Figure:
    """Return a figure: a percentile of the seconds of a search."""
    return lambda run: float(np.percentile([s for _, s in run["searches"]], percent))


def first_answer(run: Run) -> float | None:
    """Seconds from opening in a new process to the first answer."""
    return float(run["reopen"]["first_answer"]) if "reopen" in run else None


def peak_over_imports(run: Run) -> float:
    """Bytes that were resident at most, less what the imports had taken before."""
    return float(run["memory_peak"] - run["memory_before"])


def mean_recall(run: Run) -> float:
    """Recall over all queries."""
    return statistics.mean(one for found in run["recalls"].values() for one in found)


def worst_recall(run: Run) -> float:
    """Recall in the user's scope where it is lowest."""
    return min(statistics.mean(found) for found in run["recalls"].values())


def seconds_at(run: Run, mark: int) -> float | None:
    """Seconds an added record took when the store held about so many."""
    held, seconds, count = 0, 0.0, 0
    for records, spent in run["batches"]:
        held += records
        if (1 - WINDOW) * mark < held <= mark:
            seconds, count = seconds + spent, count + records
    return seconds / count if count and held >= mark else None


def median(figures: Iterable[float | None]) -> float | None:
    """Return the median, or None if there is none."""
    known = [one for one in figures if one is not None]
    return statistics.median(known) if known else None


class Table:
    """The runs of one case: a size and a number of users."""

    def __init__(self, found: dict[str, Any], case: tuple[int, int]) -> None:
        self.size, self.users = case
        self._runs = [run for run in found["runs"] if (run["size"], run["users"]) == case]
        self.systems = list(dict.fromkeys(run["system"] for run in self._runs))
        self.left_out = [one for one in found["left_out"] if (one["size"], one["users"]) == case]

    def of(self, system: str) -> list[Run]:
        """Return a store's runs, by repeat."""
        return [run for run in self._runs if run["system"] == system]

    def median(self, system: str, figure: Figure) -> float | None:
        """Return the median of a figure over the repeats."""
        return median(figure(run) for run in self.of(system))

    def ratios(self, system: str, figure: Figure) -> list[float]:
        """Return the ratios of a figure to the limit's of the same repeat."""
        limit = {run["repeat"]: figure(run) for run in self.of("limit")}
        pairs = [(figure(run), limit.get(run["repeat"])) for run in self.of(system)]
        return [own / least for own, least in pairs if own is not None and least]

    def times(self, system: str, figure: Figure) -> str:
        """Return the median ratio and, in brackets, the range."""
        found = self.ratios(system, figure)
        if not found:
            return "-"
        middle, low, high = statistics.median(found), min(found), max(found)
        return f"{short(middle)} ({short(low)}-{short(high)})"

    def writing(self) -> list[str]:
        """Return the table of what writing costs."""
        head = (
            "store | promise | add/s | x limit | single add/s | x limit | upkeep s"
            " | bytes a record | peak MiB | over imports"
        )
        rows = []
        for name in self.systems:
            batch, single = self.median(name, add_seconds), self.median(name, single_seconds)
            peak = self.median(name, lambda run: run["memory_peak"])
            extra = self.median(name, peak_over_imports)
            persistent = any("reopen" in run for run in self.of(name))
            size = self.median(name, lambda run: run["bytes"] / run["records"])
            upkeep = self.median(name, lambda run: run["settle"]) or 0
            rows.append(
                [
                    name,
                    self.of(name)[0]["promise"],
                    f"{1 / (batch or 1):,.0f}",
                    self.times(name, add_seconds),
                    f"{1 / (single or 1):,.0f}",
                    self.times(name, single_seconds),
                    short(upkeep) if upkeep > TICK else "-",
                    f"{size:,.0f}" if persistent else "-",
                    f"{(peak or 0) / MIB:,.0f}",
                    f"{(extra or 0) / MIB:,.0f}",
                ]
            )
        return markdown(head, rows)

    def reading(self) -> list[str]:
        """Return the table of what reading costs, and how right it is."""
        head = (
            "store | search p50 ms | x limit | p95 ms | x limit | recall | worst scope"
            " | reopen to answer s | x limit | MiB after"
        )
        rows = []
        for name in self.systems:
            halves, tails = search_seconds(50), search_seconds(95)
            ranked = self.of(name)[0]["exact_ranking"]
            rows.append(
                [
                    name,
                    short(1000 * (self.median(name, halves) or 0)),
                    self.times(name, halves),
                    short(1000 * (self.median(name, tails) or 0)),
                    self.times(name, tails),
                    f"{self.median(name, mean_recall):.3f}" if ranked else "by words too",
                    f"{self.median(name, worst_recall):.3f}" if ranked else "-",
                    short(self.median(name, first_answer)),
                    self.times(name, first_answer),
                    f"{(self.median(name, lambda run: run['memory_after']) or 0) / MIB:,.0f}",
                ]
            )
        return markdown(head, rows)

    def growth(self) -> list[str]:
        """Return the table of what a record costs to add when the store holds so many."""
        marks = [mark for mark in MARKS if mark < self.size] + [self.size]
        rows = [
            [name, *(self._microseconds(name, mark) for mark in marks)] for name in self.systems
        ]
        return markdown(" | ".join(["store", *(f"at {mark:,}" for mark in marks)]), rows)

    def _microseconds(self, name: str, mark: int) -> str:
        seconds = self.median(name, lambda run: seconds_at(run, mark))
        return "-" if seconds is None else f"{1e6 * seconds:,.0f}"


def render(found: dict[str, Any]) -> str:
    """Return everything measured as Markdown."""
    cases = list(dict.fromkeys((run["size"], run["users"]) for run in found["runs"]))
    lines = [*preamble(found)]
    for case in cases:
        table = Table(found, case)
        lines += ["", f"## {table.size:,} records, users: {table.users:,}", "", *table.writing()]
        lines += ["", *table.reading()]
        gone = [f"- {one['system']} left out: {one['why']}." for one in table.left_out]
        lines += ["", *gone] if gone else []
    if cases:
        largest = Table(found, max(cases))
        lines += ["", f"## Microseconds to add a record, on the way to {largest.size:,}", ""]
        lines += [*largest.growth(), *end_to_end(found)]
    return "\n".join(lines) + "\n"


def preamble(found: dict[str, Any]) -> list[str]:
    """Return what was measured on, with which versions, and what the columns mean."""
    machine, asked = found["machine"], found["settings"]
    versions = {name: one for run in found["runs"] for name, one in run["versions"].items()}
    named = ", ".join(f"{name} {one}" for name, one in sorted(versions.items()))
    return [
        "# The store beside its peers",
        "",
        f"{machine['cores']} cores, {machine['memory_bytes'] / 2**30:.0f} GiB, {machine['system']}"
        f" {machine['architecture']}, Python {machine['python']}, SQLite {machine['sqlite']}.",
        f"{named}.",
        "",
        f"Medians of {asked['repeats']} repeats; `x limit` is how many times as long it took as the"
        " limit in the same repeat, the median and in brackets the range.",
        f"{asked['vectors'].capitalize()} vectors, batches of {asked['batch']},"
        f" {asked['singles']} single adds, {asked['queries']} queries with k={asked['k']}, each in"
        " one user's scope.",
        "Promise: what is on the disk when an add returns. Upkeep: what is asked for after loading,"
        " not counted in add/s. Reopening is in a new process, files still in the page cache.",
    ]


def end_to_end(found: dict[str, Any]) -> list[str]:
    """Return the table of what the real embedder leaves to the store."""
    if not found["end_to_end"]:
        return []
    rows = [
        [
            f"{one['size']:,}",
            *(
                f"{100 * (1 - one[verb]['embedding'] / one[verb]['seconds']):.1f}%"
                for verb in ("add_many", "add", "search")
            ),
        ]
        for one in found["end_to_end"]
    ]
    head = "records | add_many, 100 at a time | add, one at a time | search"
    return ["", "## Share of the time that is not embedding", "", *markdown(head, rows)]


def short(figure: float | None) -> str:
    """Return a figure with two or three digits that count."""
    if figure is None:
        return "-"
    if figure < 1:
        return f"{figure:.2g}"
    return f"{figure:,.{2 if figure < 10 else 1 if figure < 100 else 0}f}"


def markdown(head: str, rows: list[list[str]]) -> list[str]:
    """Return a Markdown table."""
    columns = head.count("|") + 1
    return [f"| {head} |", "|" + "---|" * columns, *(f"| {' | '.join(row)} |" for row in rows)]


if __name__ == "__main__":
    print(render(json.loads(Path(sys.argv[1]).read_text())))
