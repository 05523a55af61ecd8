"""FAISS over one user's keys: a cache that is rebuilt from SQLite on any doubt."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memagent.stores.filter import Filter, micros
from memagent.stores.rows import unpacked
from memagent.stores.sqlite import SqliteStore

MAX_PARTITIONS = 256
MISSING, UNKNOWN = -1, -2
"""Numbers of no text at all, and of a text that no key of the partition has."""
FOREVER = np.iinfo(np.int64).max
COLUMNS = (
    "key_id",
    "record",
    "valid_from",
    "valid_to",
    "superseded",
    "evidence",
    "kind",
    "agent",
    "session",
)
"""What a partition holds of each key beside its vector, as int64; texts are numbered."""
_ROWS = (
    "SELECT k.id AS key_id, k.record, k.vector, r.valid_from, r.valid_to, r.superseded, r.evidence,"
    " r.kind, r.agent, r.session FROM keys k JOIN records r ON r.seq = k.record"
)


class Partition:
    """One user's keys; row i of the table and of the FAISS index is the same key."""

    def __init__(self, dimensions: int, removals: int, change: int) -> None:
        self.index: Any = _faiss().IndexFlatIP(dimensions)
        self.removals = removals
        self.change = change
        self._table: NDArray[np.int64] = np.empty((len(COLUMNS), 64), dtype=np.int64)
        self._size = 0
        self._numbers: dict[str, int] = {}

    @property
    def intact(self) -> bool:
        """Whether vectors and table have the same length; they change together or not at all."""
        return bool(self._size == self.index.ntotal)

    def __len__(self) -> int:
        return self._size

    def column(self, name: str) -> NDArray[np.int64]:
        """Return one column of the table, a value a key."""
        return self._table[COLUMNS.index(name), : self._size]

    def append(self, rows: Sequence[Any]) -> None:
        """Add keys, given as rows of the database."""
        while self._size + len(rows) > self._table.shape[1]:
            self._table = np.concatenate([self._table, np.empty_like(self._table)], axis=1)
        self.index.add(unpacked([row["vector"] for row in rows]))
        self._table[:, self._size : self._size + len(rows)] = np.array(
            [[self._cell(row, name) for row in rows] for name in COLUMNS], dtype=np.int64
        )
        self._size += len(rows)

    def refresh(self, rows: Sequence[Any]) -> None:
        """Take over what changed of records already held: their validity."""
        for row in rows:
            held = self.column("record") == row["record"]
            for name in ("valid_from", "valid_to", "superseded"):
                self.column(name)[held] = self._cell(row, name)

    def allowed(self, where: Filter, records: NDArray[np.int64] | None) -> NDArray[np.bool_]:
        """Return one flag a key for what the filter lets through, among `records` if given."""
        mask = np.ones(self._size, dtype=bool)
        texts = {"kind": where.kind, "agent": where.scope.agent, "session": where.scope.session}
        for name, text in texts.items():
            if text is not None:
                mask &= self.column(name) == self._numbers.get(text, UNKNOWN)
        if where.evidence:
            mask &= self.column("evidence") == 1
        if where.since is not None:
            mask &= self.column("valid_from") >= micros(where.since)
        if where.until is not None:
            mask &= self.column("valid_from") < micros(where.until)
        if where.as_of is not None:
            moment = micros(where.as_of)
            mask &= (self.column("valid_from") <= moment) & (self.column("valid_to") > moment)
        elif not where.everything:
            mask &= self.column("superseded") == 0
            mask &= self.column("valid_to") > micros(datetime.now(UTC))
        if records is not None:
            mask &= np.isin(self.column("record"), records)
        return mask

    def _cell(self, row: Any, name: str) -> int:
        value = row[name]
        if name == "valid_to":
            return int(FOREVER) if value is None else int(value)
        if isinstance(value, str):
            return self._numbers.setdefault(value, len(self._numbers))
        return MISSING if value is None else int(value)


class VectorIndex:
    """Exact inner-product search, one partition a user, filled when first needed.

    A partition follows the database: keys added since (by any process) are appended, changes of
    validity taken over, and a removal rebuilds it. The filter runs inside the search, through an id
    selector.
    """

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._partitions: OrderedDict[str, Partition] = OrderedDict()
        self._lock = threading.Lock()

    def search(self, where: Filter, query: NDArray[np.float32], n: int) -> list[tuple[int, float]]:
        """Return the `n` best keys as (key id, cosine), best first; the query is normalised."""
        with self._lock:
            partition = self._current(where.scope.user, len(query))
            if partition is None or not len(partition):
                return []
            allowed = partition.allowed(where, self._records(where))
            if not allowed.any():
                return []
            parameters = None
            if not allowed.all():
                bits = np.packbits(allowed, bitorder="little")
                parameters = _faiss().SearchParameters(sel=_faiss().IDSelectorBitmap(bits))
            scores, rows = partition.index.search(
                query[np.newaxis, :], min(n, len(partition)), params=parameters
            )
            ids = partition.column("key_id")
            return [
                (int(ids[row]), float(score))
                for row, score in zip(rows[0].tolist(), scores[0].tolist(), strict=True)
                if row >= 0
            ]

    def _records(self, where: Filter) -> NDArray[np.int64] | None:
        """Return the records that pass what only the database can tell; None if it need not."""
        if not where.needs_sql:
            return None
        condition, values = where.condition()
        rows = self._store.query(
            f"SELECT r.seq FROM records r JOIN users u ON u.id = r.user WHERE {condition}", values
        )
        return np.array([row["seq"] for row in rows], dtype=np.int64)

    def _current(self, user: str, dimensions: int) -> Partition | None:
        """Bring the user's partition up to the database's state, and return it."""
        state = self._store.state(user)
        if state is None:
            return None
        partition = self._partitions.get(user)
        if partition is None or partition.removals != state.removals or not partition.intact:
            partition = Partition(dimensions, state.removals, state.change)
        last = int(partition.column("key_id")[-1]) if len(partition) else 0
        rows = self._store.query(
            f"{_ROWS} WHERE k.owner = ? AND k.id > ? ORDER BY k.id", (state.owner, last)
        )
        if rows:
            partition.append(rows)
        if state.change > partition.change:
            partition.refresh(
                self._store.query(
                    "SELECT DISTINCT r.seq AS record, r.valid_from, r.valid_to, r.superseded"
                    " FROM changes c JOIN records r ON r.seq = c.record"
                    " WHERE c.owner = ? AND c.seq > ?",
                    (state.owner, partition.change),
                )
            )
            partition.change = state.change
        self._partitions[user] = partition
        self._partitions.move_to_end(user)
        while len(self._partitions) > MAX_PARTITIONS:
            self._partitions.popitem(last=False)
        return partition


def _faiss() -> Any:
    """Import FAISS when it is first needed; untyped, as its types leave out its own wrappers."""
    import faiss

    return faiss
