"""Task of an evaluation: the samples it asks, and how an answer is graded."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

_WORD = re.compile(r"\w+")
Source = Literal["released", "edited", "generated"]
"""Edited: a file named as released holds something else. No table mixes two sources."""


class TaskName(Protocol):
    """The name, the source and the split of a task."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def source(self) -> str: ...  # noqa: D102
    @property
    def split(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One question, with the facts that came before it.

    `facts` are (line number, text) in order; `supports` the line numbers of the gold evidence,
    which only the oracle arm may read. `ordered` is set where the order of the answers counts.
    `category` is the data set's name for the kind of question, where it has kinds; it is not in the
    `repr`, of which some data's digests are made.
    """

    id: str
    story: str
    facts: tuple[tuple[int, str], ...]
    question: str
    gold: tuple[str, ...]
    supports: tuple[int, ...]
    ordered: bool = False
    category: str = field(default="", repr=False)


Grade = Callable[["Task", Sample, str], Mapping[str, float]]
"""A task, a sample of it and a prediction in; grades from 0 to 1 by name out, the task's first."""


def is_right(grades: Mapping[str, float]) -> bool:
    """Say whether an answer with these grades is right: whether the first of them is 1."""
    return next(iter(grades.values())) == 1.0


def exact_mention(
    prediction: str, gold: Sequence[str], vocabulary: Collection[str], *, ordered: bool = False
) -> bool:
    """Say whether a prediction mentions the gold answers and no other answer of the task.

    Small models answer in sentences ("Mary is in the garden."), so words outside the vocabulary do
    not count, while naming two places where one is right does. With `ordered` the mentions must
    come in the gold order.
    """
    answers = {word.lower() for word in (*vocabulary, *gold)}
    mentioned = [word for word in _WORD.findall(prediction.lower()) if word in answers]
    expected = [word.lower() for word in gold]
    if not expected:
        return False
    return mentioned == expected if ordered else set(mentioned) == set(expected)


def mention(task: "Task", sample: Sample, prediction: str) -> dict[str, float]:
    """Grade by whether the prediction mentions the gold answers, and no other of the task's."""
    right = exact_mention(prediction, sample.gold, task.vocabulary, ordered=sample.ordered)
    return {"exact_mention": float(right)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """Samples to ask, and training samples to draw few-shot examples from; they share no story.

    An answer is right whose first grade is 1. `edited` names the files that are named as released
    ones but hold something else. `left_out` counts, by reason, what the files hold and is not
    asked.
    """

    name: str
    source: Source
    split: str
    asked: Sequence[Sample]
    training: Sequence[Sample]
    sha256: str
    grade: Grade = mention
    edited: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)

    def left_out_note(self) -> str:
        """Return in a line what is left out, by reason; empty where nothing is."""
        counts = ", ".join(f"{reason} ({count:,})" for reason, count in self.left_out.items())
        return f"left out of {self.name}: {counts}" if counts else ""

    @property
    def vocabulary(self) -> frozenset[str]:
        """Every answer word of the training samples."""
        return frozenset(word for sample in self.training for word in sample.gold)
