"""FAISS over one user's keys: a cache that is rebuilt from SQLite on any doubt."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memagent.stores.filter import Filter
from memagent.stores.sqlite import SqliteStore

MAX_PARTITIONS = 256


@dataclass(slots=True)
class Partition:
    """One user's keys; row i of every list and of the FAISS index is the same key."""

    index: Any
    removals: int
    key_ids: list[int] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    evidence: list[bool] = field(default_factory=list)
    agents: list[str | None] = field(default_factory=list)
    sessions: list[str | None] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """Whether vectors and lists have the same length; they change together or not at all."""
        columns = (self.key_ids, self.kinds, self.evidence, self.agents, self.sessions)
        return {len(column) for column in columns} == {self.index.ntotal}

    def allowed(self, where: Filter) -> NDArray[np.bool_] | None:
        """Return one flag a row for what the filter lets through, or None if that is all."""
        wanted: tuple[tuple[object, Sequence[object]], ...] = (
            (True if where.evidence else None, self.evidence),
            (where.kind, self.kinds),
            (where.scope.agent, self.agents),
            (where.scope.session, self.sessions),
        )
        masks = [
            np.array([one == value for one in column], dtype=bool)
            for value, column in wanted
            if value is not None
        ]
        return np.logical_and.reduce(masks) if masks else None


class VectorIndex:
    """Exact inner-product search, one partition a user, filled when first needed.

    A partition follows the database: keys added since (by any process) are appended, and a
    removal rebuilds it. The filter runs inside the search, through an id selector.
    """

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._partitions: OrderedDict[str, Partition] = OrderedDict()
        self._lock = threading.Lock()

    def search(self, where: Filter, query: NDArray[np.float32], n: int) -> list[tuple[int, float]]:
        """Return the `n` best keys as (key id, cosine), best first; the query is normalised."""
        faiss = _faiss()
        with self._lock:
            partition = self._current(where.scope.user, len(query))
            if partition is None or not partition.key_ids:
                return []
            allowed = partition.allowed(where)
            parameters = None
            if allowed is not None:
                bits = np.packbits(allowed, bitorder="little")
                selector = faiss.IDSelectorBitmap(bits)
                parameters = faiss.SearchParameters(sel=selector)
            scores, rows = partition.index.search(
                query[np.newaxis, :], min(n, len(partition.key_ids)), params=parameters
            )
        return [
            (partition.key_ids[row], float(score))
            for row, score in zip(rows[0].tolist(), scores[0].tolist(), strict=True)
            if row >= 0
        ]

    def _current(self, user: str, dimensions: int) -> Partition | None:
        """Bring the user's partition up to the database's state, and return it."""
        rows = self._store.query("SELECT id, removals FROM users WHERE name = ?", (user,))
        if not rows:
            return None
        removals = int(rows[0]["removals"])
        partition = self._partitions.get(user)
        if partition is None or partition.removals != removals or not partition.intact:
            partition = Partition(index=_faiss().IndexFlatIP(dimensions), removals=removals)
        self._append(partition, f"u{rows[0]['id']}")
        self._partitions[user] = partition
        self._partitions.move_to_end(user)
        while len(self._partitions) > MAX_PARTITIONS:
            self._partitions.popitem(last=False)
        return partition

    def _append(self, partition: Partition, owner: str) -> None:
        last = partition.key_ids[-1] if partition.key_ids else 0
        rows = self._store.query(
            "SELECT k.id, k.vector, r.kind, r.evidence, r.agent, r.session FROM keys k"
            " JOIN records r ON r.seq = k.record WHERE k.owner = ? AND k.id > ? ORDER BY k.id",
            (owner, last),
        )
        if rows:
            partition.index.add(_stack([row["vector"] for row in rows]))
            partition.key_ids.extend(row["id"] for row in rows)
            partition.kinds.extend(row["kind"] for row in rows)
            partition.evidence.extend(bool(row["evidence"]) for row in rows)
            partition.agents.extend(row["agent"] for row in rows)
            partition.sessions.extend(row["session"] for row in rows)


def _faiss() -> Any:
    """Import FAISS when it is first needed; untyped, as its types leave out its own wrappers."""
    import faiss

    return faiss


def _stack(blobs: Sequence[bytes]) -> NDArray[np.float32]:
    return np.frombuffer(b"".join(blobs), dtype=np.float32).reshape(len(blobs), -1)
