"""The nouns of an evaluation: a task, and the samples it asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Source = Literal["released", "edited", "generated"]
"""Edited: files named as released that hold something else. No table mixes two sources."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One question, with all that was told before it.

    `facts` are (line number, text) in order; `supports` the line numbers of the gold evidence,
    which only the oracle arm may look at. `ordered` is set where the order of the answers counts.
    """

    id: str
    story: str
    facts: tuple[tuple[int, str], ...]
    question: str
    gold: tuple[str, ...]
    supports: tuple[int, ...]
    ordered: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """Samples to ask, and training samples to draw worked examples from; they share no story."""

    name: str
    source: Source
    split: str
    asked: Sequence[Sample]
    training: Sequence[Sample]
    sha256: str

    @property
    def vocabulary(self) -> frozenset[str]:
        """Every answer word of the training samples."""
        return frozenset(word for sample in self.training for word in sample.gold)
