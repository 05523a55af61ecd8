"""Settling: what was written goes into the indexes of words and of digests many rows at a time.

Row by row, each would dirty pages of its own at every commit: that took longer than writing the
rows. What is not settled yet is found all the same, in RAM (`matches.py`, `digests.py`).
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

PENDING = 4_000
"""So many rows wait at most; to look at them takes a new process some 20 ms."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The highest key whose words are indexed, and the highest record whose digest is."""

    words: int
    digests: int


def settled(query: Callable[[str, Sequence[Any]], Sequence[Sequence[Any]]]) -> Settled:
    """Return how far the indexes go."""
    return Settled(*query("SELECT words, digests FROM settled", ())[0])


def settle(db: sqlite3.Connection, *, beyond: int = 0) -> None:
    """Index, within a transaction, all that waits if that is more than `beyond` rows."""
    key, record, upto = db.execute(
        "SELECT coalesce((SELECT max(id) FROM keys), 0), coalesce((SELECT max(seq) FROM records),"
        " 0), words FROM settled"
    ).fetchone()
    if key - upto <= beyond:
        return
    db.execute(
        "INSERT INTO keys_fts(rowid, text, owner) SELECT id, text, owner FROM keys WHERE id > ?",
        (upto,),
    )
    db.execute(
        "INSERT INTO digests SELECT user, digest, seq FROM records"
        " WHERE seq > (SELECT digests FROM settled) AND NOT superseded ORDER BY user, digest"
    )
    db.execute("UPDATE settled SET words = max(words, ?), digests = max(digests, ?)", (key, record))
