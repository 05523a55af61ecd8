"""Embedder that all arms of a run share, so that each text is embedded once."""

import threading
from weakref import WeakKeyDictionary

from langchain_core.embeddings import Embeddings

from memagent.evals.arm import Parts
from memagent.memory.memory import Memory


class SharedEmbedder(Embeddings):
    """The vectors of a memory's embedder: of texts from the memory's cache, of queries from RAM.

    Vectors have length one.
    """

    def __init__(self, memory: Memory) -> None:
        self._engine = memory.engine
        self._queries: dict[str, list[float]] = {}

    @property
    def name(self) -> str:
        """The embedder's name."""
        return self._engine.encoder.name

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return one vector a text."""
        vectors: list[list[float]] = self._engine.embed(texts).tolist() if texts else []
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a query."""
        if text not in self._queries:
            self._queries[text] = self._engine.encoder.query(text).tolist()
        return self._queries[text]


_SHARED: WeakKeyDictionary[Memory, SharedEmbedder] = WeakKeyDictionary()
_SHARING = threading.Lock()


def shared_embedder(parts: Parts) -> SharedEmbedder:
    """Return the embedder that the arms of a run share, of which these are the parts."""
    with _SHARING:
        return _SHARED.setdefault(parts.memory, SharedEmbedder(parts.memory))
