"""What an arm is called, what it gives back, and what it is made of."""

import re
from collections.abc import Callable
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
"""How many worked examples an arm shows whose name does not say."""
_NAME = re.compile(r"(?P<kind>[a-z0-9-]+)(?::(?P<size>\d+))?(?:\+(?P<shots>\d+))?")


@dataclass(frozen=True, slots=True, order=True)
class ArmName:
    """A way of asking, in full: `window:10+3` shows the last 10 facts after 3 worked examples."""

    kind: str
    size: int | None = None
    shots: int = SHOTS

    @classmethod
    def parse(cls, text: str, shots: int = SHOTS) -> "ArmName":
        """Read a name; one that does not say how many worked examples gets `shots`.

        Raises:
            InvalidInput: it is no such name.
        """
        found = _NAME.fullmatch(text.strip())
        if found is None:
            raise InvalidInput(f"arm {text!r}: expected a name such as memory, window:10 or full+0")
        size, own = found["size"], found["shots"]
        return cls(found["kind"], int(size) if size else None, int(own) if own else shots)

    def __str__(self) -> str:
        size = "" if self.size is None else f":{self.size}"
        return f"{self.kind}{size}+{self.shots}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What arms are made with; the memory is the run's own, in its folder."""

    memory: Memory
    embedder: Embeddings
    model: BaseChatModel
    seed: int = 0
    folder: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """An answer, what the model was shown for it, and the share of the gold supports in that.

    `recall` is None where nobody's own evidence was looked for. `guarded` tells whether a worked
    example was left out that is the question itself or a duplicate, None where nobody looked.
    """

    answer: Answer
    shown: tuple[str, ...] = ()
    recall: float | None = None
    guarded: bool | None = None


class Arm(Protocol):
    """One way of answering a task's questions."""

    def ask(self, sample: Sample) -> Reply:
        """Answer a sample's question; of one story, samples must come in order."""
        ...


MakeArm = Callable[[ArmName, Task, Parts], Arm]
