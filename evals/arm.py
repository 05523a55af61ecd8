"""Arm of an evaluation: one way of answering, with its name, its parts and its reply."""

import re
import threading
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel

from memagent.errors import InvalidInput
from memagent.evals.task import Sample, Task
from memagent.memory.memory import Memory
from memagent.types import Answer

SHOTS = 3
"""Number of few-shot examples of an arm whose name does not say."""
_NAME = re.compile(
    r"(?P<kind>[a-z0-9-]+(?:\+[a-z][a-z0-9-]*)?)(?::(?P<size>\d+))?(?:\+(?P<shots>\d+))?"
)


@dataclass(frozen=True, slots=True, order=True)
class ArmName:
    """Full name of an arm: `window:10+3` shows the last 10 facts after 3 few-shot examples.

    A kind may be a variant of another, as in `memory+rules` or `memory+rules:5+3`.
    """

    kind: str
    size: int | None = None
    shots: int = SHOTS

    @classmethod
    def parse(cls, text: str, shots: int = SHOTS) -> "ArmName":
        """Read a name; one that does not say how many few-shot examples gets `shots`.

        Raises:
            InvalidInput: it is not such a name.
        """
        match = _NAME.fullmatch(text.strip())
        if match is None:
            raise InvalidInput(f"arm {text!r}: expected a name such as memory, window:10 or full+0")
        size, number = match["size"], match["shots"]
        return cls(match["kind"], int(size) if size else None, int(number) if number else shots)

    def check(self, kinds: Iterable[str]) -> None:
        """Check that the kind is one of some.

        Raises:
            InvalidInput: it is not.
        """
        if self.kind not in (known := tuple(kinds)):
            raise InvalidInput(f"{self.kind!r} is not one of {', '.join(known)}")

    def __str__(self) -> str:
        size = "" if self.size is None else f":{self.size}"
        return f"{self.kind}{size}+{self.shots}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """Parts that an arm is made from; the memory is the run's own, in its folder."""

    memory: Memory
    embedder: Embeddings
    model: BaseChatModel
    seed: int = 0
    folder: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """An answer, the texts the model was shown for it, and the share of the gold supports in them.

    `recall` is None where an arm searches for no evidence of its own. `marked` are the places in
    `shown` that are gold, from 0, and `left_out` counts what had no room in the model's context.
    `guarded` says whether a
    few-shot example was left out that is the question itself or a duplicate, and is None where the
    arm does not check. `setup` are the seconds that went into what serves further questions, too,
    such as writing a conversation; they do not count as the question's.
    """

    answer: Answer
    shown: tuple[str, ...] = ()
    recall: float | None = None
    marked: tuple[int, ...] = ()
    left_out: int = 0
    guarded: bool | None = None
    setup: float = 0.0


_RULES: "weakref.WeakKeyDictionary[Memory, Memory]" = weakref.WeakKeyDictionary()
_OPENING = threading.Lock()


def rules_memory(parts: Parts) -> Memory:
    """Return a memory that recalls by the English rules, the same for the same parts.

    It lies in the run's folder, or in RAM without one, and is closed with the run's own memory.
    """
    with _OPENING:
        if parts.memory not in _RULES:
            if parts.folder is None:
                opened = Memory.in_memory(embedder=parts.embedder, recall="rules")
            else:
                folder = parts.folder / "memory-rules"
                opened = Memory.open(folder, embedder=parts.embedder, recall="rules")
            _RULES[parts.memory] = opened
            weakref.finalize(parts.memory, opened.close)
        return _RULES[parts.memory]


class Arm(Protocol):
    """One way of answering a task's questions."""

    def ask(self, sample: Sample) -> Reply:
        """Answer a sample's question; the samples of one story must come in order."""
        ...


MakeArm = Callable[[ArmName, Task, Parts], Arm]
