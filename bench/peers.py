"""The peers under test, one small class each; all run in this process and send nothing anywhere.

Each is used as its documentation shows for this purpose: one collection with a field for the user,
filtered by it in every search, or a namespace a user where it has namespaces.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from corpus import Batch, Query
from peers_embedding import LangGraphMemory, LangGraphSqlite, Mem0
from systems import Limit, Memagent, MemagentHybrid, System

COLLECTION = "bench"


class Chroma(System):
    """One collection in a `PersistentClient`; HNSW with its default settings."""

    name = "chroma"
    promise = "fsync a call"
    imports = ("chromadb",)
    packages = ("chromadb",)

    def open(self) -> None:
        import chromadb

        self._client = chromadb.PersistentClient(
            str(self.folder), settings=chromadb.Settings(anonymized_telemetry=False)
        )
        self._collection = self._client.get_or_create_collection(
            COLLECTION, embedding_function=None, configuration={"hnsw": {"space": "ip"}}
        )

    def shape(self, batch: Batch) -> Any:
        numbers = range(batch.first, batch.first + len(batch.texts))
        return {
            "ids": [str(number) for number in numbers],
            "embeddings": list(batch.vectors),
            "metadatas": [{"user": batch.user} for _ in numbers],
            "documents": batch.texts,
        }

    def add(self, shaped: Any) -> None:
        self._collection.add(**shaped)

    def search(self, query: Query, k: int) -> list[str]:
        found = self._collection.query(
            query_embeddings=[query.vector],
            n_results=k,
            where={"user": query.user},
            include=["documents"],
        )
        return list(found["documents"][0])

    def close(self) -> None:
        self._client.close()


class Lance(System):
    """One table, exact search, a bitmap index on the user; compacted after loading."""

    name = "lancedb"
    promise = "no fsync"
    imports = ("lancedb", "pyarrow")
    packages = ("lancedb", "pyarrow")

    def open(self) -> None:
        import lancedb
        import pyarrow as pa

        vector = pa.list_(pa.float32(), self.dimensions)
        fields = {"id": pa.int64(), "user": pa.string(), "text": pa.string(), "vector": vector}
        self._schema = pa.schema(list(fields.items()))
        database = lancedb.connect(str(self.folder))
        self._table = database.create_table(COLLECTION, schema=self._schema, exist_ok=True)

    def shape(self, batch: Batch) -> Any:
        import pyarrow as pa

        count = len(batch.texts)
        vectors = pa.FixedSizeListArray.from_arrays(
            pa.array(batch.vectors.ravel()), self.dimensions
        )
        columns = [range(batch.first, batch.first + count), [batch.user] * count, batch.texts]
        return pa.table([*columns, vectors], schema=self._schema)

    def add(self, shaped: Any) -> None:
        self._table.add(shaped)

    def settle(self) -> None:
        self._table.create_scalar_index("user", index_type="BITMAP")
        self._table.optimize(cleanup_older_than=timedelta(0))

    def search(self, query: Query, k: int) -> list[str]:
        found = (
            self._table.search(query.vector)
            .distance_type("dot")
            .where(f"user = '{query.user}'", prefilter=True)
            .select(["text", "_distance"])
            .limit(k)
        )
        return [row["text"] for row in found.to_list()]


class Qdrant(System):
    """One collection in the client's local mode."""

    name = "qdrant"
    promise = "fsync a record"
    imports = ("qdrant_client",)
    packages = ("qdrant-client",)

    def open(self) -> None:
        from qdrant_client import QdrantClient, models

        self._client = QdrantClient(path=str(self.folder))
        if not self._client.collection_exists(COLLECTION):
            self._client.create_collection(
                COLLECTION,
                vectors_config=models.VectorParams(
                    size=self.dimensions, distance=models.Distance.DOT
                ),
            )

    def shape(self, batch: Batch) -> Any:
        from qdrant_client import models

        return [
            models.PointStruct(id=number, vector=vector, payload={"user": batch.user, "text": text})
            for number, (text, vector) in enumerate(
                zip(batch.texts, batch.vectors.tolist(), strict=True), start=batch.first
            )
        ]

    def add(self, shaped: Any) -> None:
        self._client.upsert(COLLECTION, points=shaped)

    def search(self, query: Query, k: int) -> list[str]:
        from qdrant_client import models

        own = models.FieldCondition(key="user", match=models.MatchValue(value=query.user))
        found = self._client.query_points(
            COLLECTION,
            query=query.vector,
            query_filter=models.Filter(must=[own]),
            limit=k,
            with_payload=["text"],
        )
        return [point.payload["text"] for point in found.points]

    def close(self) -> None:
        self._client.close()


SYSTEMS: Sequence[type[System]] = (
    Limit,
    Memagent,
    MemagentHybrid,
    Chroma,
    Lance,
    Qdrant,
    LangGraphMemory,
    LangGraphSqlite,
    Mem0,
)
