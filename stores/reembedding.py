"""Moving a store to another embedder, while the old vectors still answer.

The new vectors are collected beside the old ones, in batches that a later call goes on with. When
none is missing they take the old ones' place in one transaction, together with the new fingerprint.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memagent.stores.compatibility import Compatibility, compatibility
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.rows import packed
from memagent.stores.index import embedding_cache, snapshot

BATCH = 256

Embed = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reembedded:
    """What a re-embedding did, or with `dry_run` would do.

    `compatibility` compares the two embedders (`stores/compatibility.py`); None for a store with
    fewer than two keys.
    """

    keys: int
    already: int
    compatibility: Compatibility | None
    dry_run: bool


def reembed(
    store: SqliteStore,
    fingerprint: dict[str, Any],
    embed: Embed,
    *,
    dry_run: bool,
    progress: Callable[[int, int], None],
) -> Reembedded:
    """Give every key a vector of another embedder; `progress` is told (done, in all).

    Searches with the old embedder go on until the new vectors take over.
    """
    pending = json.dumps(fingerprint, sort_keys=True)
    total = store.counts()["keys"]
    fresh = store.meta("reembedding") != pending
    already = 0 if fresh else _collected(store)
    outcome = Reembedded(
        keys=total, already=already, compatibility=compatibility(store, embed), dry_run=dry_run
    )
    if dry_run:
        return outcome
    if fresh:
        with store.transaction() as db:
            db.execute("DELETE FROM new_vectors")
            db.execute("INSERT OR REPLACE INTO meta VALUES ('reembedding', ?)", (pending,))
    while True:
        while rows := store.query(
            "SELECT id, text FROM keys WHERE id NOT IN (SELECT key FROM new_vectors)"
            " ORDER BY id LIMIT ?",
            (BATCH,),
        ):
            vectors = embed([row["text"] for row in rows])
            with store.transaction() as db:
                db.executemany(
                    "INSERT OR REPLACE INTO new_vectors SELECT ?, ? WHERE EXISTS"
                    " (SELECT 1 FROM keys WHERE id = ?)",
                    [
                        (row["id"], blob, row["id"])
                        for row, blob in zip(rows, packed(vectors), strict=True)
                    ],
                )
            progress(_collected(store), total)
        if _take_over(store, json.dumps(fingerprint)):
            return outcome


def _take_over(store: SqliteStore, fingerprint: str) -> bool:
    """Put the new vectors in place, unless a key was added meanwhile; tell whether it was done."""
    with store.transaction() as db:
        missing = db.execute(
            "SELECT 1 FROM keys WHERE id NOT IN (SELECT key FROM new_vectors) LIMIT 1"
        ).fetchone()
        if missing:
            return False
        db.execute("UPDATE keys SET vector = (SELECT vector FROM new_vectors WHERE key = keys.id)")
        db.execute("DELETE FROM new_vectors")
        db.execute("DELETE FROM original_vectors")
        db.execute("DELETE FROM meta WHERE key = 'reembedding'")
        db.execute("INSERT OR REPLACE INTO meta VALUES ('embedder', ?)", (fingerprint,))
        db.execute("UPDATE users SET removals = removals + 1")
        snapshot.drop(store)
        embedding_cache.empty(store)
    return True


def _collected(store: SqliteStore) -> int:
    return int(store.query("SELECT count(*) AS n FROM new_vectors")[0]["n"])
