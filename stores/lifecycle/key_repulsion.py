"""Key repulsion: keys of records that searches confuse are moved apart, within a bound, and back.

After "Key-value memory in the brain" (Gershman, Fiete and Irie, 2025): keys are made to be told
apart, values to be kept. Only keys move; the vector a key had at first is kept beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.rows import packed, unpacked
from memagent.stores.database.writer import Trace, log, user_id
from memagent.stores.index import snapshot
from memagent.types import Record

Vector = NDArray[np.float32]
RATE = 0.05
"""Length of one step towards the query, or away from it; longer steps improve the given query and
harm others (`docs/log.md`)."""
MARGIN = 0.02
"""Cosine by which the wanted key is to be nearer to the query than the other."""
MIN_COSINE = 0.9
"""Cosine to its first vector that a key keeps at least, however often it is moved."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Separated:
    """Result of a separation: the cosines of query and key before and after.

    `apart` says whether the wanted key is now the nearer one; if it is not, the bound was reached.
    """

    wanted_before: float
    found_before: float
    wanted_after: float
    found_after: float

    @property
    def apart(self) -> bool:
        """True if the query now finds the wanted record before the other."""
        return self.wanted_after > self.found_after


def separate(
    store: SqliteStore,
    query: Vector,
    wanted: Record,
    found: Record,
    trace: Trace,
    *,
    steps: int,
) -> Separated:
    """Move the best key of the wanted record towards a query that found another, and that away."""
    with store.transaction() as db:
        (near, far) = (_best_key(store, record, query) for record in (wanted, found))
        before = float(query @ near.vector), float(query @ far.vector)
        after = apart(query, near, far, steps)
        for record, key, vector in ((wanted, near, after[0]), (found, far, after[1])):
            db.execute("INSERT OR IGNORE INTO original_vectors VALUES (?, ?)", (key.id, key.blob))
            (blob,) = packed(vector[np.newaxis])
            db.execute("UPDATE keys SET vector = ? WHERE id = ?", (blob, key.id))
            log(db, record.seq, "move", trace)
        _reload(store, wanted.scope.user)
    return Separated(
        wanted_before=before[0],
        found_before=before[1],
        wanted_after=float(query @ after[0]),
        found_after=float(query @ after[1]),
    )


def move_back(store: SqliteStore, records: Sequence[Record], trace: Trace) -> int:
    """Give the keys of records the vectors they had at first; return how many had been moved."""
    moved = 0
    with store.transaction() as db:
        for record in records:
            done = db.execute(
                "UPDATE keys SET vector = (SELECT vector FROM original_vectors WHERE key = keys.id)"
                " WHERE record = ? AND id IN (SELECT key FROM original_vectors)",
                (record.seq,),
            )
            if done.rowcount:
                moved += done.rowcount
                db.execute(
                    "DELETE FROM original_vectors WHERE key IN"
                    " (SELECT id FROM keys WHERE record = ?)",
                    (record.seq,),
                )
                log(db, record.seq, "move back", trace)
        if moved:
            _reload(store, records[0].scope.user)
    return moved


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """A key as it is, the vector it had at first, and how that is stored."""

    id: int
    vector: Vector
    first: Vector
    blob: bytes


def apart(query: Vector, near: Key, far: Key, steps: int) -> tuple[Vector, Vector]:
    """Return both keys' vectors after at most so many steps, within the bound."""
    one, other = near.vector, far.vector
    for _ in range(steps):
        if float(query @ one) >= float(query @ other) + MARGIN:
            break
        one = _bounded(one + RATE * (query - one), one, near.first)
        other = _bounded(other - RATE * float(query @ other) * query, other, far.first)
    return one, other


def _bounded(moved: Vector, before: Vector, first: Vector) -> Vector:
    """Return a moved key at length one, or where it was if that is too far from its first place."""
    unit = np.asarray(moved / np.linalg.norm(moved), dtype=np.float32)
    return unit if float(unit @ first) >= MIN_COSINE else before


def _best_key(store: SqliteStore, record: Record, query: Vector) -> Key:
    rows = store.query(
        "SELECT k.id, k.vector, coalesce(o.vector, k.vector) AS first FROM keys k"
        " LEFT JOIN original_vectors o ON o.key = k.id WHERE k.record = ? ORDER BY k.id",
        (record.seq,),
    )
    vectors = unpacked([row["vector"] for row in rows])
    best = int(np.argmax(vectors @ query))
    first = unpacked([rows[best]["first"]])[0]
    return Key(id=rows[best]["id"], vector=vectors[best], first=first, blob=rows[best]["first"])


def _reload(store: SqliteStore, user: str) -> None:
    """Make every process read the user's vectors again, within a transaction."""
    with store.transaction() as db:
        number = user_id(db, user)
        db.execute(
            "UPDATE users SET removals = removals + 1, rewrites = rewrites + 1 WHERE id = ?",
            (number,),
        )
    snapshot.drop(store, f"u{number}")
