"""Store under test: what a peer has to do, and the place that it is opened in."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from memagent.evals.tasks.conversations.conversation import Turn

Vectors = NDArray[np.float32]
"""Vectors of unit length: (dimensions,) of a question, (turns, dimensions) of a conversation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """An empty folder for a store, and the embedder of all stores for one that embeds by itself."""

    folder: Path
    embedder: Embeddings
    dimensions: int


class Store(Protocol):
    """Store that others wrote, with the settings it comes with.

    A conversation is named by a short text of digits, and written before it is searched.
    """

    def write(self, conversation: str, turns: Sequence[Turn], vectors: Vectors) -> None:
        """Write the turns of a conversation, of which there is at least one."""
        ...

    def find(self, conversation: str, text: str, vector: Vectors, k: int) -> list[str]:
        """Return the ids of at most `k` turns of a conversation, best first."""
        ...

    def close(self) -> None:
        """Close the store, whose folder is then deleted."""
        ...


def unit(vectors: Any) -> Vectors:
    """Return vectors as 32-bit numbers of unit length."""
    array: Vectors = np.asarray(vectors, dtype=np.float32)
    norms: Vectors = np.linalg.norm(array, axis=-1, keepdims=True)
    norms[norms == 0] = 1
    return array / norms
