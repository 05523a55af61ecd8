"""Vector stores under test: Chroma, LanceDB and FAISS, given the vectors of turns and questions."""

from collections.abc import Sequence
from typing import Any

from memagent.evals.tasks.conversations.conversation import Turn
from memagent.evals.tasks.conversations.peers.store import Place, Vectors

COLLECTION = "turns"


class Chroma:
    """One collection on disk with the settings it comes with, filtered by conversation."""

    def __init__(self, place: Place) -> None:
        import chromadb
        from chromadb.utils.batch_utils import create_batches

        self._batches = create_batches
        self._client = chromadb.PersistentClient(
            str(place.folder), settings=chromadb.Settings(anonymized_telemetry=False)
        )
        self._turns: Any = self._client.create_collection(COLLECTION, embedding_function=None)

    def write(self, conversation: str, turns: Sequence[Turn], vectors: Vectors) -> None:
        """Add a conversation, as many turns at once as Chroma takes."""
        batches = self._batches(
            self._client,
            ids=[f"{conversation}/{turn.id}" for turn in turns],
            embeddings=list(vectors),
            metadatas=[{"conversation": conversation, "turn": turn.id} for turn in turns],
            documents=[turn.shown for turn in turns],
        )
        for ids, embeddings, metadatas, documents in batches:
            self._turns.add(ids, embeddings, metadatas, documents)

    def find(self, conversation: str, text: str, vector: Vectors, k: int) -> list[str]:
        """Return the nearest turns of a conversation, by id."""
        found = self._turns.query(
            query_embeddings=[vector], n_results=k, where={"conversation": conversation}
        )
        return [metadata["turn"] for metadata in found["metadatas"][0]]

    def close(self) -> None:
        """Close the client."""
        self._client.close()


class Lance:
    """One table on disk without an index, so searched exactly, filtered by conversation."""

    def __init__(self, place: Place) -> None:
        import lancedb
        import pyarrow

        columns = [(name, pyarrow.string()) for name in ("conversation", "turn", "text")]
        vector = pyarrow.list_(pyarrow.float32(), place.dimensions)
        self._database: Any = lancedb.connect(str(place.folder))
        self._turns: Any = self._database.create_table(
            COLLECTION, schema=pyarrow.schema([*columns, ("vector", vector)])
        )

    def write(self, conversation: str, turns: Sequence[Turn], vectors: Vectors) -> None:
        """Add a conversation in one call."""
        self._turns.add(
            [
                {
                    "conversation": conversation,
                    "turn": turn.id,
                    "text": turn.shown,
                    "vector": vector,
                }
                for turn, vector in zip(turns, vectors, strict=True)
            ]
        )

    def find(self, conversation: str, text: str, vector: Vectors, k: int) -> list[str]:
        """Return the nearest turns of a conversation, by id."""
        found = self._turns.search(vector).where(f"conversation = '{conversation}'").limit(k)
        return [row["turn"] for row in found.to_list()]

    def close(self) -> None:
        """Let go of the table."""
        self._turns = self._database = None


class Faiss:
    """A flat index a conversation, in RAM, searched exactly by inner product."""

    def __init__(self, place: Place) -> None:
        import faiss

        self._faiss: Any = faiss
        self._dimensions = place.dimensions
        self._indexes: dict[str, Any] = {}
        self._turns: dict[str, list[str]] = {}

    def write(self, conversation: str, turns: Sequence[Turn], vectors: Vectors) -> None:
        """Make the index of a conversation."""
        self._turns[conversation] = [turn.id for turn in turns]
        self._indexes[conversation] = self._faiss.IndexFlatIP(self._dimensions)
        self._indexes[conversation].add(vectors)

    def find(self, conversation: str, text: str, vector: Vectors, k: int) -> list[str]:
        """Return the nearest turns of a conversation, by id."""
        _, places = self._indexes[conversation].search(vector[None], k)
        turns = self._turns[conversation]
        return [turns[place] for place in places[0] if place >= 0]

    def close(self) -> None:
        """Drop the indexes."""
        self._indexes.clear()
