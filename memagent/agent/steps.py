"""Steps of a turn: frozen values that render themselves for a log and a trace."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from memagent.types import Answer, Recollection


@dataclass(frozen=True, slots=True)
class Recalled:
    """Memories were recalled."""

    recollection: Recollection

    def line(self) -> str:
        """Return what happened, in one line."""
        found, hops = len(self.recollection.hits), len(self.recollection.queries)
        return f"recalled {found} of {self.recollection.candidates} memories in {hops} hops"

    def trace(self) -> dict[str, Any]:
        """Return what happened as JSON can hold it."""
        ids = [hit.record.id for hit in self.recollection.hits]
        trace = {"step": "recalled", "ids": ids, "queries": list(self.recollection.queries)}
        about = [line.id for line in self.recollection.about_user]
        return trace | ({"profile": about} if about else {})


@dataclass(frozen=True, slots=True)
class TextChunk:
    """Piece of the model's answer."""

    text: str

    def line(self) -> str:
        """Return what happened, in one line."""
        return f"said {self.text!r}"

    def trace(self) -> dict[str, Any]:
        """Return what happened as JSON can hold it."""
        return {"step": "said", "text": self.text}


@dataclass(frozen=True, slots=True)
class InvalidCall:
    """Reply of the model that is no call and no answer; `reason` says why."""

    text: str
    reason: str

    def line(self) -> str:
        """Return what happened, in one line."""
        return f"thought {self.text!r}: {self.reason}"

    def trace(self) -> dict[str, Any]:
        """Return what happened as JSON can hold it."""
        return {"step": "thought", "text": self.text, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """Tool call of the model."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """Return what happened, in one line."""
        return f"{self.name}({json.dumps(dict(self.arguments))})"

    def trace(self) -> dict[str, Any]:
        """Return what happened as JSON can hold it."""
        return {"step": "acted", "tool": self.name, "arguments": dict(self.arguments)}


@dataclass(frozen=True, slots=True)
class ToolReturned:
    """Result of a tool, or the reason why it failed."""

    name: str
    text: str
    failed: bool = False
    seconds: float = 0.0

    def line(self) -> str:
        """Return what happened, in one line."""
        return f"{self.name} {'failed' if self.failed else 'gave'} {self.text!r}"

    def trace(self) -> dict[str, Any]:
        """Return what happened as JSON can hold it."""
        return {"step": "observed", "tool": self.name, "text": self.text, "failed": self.failed}


@dataclass(frozen=True, slots=True)
class Answered:
    """Answer of the model; nothing of the turn is saved yet."""

    answer: Answer

    def line(self) -> str:
        """Return what happened, in one line."""
        return f"answered {self.answer.answer!r} from {len(self.answer.memories)} memories"

    def trace(self) -> dict[str, Any]:
        """Return what happened as JSON can hold it."""
        answer = self.answer
        return {"step": "answered", "text": answer.answer, "memories": list(answer.memories)}


@dataclass(frozen=True, slots=True)
class Saved:
    """Turn saved; its answer names the records."""

    answer: Answer

    def line(self) -> str:
        """Return what happened, in one line."""
        return f"wrote {', '.join(self.answer.turn) or 'nothing'}"

    def trace(self) -> dict[str, Any]:
        """Return what happened as JSON can hold it."""
        return {"step": "wrote", "ids": list(self.answer.turn)}


Step = Recalled | TextChunk | InvalidCall | ToolCalled | ToolReturned | Answered | Saved
