"""Vector index: a cache of partitions in memory that follows the database."""

import logging
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from memagent.process import at_fork, lock
from memagent.stores.database.connection import SqliteStore, State
from memagent.stores.database.filters import Filter
from memagent.stores.database.rows import reading
from memagent.stores.index.neighbours import Around, Compared, nothing_around, nothing_compared
from memagent.stores.index.partition import FOREVER, Held, Moment, Near, Partition
from memagent.stores.index.snapshot import Snapshots

logger = logging.getLogger(__name__)

MAX_BYTES = 1 << 30
"""Default limit of the memory of all partitions together: 1 GiB."""
BATCH = 20_000
"""Number of keys that are read from the database at a time."""
_CHANGING = f"r.valid_from, coalesce(r.valid_to, {FOREVER}), r.superseded OR r.archived IS NOT NULL"
_CHANGED = "SELECT DISTINCT record FROM changes WHERE owner = ? AND seq > ?"
_ROWS = (
    f"SELECT k.id, k.record, {_CHANGING}, r.evidence, r.kind, r.agent, r.session,"
    " CASE WHEN json_valid(r.sources) THEN CAST(json_extract(r.sources, '$[0]') AS TEXT) END,"
    " k.vector"
    " FROM keys k JOIN records r ON r.seq = k.record"
)
"""A partition's COLUMNS, in their order, and the vector."""


