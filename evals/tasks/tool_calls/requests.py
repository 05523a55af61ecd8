"""Requests to an assistant with tools: what is remembered, what is asked, and the calls it takes.

The file `data/requests.toml` has 40: ten are answered from what is remembered, the others need a
tool. Its lists are the kinds of requests.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from memagent.evals.metrics.answers import contained
from memagent.evals.task import Sample, Task

KINDS: Mapping[str, tuple[str, frozenset[str]]] = {
    "none": ("what is remembered answers it", frozenset()),
    "calculator": ("arithmetic", frozenset({"calculator", "python"})),
    "dates": (
        "days, weekdays and dates",
        frozenset({"today", "weekday", "date_difference", "date_add", "python"}),
    ),
    "search": ("notes that only a search lists", frozenset({"memory_search"})),
    "python": ("small programs", frozenset({"python", "calculator"})),
}
"""Kinds of requests: what each is about, and the tools that serve it."""
_FILE = Path(__file__).parent / "data" / "requests.toml"


@dataclass(frozen=True, kw_only=True, slots=True)
class Request(Sample):
    """One request; `calls` are calls (tool, arguments) that serve it, none where none is needed."""

    kind: str
    calls: tuple[tuple[str, Mapping[str, Any]], ...]
    today: date
    notes: tuple[str, ...]

    @property
    def tools(self) -> frozenset[str]:
        """Names of the tools that serve it; any other, or any at all without them, is needless."""
        return KINDS[self.kind][1]


def graded(task: Task, sample: Sample, prediction: str) -> dict[str, float]:
    """Grade by whether the answer holds the words of a gold answer."""
    return {"contained": contained(prediction, sample.gold)}


def tasks(kinds: list[str], name: str) -> list[Task]:
    """Return a task for each kind of requests, under the suite's `name`."""
    return [
        Task(
            name=f"{name}/{kind}",
            source="generated",
            split="test",
            asked=tuple(request for request in requests() if request.kind == kind),
            training=(),
            sha256=hashlib.sha256(_FILE.read_bytes()).hexdigest(),
            grade=graded,
        )
        for kind in kinds
    ]


@cache
def requests() -> tuple[Request, ...]:
    """Return the requests of the file, in order."""
    data = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    facts = tuple(enumerate(data["facts"], start=1))
    return tuple(
        Request(
            id=f"tool-calls/{kind}/{number}",
            story=f"tool-calls/{kind}/{number}",
            facts=facts,
            question=row["question"],
            gold=tuple(row["answer"]),
            supports=(),
            category=kind,
            kind=kind,
            calls=tuple((call["name"], call["arguments"]) for call in row.get("calls", ())),
            today=data["today"],
            notes=tuple(data["notes"]),
        )
        for kind in KINDS
        for number, row in enumerate(data[kind], start=1)
    )
