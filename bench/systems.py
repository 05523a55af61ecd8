"""Systems under test: what each has, memagent, and the limit that every figure is held to."""

import sqlite3
from collections import defaultdict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from corpus import Batch, Query

FETCH = 10_000


class System:
    """A store under test, in a folder of its own.

    What a call takes is made by `shape` beforehand, so that only the store's own work is timed.
    `promise` says what holds once `add` has returned (on Linux seen with strace).
    """

    name: ClassVar[str]
    promise: ClassVar[str]
    imports: ClassVar[tuple[str, ...]]
    """Modules to import before the clock starts."""
    packages: ClassVar[tuple[str, ...]]
    """Distributions whose versions are reported."""
    persistent: ClassVar[bool] = True
    exact_ranking: ClassVar[bool] = True
    """True if it ranks by cosine alone, so that recall against exact neighbours says something."""

    def __init__(self, folder: Path, dimensions: int) -> None:
        self.folder = folder
        self.dimensions = dimensions

    def open(self) -> None:
        """Open the store, making it if need be."""
        raise NotImplementedError

    def shape(self, batch: Batch) -> Any:
        """Return a batch in the form that `add` takes."""
        raise NotImplementedError

    def add(self, shaped: Any) -> None:
        """Store a batch, as safely as the store can."""
        raise NotImplementedError

    def settle(self) -> None:
        """Do the upkeep that the store's documentation asks for after much was written."""

    def search(self, query: Query, k: int) -> list[str]:
        """Return the texts of the `k` best records of the query's user, best first."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the store."""


class Limit(System):
    """The least that does the job: a FAISS index a user, and one SQLite table."""

    name = "limit"
    promise = "fsync a call"
    imports = ("faiss",)
    packages = ("faiss-cpu",)

    def open(self) -> None:
        import faiss

        faiss.omp_set_num_threads(1)  # one query gives two threads nothing to share but waiting
        self._db = sqlite3.connect(self.folder / "limit.db", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS records"
            " (id INTEGER PRIMARY KEY, user TEXT, text TEXT, vector BLOB)"
        )
        self._ids: dict[str, list[int]] = defaultdict(list)
        self._indexes: dict[str, Any] = defaultdict(lambda: faiss.IndexFlatIP(self.dimensions))
        rows = self._db.execute("SELECT id, user, vector FROM records ORDER BY id")
        while some := rows.fetchmany(FETCH):
            by_user: dict[str, list[tuple[int, bytes]]] = defaultdict(list)
            for number, user, vector in some:
                by_user[user].append((number, vector))
            for user, held in by_user.items():
                blob = b"".join(vector for _, vector in held)
                vectors = np.frombuffer(blob, dtype=np.float32).reshape(-1, self.dimensions)
                self._indexes[user].add(vectors)
                self._ids[user] += [number for number, _ in held]

    def shape(self, batch: Batch) -> Any:
        return batch

    def add(self, shaped: Any) -> None:
        numbers = range(shaped.first, shaped.first + len(shaped.texts))
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT INTO records VALUES (?, ?, ?, ?)",
            (
                (number, shaped.user, text, vector.tobytes())
                for number, text, vector in zip(numbers, shaped.texts, shaped.vectors, strict=True)
            ),
        )
        self._db.execute("COMMIT")
        self._indexes[shaped.user].add(shaped.vectors)
        self._ids[shaped.user] += numbers

    def search(self, query: Query, k: int) -> list[str]:
        _, found = self._indexes[query.user].search(query.vector[np.newaxis, :], k)
        ids = self._ids[query.user]
        numbers = [ids[row] for row in found[0].tolist() if row >= 0]
        marks = ",".join("?" * len(numbers))
        rows = self._db.execute(f"SELECT id, text FROM records WHERE id IN ({marks})", numbers)
        texts = dict(rows.fetchall())
        return [texts[number] for number in numbers]

    def close(self) -> None:
        self._db.close()


class Memagent(System):
    """Searched by a vector alone."""

    name = "memagent"
    promise = "fsync a call"
    imports = ("faiss", "memagent.memory", "memagent.testing")
    packages = ("memagent", "faiss-cpu")

    def open(self) -> None:
        from memagent import Memory
        from memagent.testing import HashEmbedder

        self._memory = Memory.open(self.folder, embedder=HashEmbedder(self.dimensions))

    def shape(self, batch: Batch) -> Any:
        from memagent import Scope
        from memagent.types import NewRecord

        notes = [NewRecord(text=text) for text in batch.texts]
        return notes, Scope(user=batch.user), batch.vectors

    def add(self, shaped: Any) -> None:
        notes, scope, vectors = shaped
        self._memory.add_many(notes, scope=scope, vectors=vectors)

    def search(self, query: Query, k: int) -> list[str]:
        from memagent import Scope

        hits = self._memory.search(scope=Scope(user=query.user), vector=query.vector, k=k)
        return [hit.record.text for hit in hits]

    def close(self) -> None:
        self._memory.close()


class MemagentHybrid(Memagent):
    """Searched by words and a vector."""

    name = "memagent-hybrid"
    exact_ranking = False

    def search(self, query: Query, k: int) -> list[str]:
        from memagent import Scope

        scope = Scope(user=query.user)
        hits = self._memory.search(query.text, scope=scope, vector=query.vector, k=k)
        return [hit.record.text for hit in hits]
