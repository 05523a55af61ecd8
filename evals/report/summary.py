"""Summary of a batch: the rows of all its runs, in a file for programs and a page for people."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memagent.errors import RunError
from memagent.evals.report.html import hashed, read_template, templates
from memagent.evals.report.tables import rows
from memagent.evals.runs.manifest import MANIFEST_FILE
from memagent.evals.runs.saved import open_saved
from memagent.files import make_private_folder, write_atomic

SUMMARY_FILE = "summary.json"
PAGE_FILE = "index.html"
REPORT_FILE = "report.html"
NOT_BEGUN = "not begun"
STOPPED = "stopped before its end"


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One suite of a batch: the rows of its run, and the problem that kept it from its end."""

    suite: str
    rows: Sequence[dict[str, Any]] = ()
    problem: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """Parts of a batch, in order; each suite's run is in the folder of that name."""

    folder: Path
    parts: Sequence[Part]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of all parts, each with its suite."""
        return [{"suite": part.suite, **row} for part in self.parts for row in part.rows]

    @property
    def problems(self) -> dict[str, str]:
        """Reasons why suites did not come to their end, by suite."""
        return {part.suite: part.problem for part in self.parts if part.problem}

    def to_dict(self) -> dict[str, Any]:
        """Return what `--json` prints, and the summary's file holds."""
        return {
            "run": str(self.folder),
            "suites": [part.suite for part in self.parts],
            "problems": self.problems,
            "rows": self.rows,
        }

    def write(self, path: Path | None = None) -> Path:
        """Write the file and the page, each at once or not at all, and return the page's path.

        Raises:
            RunError: one of them cannot be written.
        """
        page = path or self.folder / PAGE_FILE
        try:
            make_private_folder(self.folder)
            write_atomic(self.folder / SUMMARY_FILE, json.dumps(self.to_dict(), indent=2) + "\n")
            write_atomic(page, summary_page(self).encode("utf-8", "replace"))
        except OSError as error:
            raise RunError(
                f"cannot write the summary of {self.folder}: {error.strerror}"
            ) from error
        return page


def part_of(folder: Path, suite: str, problem: str | None = None) -> Part:
    """Return the part of a suite from its run in the batch's folder, if it has begun."""
    if not (folder / suite / MANIFEST_FILE).exists():
        return Part(suite=suite, problem=problem or NOT_BEGUN)
    try:
        run = open_saved(folder / suite)
        table = rows(run.tasks, run.arms, run.scores, run.headline)
    except RunError as error:
        return Part(suite=suite, problem=str(error))
    return Part(suite=suite, rows=table, problem=problem)


def is_batch(folder: Path) -> bool:
    """Say whether a folder is that of a batch."""
    return (folder / SUMMARY_FILE).exists() and not (folder / MANIFEST_FILE).exists()


def open_summary(folder: Path) -> Summary:
    """Return the summary of a batch as its runs are now.

    Raises:
        RunError: its file is damaged.
    """
    path = folder / SUMMARY_FILE
    try:
        held: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        problems = dict(held["problems"])
        parts = [part_of(folder, str(suite), problems.get(suite)) for suite in held["suites"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is no summary of a batch: {error!r}") from error
    return Summary(folder=folder, parts=parts)


def summary_page(summary: Summary) -> str:
    """Return the summary as an HTML page that needs no network; it links to each suite's report."""
    from markupsafe import Markup

    style = read_template("report.css")
    sources: dict[str, list[dict[str, Any]]] = {}
    for row in summary.rows:
        sources.setdefault(row["source"], []).append(row)
    return (
        templates()
        .get_template("summary.html")
        .render(
            name=summary.folder.name,
            parts=summary.parts,
            sources=sources,
            report=REPORT_FILE,
            style=Markup(style),
            policy=f"default-src 'none'; style-src {hashed(style)}",
        )
    )