class VectorIndex:
    """Nearest keys by inner product, one partition a user, filled when first needed.

    A partition follows the database: keys added since (by any process) are appended, changes of
    validity taken over, erased keys dropped; vectors that were replaced rebuild it. A large one
    begins as its snapshot, if that fits. The filter runs inside the search. The partitions used
    longest ago make room for others when `max_bytes` are taken.
    """

    def __init__(self, store: SqliteStore, max_bytes: int = MAX_BYTES) -> None:
        self._store = store
        self._max_bytes = max_bytes
        self._partitions: OrderedDict[str, Partition] = OrderedDict()
        self._snapshots = Snapshots(store)
        self._lock = lock()
        at_fork(after_in_child=self._drop_unfinished)

    def search(
        self, where: Filter, query: NDArray[np.float32], n: int, distinct: int = 1
    ) -> list[Near]:
        """Return the `n` best keys, best first; the query is normalised.

        More are returned where these belong to fewer than `distinct` records.
        """
        state = self._store.state(where.scope.user)
        if state is None:
            return []
        records = self._records(where)
        partition = self._partition(where.scope.user, len(query), state)
        with partition.lock:
            grown = self._catch_up(partition, state)
            found = partition.search(where, records, query, n, distinct)
        if grown:
            self._evict(where.scope.user)
        return found

    def passing(self, where: Filter, dimensions: int, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return those of a user's keys that pass, in their order."""
        state = self._store.state(where.scope.user)
        if state is None:
            return keys[:0]
        records = self._records(where)
        partition = self._partition(where.scope.user, dimensions, state)
        with partition.lock:
            self._catch_up(partition, state)
            return partition.passing(where, records, keys)

    def cosines(
        self, where: Filter, query: NDArray[np.float32], keys: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return keys of a user, as far as there are such, and their cosines to a query.

        The query is normalised.
        """
        state = self._store.state(where.scope.user)
        if state is None:
            return keys[:0], query[:0]
        partition = self._partition(where.scope.user, len(query), state)
        with partition.lock:
            self._catch_up(partition, state)
            return partition.cosines(query, keys)

    def around(self, where: Filter, dimensions: int, keys: NDArray[np.int64]) -> Around:
        """Return keys of a user, as far as there are such, with their neighbours."""
        state = self._store.state(where.scope.user)
        if state is None:
            return nothing_around()
        records = self._records(where)
        partition = self._partition(where.scope.user, dimensions, state)
        with partition.lock:
            self._catch_up(partition, state)
            return partition.around(where, records, keys)

    def compared(
        self, where: Filter, query: NDArray[np.float32], keys: NDArray[np.int64]
    ) -> Compared:
        """Return keys of a user, as far as there are such, and their neighbours, with cosines.

        The query is normalised.
        """
        state = self._store.state(where.scope.user)
        if state is None:
            return nothing_compared(len(query))
        records = self._records(where)
        partition = self._partition(where.scope.user, len(query), state)
        with partition.lock:
            self._catch_up(partition, state)
            return partition.compared(where, records, query, keys)

    def keys(
        self, where: Filter, *, before: Moment | None = None, after: Moment | None = None
    ) -> Held | None:
        """Return which of a user's keys pass; None if their partition is not in memory.

        `before` and `after` bound the records' moments.
        """
        user = where.scope.user
        state, partition = self._store.state(user), self._partitions.get(user)
        if state is None or partition is None:
            return None
        records, affirmed = self._records(where), self._affirmed(user)
        with partition.lock:
            if not partition.is_of(state):
                return None
            self._catch_up(partition, state)
            return partition.keys(where, records, affirmed, before, after)

    def save(self) -> int:
        """Write the large partitions that have grown into snapshot files; return how many."""
        saved = 0
        for user, partition in list(self._partitions.items()):
            if partition.owner == self._store.owner(user):
                with partition.lock:
                    saved += self._snapshots.save(partition.owner, partition)
        return saved

    def clear(self) -> None:
        """Drop every partition from memory."""
        with self._lock:
            self._partitions.clear()

    def _drop_unfinished(self) -> None:
        """Drop, in a forked child, what a thread of the parent was changing or reading."""
        for user, partition in list(self._partitions.items()):
            if partition.lock.locked():
                del self._partitions[user]

    @property
    def bytes(self) -> int:
        """About how much memory the partitions take."""
        return sum(partition.bytes for partition in self._partitions.values())

    @property
    def users(self) -> tuple[str, ...]:
        """Owners of the partitions in memory, the one used longest ago first."""
        return tuple(self._partitions)

    def _records(self, where: Filter) -> NDArray[np.int64] | None:
        """Return the records that pass the parts that need SQL; None if there are none."""
        if not where.needs_sql:
            return None
        condition, values = where.condition()
        rows = self._store.query(f"SELECT r.seq FROM records r WHERE {condition}", values)
        return np.array([row["seq"] for row in rows], dtype=np.int64)

    def _affirmed(self, user: str) -> NDArray[np.int64]:
        """Return which records were affirmed, by rising number, and when last (records x 2)."""
        rows = self._store.query(
            "SELECT seq, affirmed FROM records WHERE user = ? AND affirmed IS NOT NULL",
            (self._store.user(user),),
        )
        with reading("a record's time"):
            found = np.array([tuple(row) for row in rows], dtype=np.int64).reshape(-1, 2)
        return found[np.argsort(found[:, 0])]

    def _partition(self, user: str, dimensions: int, state: State) -> Partition:
        """Return the user's partition, a new one if there is none or what it holds was replaced."""
        with self._lock:
            partition = self._partitions.get(user)
            if partition is None or not partition.is_of(state):
                partition = self._snapshots.load(state, dimensions)
                if partition is None:
                    logger.info("building the index of %s from the database", state.owner)
                    partition = Partition(dimensions, state)
                self._partitions[user] = partition
            self._partitions.move_to_end(user)
            return partition

    def _catch_up(self, partition: Partition, state: State) -> bool:
        """Bring a partition up to the state of the database; tell whether keys were added."""
        size = len(partition)
        while partition.last_key < state.key:
            rows = self._store.query(
                f"{_ROWS} WHERE k.owner = ? AND k.id > ? ORDER BY k.id LIMIT ?",
                (state.owner, partition.last_key, BATCH),
            )
            if not rows:
                break
            with reading("a key"):
                partition.append(rows)
        if state.change > partition.change:
            rows = self._store.query(
                f"SELECT DISTINCT r.seq, {_CHANGING} FROM changes c JOIN records r"
                " ON r.seq = c.record WHERE c.owner = ? AND c.seq > ?",
                (state.owner, partition.change),
            )
            with reading("a record"):
                partition.refresh(rows)
            self._drop_erased(partition, state.owner)
            partition.change = state.change
        partition.removals = state.removals
        return len(partition) > size

    def _drop_erased(self, partition: Partition, owner: str) -> None:
        """Drop the keys of changed records that the database does not have any more."""
        values = (owner, partition.change)
        with reading("a record"):
            changed, there = (
                np.array([row[0] for row in self._store.query(sql, values)], dtype=np.int64)
                for sql in (_CHANGED, f"SELECT id FROM keys WHERE record IN ({_CHANGED})")
            )
        partition.drop(changed, there)

    def _evict(self, user: str) -> None:
        """Drop the partitions used longest ago while too much memory is taken."""
        with self._lock:
            while self.bytes > self._max_bytes:
                oldest = next(iter(self._partitions))
                if oldest == user:
                    return
                logger.info("dropping the index used longest ago: too much memory is taken")
                del self._partitions[oldest]
