"""Audit log: who wrote, searched or erased which records, and when.

No text, no query and no id is kept: an entry has the numbers of records, which are never given
again. Those of a forgotten record lead nowhere, and a user of whom nothing is left has no name.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import micros
from memagent.stores.database.rows import moment_of

MAX_RECORDS = 1_000
"""Records that an entry names at most; its count has them all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """Entry to write: what somebody did, to which records (by id) of which user.

    `count` is how many records it was, None for as many as there are `ids`.
    """

    at: datetime
    key: str | None
    verb: str
    user: str
    ids: Sequence[str] = ()
    count: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditEntry:
    """Entry of the log; `key` is the key's id, None without one.

    `user` is None if nothing is left of that user. `ids` are the records that are still there,
    `records` counts all that were meant.
    """

    at: datetime
    key: str | None
    verb: str
    user: str | None
    ids: tuple[str, ...]
    records: int


class AuditLog:
    """Audit log of a store."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def write(self, entries: Sequence[Entry]) -> None:
        """Write entries in one transaction."""
        with self._store.transaction() as db:
            for entry in entries:
                user = self._store.user(entry.user)
                db.execute(
                    "INSERT INTO audit (at, key, verb, user, records, seqs) SELECT ?1, ?2, ?3, ?4,"
                    " ?5, json_group_array(seq) FROM (SELECT r.seq FROM json_each(?6) j CROSS JOIN"
                    " records r ON r.user = ?4 AND r.id = j.value)",
                    (
                        micros(entry.at),
                        entry.key,
                        entry.verb,
                        user,
                        len(entry.ids) if entry.count is None else entry.count,
                        json.dumps(list(entry.ids[:MAX_RECORDS])),
                    ),
                )

    def list(
        self,
        *,
        user: str | None = None,
        key: str | None = None,
        verb: str | None = None,
        since: datetime | None = None,
        limit: int = 100,
    ) -> list[AuditEntry]:
        """Return the newest entries that fit, newest first."""
        rows = self._store.query(
            "SELECT a.*, u.name, (SELECT json_group_array(r.id) FROM json_each(a.seqs) j"
            " CROSS JOIN records r ON r.seq = j.value) AS ids"
            " FROM audit a LEFT JOIN users u ON u.id = a.user"
            " WHERE (?1 IS NULL OR u.name = ?1) AND (?2 IS NULL OR a.key = ?2)"
            " AND (?3 IS NULL OR a.verb = ?3) AND (?4 IS NULL OR a.at >= ?4)"
            " ORDER BY a.id DESC LIMIT ?5",
            (user, key, verb, micros(since) if since else None, limit),
        )
        return [
            AuditEntry(
                at=moment_of(row["at"]),
                key=row["key"],
                verb=row["verb"],
                user=row["name"],
                ids=tuple(json.loads(row["ids"])),
                records=row["records"],
            )
            for row in rows
        ]

    def last_used(self) -> dict[str, datetime]:
        """Return when each key, by id, did what the log still has."""
        rows = self._store.query(
            "SELECT key, max(at) AS at FROM audit WHERE key IS NOT NULL GROUP BY key"
        )
        return {row["key"]: moment_of(row["at"]) for row in rows}

    def prune(self, older_than: timedelta) -> int:
        """Remove entries that are older, and return how many they were."""
        until = micros(datetime.now(UTC) - older_than)
        with self._store.transaction() as db:
            return db.execute("DELETE FROM audit WHERE at < ?", (until,)).rowcount
