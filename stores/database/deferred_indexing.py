"""Deferred indexing of digests: new rows are indexed many at a time.

To sort thousands of digests into their index at once costs far less than one by one. The table
`settled` says how far the indexes go, that of the words too (`word_index.py`); what was written
since is searched row by row.
"""

import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memagent.stores.database.connection import SqliteStore

logger = logging.getLogger(__name__)
MAX_DEFERRED = 4_000
"""Rows that wait for their index at most; a new process reads them in some 20 ms."""


@dataclass(frozen=True, slots=True)
class IndexedUpTo:
    """The highest key whose words are indexed, and the highest record whose digest is."""

    words: int
    digests: int


def indexed_up_to(query: Callable[[str, Sequence[Any]], Sequence[Sequence[Any]]]) -> IndexedUpTo:
    """Return how far the indexes go."""
    return IndexedUpTo(*query("SELECT words, digests FROM settled", ())[0])


def index_digests(db: sqlite3.Connection, *, beyond: int = 0) -> None:
    """Index, within a transaction, all digests that wait if they are more than `beyond`."""
    last, upto = db.execute(
        "SELECT coalesce((SELECT max(seq) FROM records), 0), digests FROM settled"
    ).fetchone()
    if last - upto <= beyond:
        return
    logger.debug("indexing the digests of %d records", last - upto)
    db.execute(
        "INSERT OR IGNORE INTO digests SELECT user, digest, seq FROM records WHERE seq > ?"
        " AND NOT superseded ORDER BY user, digest",
        (upto,),
    )
    db.execute("UPDATE settled SET digests = ?", (last,))


class DigestIndex:
    """Digests of all records: the newest in RAM, the others in an index of the database.

    The newest follow what any process writes. Erased records may still be among them, so that what
    is found there is compared with its row.
    """

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._newest: dict[tuple[int | None, bytes], int] = {}
        self._upto = 0
        self._state = (-1, 0)

    def find(self, user: int | None, digests: Sequence[bytes]) -> dict[bytes, int]:
        """Return which of the digests a user's records have, with their `seq`."""
        with self._store.lock:
            self._catch_up()
            likely = {
                digest: self._newest[user, digest]
                for digest in digests
                if (user, digest) in self._newest
            }
            held = self._store.read.chunked(
                "SELECT digest, seq FROM records WHERE seq IN (*)", list(likely.values())
            )
            found = {row[0]: row[1] for row in held if likely.get(row[0]) == row[1]}
            rows = self._store.read.chunked(
                "SELECT digest, record FROM digests WHERE user = ? AND digest IN (*)",
                digests,
                (user,),
            )
        return found | {row[0]: row[1] for row in rows}

    def add(self, user: int, digests: Mapping[bytes, int], last: int) -> None:
        """Take over what was just written after `find`, in the same transaction."""
        self._newest |= {(user, digest): seq for digest, seq in digests.items()}
        self._upto = last

    def _catch_up(self) -> None:
        """Read what was written since; start anew after an indexing or a rollback."""
        state = (indexed_up_to(self._store.query).digests, self._store.rollbacks)
        if state != self._state:
            self._state, self._upto = state, state[0]
            self._newest.clear()
        rows = self._store.query(
            "SELECT user, digest, seq FROM records WHERE seq > ? ORDER BY seq", (self._upto,)
        )
        if rows:
            self._newest |= {(row[0], row[1]): row[2] for row in rows}
            self._upto = rows[-1][2]
