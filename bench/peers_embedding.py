"""The peers that embed by themselves: LangGraph's stores and mem0, given vectors made before."""

import importlib
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from corpus import Batch, Query
from systems import System


class GivenVectors:
    """Answers with vectors that were made before, for stores that want to embed by themselves.

    LangGraph takes it as a function; `embed` and `embed_batch` are what mem0 calls.
    """

    def __init__(self) -> None:
        self.vectors: dict[str, list[float]] = {}

    def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector a text."""
        return [self.vectors[text] for text in texts]

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        """Return the vector of one text."""
        return self.vectors[text]

    def embed_batch(self, texts: list[str], memory_action: str = "add") -> list[list[float]]:
        """Return one vector a text."""
        return self(texts)


class LangGraphMemory(System):
    """LangGraph's `InMemoryStore`, a namespace a user."""

    name = "langgraph-memory"
    promise = "RAM only"
    imports = ("langgraph.store.memory",)
    packages = ("langgraph", "langgraph-checkpoint")
    persistent = False

    def open(self) -> None:
        from langgraph.store.memory import InMemoryStore

        self._given = GivenVectors()
        self._store: Any = InMemoryStore(
            index={"dims": self.dimensions, "embed": self._given, "fields": ["text"]}
        )

    def shape(self, batch: Batch) -> Any:
        from langgraph.store.base import PutOp

        self._given.vectors = dict(zip(batch.texts, batch.vectors.tolist(), strict=True))
        return [
            PutOp(namespace=(batch.user,), key=str(number), value={"text": text})
            for number, text in enumerate(batch.texts, start=batch.first)
        ]

    def add(self, shaped: Any) -> None:
        self._store.batch(shaped)

    def search(self, query: Query, k: int) -> list[str]:
        self._given.vectors = {query.text: query.vector.tolist()}
        found = self._store.search((query.user,), query=query.text, limit=k)
        return [item.value["text"] for item in found]


class LangGraphSqlite(LangGraphMemory):
    """LangGraph's `SqliteStore`, on a connection as its `from_conn_string` makes it."""

    name = "langgraph-sqlite"
    promise = "fsync a call"
    imports = ("langgraph.store.sqlite",)
    packages = ("langgraph", "langgraph-checkpoint-sqlite", "sqlite-vec")
    persistent = True

    def open(self) -> None:
        from langgraph.store.sqlite import SqliteStore

        self._connection = _extensible_sqlite().connect(
            str(self.folder / "store.db"), check_same_thread=False, isolation_level=None
        )
        self._given = GivenVectors()
        # Its examples say "fields", but what it reads is "text_fields".
        index: Any = {"dims": self.dimensions, "embed": self._given, "text_fields": ["text"]}
        self._store = SqliteStore(self._connection, index=index)
        self._store.setup()

    def close(self) -> None:
        self._connection.close()


def _extensible_sqlite() -> Any:
    """Return an sqlite3 module that loads extensions; not every build of Python has one."""
    if hasattr(sqlite3.Connection, "enable_load_extension"):
        return sqlite3
    return importlib.import_module("pysqlite3.dbapi2")


class Mem0(System):
    """mem0 without inference, on its local Qdrant; its telemetry is off."""

    name = "mem0"
    promise = "fsync a record"
    imports = ("mem0", "mem0.vector_stores.qdrant", "mem0.llms.openai", "mem0.embeddings.openai")
    packages = ("mem0ai", "qdrant-client")

    def __init__(self, folder: Path, dimensions: int) -> None:
        super().__init__(folder, dimensions)
        os.environ["MEM0_TELEMETRY"] = "False"
        os.environ["MEM0_DIR"] = str(folder / "home")

    def open(self) -> None:
        from mem0 import Memory

        place = {
            "collection_name": "bench",
            "embedding_model_dims": self.dimensions,
            "path": str(self.folder / "qdrant"),
            "on_disk": True,
        }
        # The key opens nothing: the clients are made, and never asked.
        unused = {"provider": "openai", "config": {"api_key": "unused"}}
        self._memory = Memory.from_config(
            {
                "vector_store": {"provider": "qdrant", "config": place},
                "llm": unused,
                "embedder": unused,
                "history_db_path": str(self.folder / "history.db"),
            }
        )
        self._given: Any = GivenVectors()
        self._memory.embedding_model = self._given

    def shape(self, batch: Batch) -> Any:
        self._given.vectors = dict(zip(batch.texts, batch.vectors.tolist(), strict=True))
        return [{"role": "user", "content": text} for text in batch.texts], batch.user

    def add(self, shaped: Any) -> None:
        messages, user = shaped
        self._memory.add(messages, user_id=user, infer=False)

    def search(self, query: Query, k: int) -> list[str]:
        self._given.vectors = {query.text: query.vector.tolist()}
        found = self._memory.search(
            query.text, filters={"user_id": query.user}, top_k=k, threshold=0.0
        )
        return [one["memory"] for one in found["results"]]

    def close(self) -> None:
        self._memory.close()
        self._memory.vector_store.client.close()
