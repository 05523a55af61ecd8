"""Memories under test that embed by themselves: mem0 and LangGraph's store."""

import os
from collections.abc import Sequence
from typing import Any

from langchain_core.embeddings import Embeddings

from memagent.errors import ConfigError
from memagent.evals.tasks.conversations.conversation import Turn
from memagent.evals.tasks.conversations.peers.store import Place, Vectors


class Mem0:
    """mem0 over its local Qdrant on disk, a user a conversation; nothing is inferred.

    A turn is a message with its role and its speaker's name. mem0 searches by vectors; only where
    spaCy and fastembed are installed, which its package does not bring along, does it search by
    words too, with models that those two download. Its telemetry is off.

    Raises:
        ConfigError: mem0 was imported before, with its telemetry on.
    """

    def __init__(self, place: Place) -> None:
        os.environ["MEM0_TELEMETRY"] = "False"
        os.environ["MEM0_DIR"] = str(place.folder / "home")
        from mem0 import Memory
        from mem0.memory.telemetry import MEM0_TELEMETRY

        if MEM0_TELEMETRY:  # which it reads once, when it is imported
            raise ConfigError(
                "mem0's telemetry is on: set MEM0_TELEMETRY=False before it is imported"
            )
        qdrant = {
            "collection_name": "turns",
            "embedding_model_dims": place.dimensions,
            "path": str(place.folder / "qdrant"),
            "on_disk": True,
        }
        unused = {"provider": "openai", "config": {"api_key": "unused"}}
        self._memory: Any = Memory.from_config(
            {
                "vector_store": {"provider": "qdrant", "config": qdrant},
                "llm": unused,
                "embedder": unused,
                "history_db_path": str(place.folder / "history.db"),
            }
        )
        self._memory.embedding_model = EmbedderOfMem0(place.embedder)

    def write(self, conversation: str, turns: Sequence[Turn], vectors: Vectors) -> None:
        """Add a conversation, a call a turn: all messages of a call have the same metadata."""
        for turn in turns:
            message = {"role": turn.role, "content": turn.shown}
            if turn.name:
                message["name"] = turn.name
            self._memory.add(
                [message], user_id=conversation, metadata={"turn": turn.id}, infer=False
            )

    def find(self, conversation: str, text: str, vector: Vectors, k: int) -> list[str]:
        """Return the turns of a conversation that mem0 finds, by id."""
        found = self._memory.search(text, filters={"user_id": conversation}, top_k=k)
        return [memory["metadata"]["turn"] for memory in found["results"]]

    def close(self) -> None:
        """Close mem0 and its Qdrant."""
        self._memory.close()
        self._memory.vector_store.client.close()


class EmbedderOfMem0:
    """Embedder with the two methods that mem0 calls, over one of LangChain's."""

    def __init__(self, embedder: Embeddings) -> None:
        self._embedder = embedder

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        """Return the vector of a text, which is to be added or searched for."""
        if memory_action == "search":
            return self._embedder.embed_query(text)
        return self._embedder.embed_documents([text])[0]

    def embed_batch(self, texts: list[str], memory_action: str = "add") -> list[list[float]]:
        """Return one vector a text."""
        return [self.embed(text, memory_action) for text in texts]


class LangGraph:
    """LangGraph's `InMemoryStore`, a namespace a conversation, with an index or without.

    Without an index it takes a query but does not use it: the turns that were written first come
    first.
    """

    def __init__(self, place: Place, *, indexed: bool) -> None:
        from langgraph.store.memory import InMemoryStore

        index: Any = {"dims": place.dimensions, "embed": place.embedder, "fields": ["text"]}
        self._store: Any = InMemoryStore(index=index if indexed else None)

    def write(self, conversation: str, turns: Sequence[Turn], vectors: Vectors) -> None:
        """Put a conversation, a call a turn: with an index, a batch takes no text twice."""
        for turn in turns:
            self._store.put((conversation,), turn.id, {"text": turn.shown})

    def find(self, conversation: str, text: str, vector: Vectors, k: int) -> list[str]:
        """Return the turns of a conversation that the store lists for a query, by id."""
        return [item.key for item in self._store.search((conversation,), query=text, limit=k)]

    def close(self) -> None:
        """Drop the items."""
        self._store = None
