"""The truth: one SQLite file that holds records, keys, vectors and their history."""

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memagent.errors import StoreError
from memagent.stores.filter import Filter
from memagent.stores.migrations import identify, migrate
from memagent.types import Record, Scope

FILE_NAME = "memory.db"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = "r.*, u.name AS user_name"


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A record on its way into the store, with one vector a key, or none if it is known already."""

    record: Record
    vectors: Sequence[NDArray[np.float32]]
    digest: bytes
    affirm: bool


def digest_of(record: Record, *, dated: bool) -> bytes:
    """Return the hash that makes the same content in the same scope the same record.

    A record whose time the caller gave (`dated`) is another fact at another time.
    """
    scope = record.scope
    since = micros(record.valid_from) if dated else None
    parts = (scope.agent, scope.session, record.kind, record.evidence, record.value, since)
    return hashlib.sha256(json.dumps(parts).encode()).digest()


class SqliteStore:
    """Rows in and rows out, one transaction for each write; safe to share between threads.

    Raises:
        StoreError: the folder or the file cannot be used.
    """

    def __init__(self, folder: Path | None) -> None:
        self.where = ":memory:" if folder is None else str(folder / FILE_NAME)
        self._lock = threading.RLock()
        try:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                self.where, timeout=30, isolation_level=None, check_same_thread=False
            )
            self._db.row_factory = sqlite3.Row
            identify(self._db, self.where)
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                self._db.execute(f"PRAGMA {pragma}")
            self._db.execute("PRAGMA secure_delete = ON")
            migrate(self._db, self.where)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"cannot open a memory in {self.where}: {_reason(error)}") from error

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards."""
        with self._lock:
            self._db.close()

    def meta(self, key: str) -> str | None:
        """Return a setting of the store itself, or None."""
        rows = self.query("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0]["value"]) if rows else None

    def set_meta(self, key: str, value: str) -> None:
        """Write a setting of the store itself."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def owner(self, user: str) -> str | None:
        """Return the token that marks this user's keys, or None for a user never seen."""
        rows = self.query("SELECT id FROM users WHERE name = ?", (user,))
        return f"u{rows[0]['id']}" if rows else None

    def known(self, user: str, record_id: str | None, digest: bytes) -> Record | None:
        """Return the record that this id or this content already is, or None."""
        found = self.query(
            f"SELECT {_COLUMNS} FROM records r JOIN users u ON u.id = r.user"
            " WHERE u.name = ? AND (r.id = ? OR r.digest = ?) ORDER BY r.id = ? DESC LIMIT 1",
            (user, record_id, digest, record_id),
        )
        return self._record(found[0]) if found else None

    def insert(self, drafts: Sequence[Draft]) -> list[Record]:
        """Store all drafts or none, and return the records as they now are, in the same order.

        A draft that is already known is not stored again; an undated one is marked as affirmed now.
        """
        stored = []
        with self._transaction() as db:
            for draft in drafts:
                user = self._user_id(db, draft.record.scope.user)
                before = self.known(draft.record.scope.user, draft.record.id, draft.digest)
                seq = before.seq if before else self._insert_one(db, user, draft)
                if before and draft.affirm:
                    now = micros(datetime.now(UTC))
                    db.execute("UPDATE records SET affirmed = ? WHERE seq = ?", (now, seq))
                    _log(db, seq, "affirm")
                stored.append(seq)
            return self.records(stored)

    def keys(self, ids: Sequence[int]) -> list[sqlite3.Row]:
        """Return rows of keys (id, record, text, vector) by id, in no particular order."""
        marks = ",".join("?" * len(ids))
        return self.query(f"SELECT id, record, text, vector FROM keys WHERE id IN ({marks})", ids)

    def records(self, seqs: Sequence[int]) -> list[Record]:
        """Return records by sequence number, in the order asked for; unknown ones are left out."""
        marks = ",".join("?" * len(set(seqs)))
        rows = self.query(
            f"SELECT {_COLUMNS} FROM records r JOIN users u ON u.id = r.user"
            f" WHERE r.seq IN ({marks})",
            tuple(set(seqs)),
        )
        by_seq = {record.seq: record for record in self._with_keys(rows)}
        return [by_seq[seq] for seq in seqs if seq in by_seq]

    def get(self, scope: Scope, ids: Sequence[str]) -> list[Record]:
        """Return this scope's records by id, in the order asked for; unknown ones are left out."""
        marks = ",".join("?" * len(ids))
        condition, values = Filter(scope=scope).condition()
        rows = self.query(
            f"SELECT {_COLUMNS} FROM records r JOIN users u ON u.id = r.user"
            f" WHERE {condition} AND r.id IN ({marks})",
            (*values, *ids),
        )
        by_id = {record.id: record for record in self._with_keys(rows)}
        return [by_id[one] for one in ids if one in by_id]

    def newest(self, where: Filter, limit: int) -> list[Record]:
        """Return the records written last, newest first."""
        condition, values = where.condition()
        rows = self.query(
            f"SELECT {_COLUMNS} FROM records r JOIN users u ON u.id = r.user"
            f" WHERE {condition} ORDER BY r.seq DESC LIMIT ?",
            (*values, limit),
        )
        return self._with_keys(rows)

    def forget(self, scope: Scope, ids: Sequence[str]) -> int:
        """Erase records by id, with their keys, vectors and history; return how many there were."""
        with self._transaction() as db:
            found = self.get(scope, ids)
            for record in found:
                db.execute("DELETE FROM records WHERE seq = ?", (record.seq,))
            if found:
                db.execute("UPDATE users SET removals = removals + 1 WHERE name = ?", (scope.user,))
        return len(found)

    def counts(self) -> dict[str, int]:
        """Return how many users, records and keys the store holds."""
        return {
            name: int(self.query(f"SELECT count(*) AS n FROM {name}")[0]["n"])
            for name in ("users", "records", "keys")
        }

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Run one reading statement.

        Raises:
            StoreError: the database cannot be read.
        """
        with self._lock, _translated(self.where):
            return self._db.execute(sql, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _translated(self.where):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _user_id(self, db: sqlite3.Connection, name: str) -> int:
        db.execute("INSERT OR IGNORE INTO users(name) VALUES (?)", (name,))
        (number,) = db.execute("SELECT id FROM users WHERE name = ?", (name,)).fetchone()
        return int(number)

    def _insert_one(self, db: sqlite3.Connection, user: int, draft: Draft) -> int:
        record = draft.record
        if len(draft.vectors) != len(record.keys):
            raise StoreError("a record was forgotten while it was told again; nothing was written")
        row = {
            "id": record.id,
            "user": user,
            "agent": record.scope.agent,
            "session": record.scope.session,
            "kind": record.kind,
            "value": record.value,
            "digest": draft.digest,
            "evidence": record.evidence,
            "created": micros(record.created),
            "valid_from": micros(record.valid_from),
            "valid_to": None if record.valid_to is None else micros(record.valid_to),
            "supersedes": record.supersedes,
            "sources": json.dumps(record.sources),
            "context": json.dumps(record.context),
            "metadata": json.dumps(dict(record.metadata)),
        }
        names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
        seq = db.execute(f"INSERT INTO records ({names}) VALUES ({marks})", row).lastrowid
        assert seq is not None
        db.executemany(
            "INSERT INTO keys(record, owner, text, vector) VALUES (?, ?, ?, ?)",
            [
                (seq, f"u{user}", text, vector.tobytes())
                for text, vector in zip(record.keys, draft.vectors, strict=True)
            ],
        )
        _log(db, seq, "add")
        return seq

    def _with_keys(self, rows: Sequence[sqlite3.Row]) -> list[Record]:
        records = [self._record(row) for row in rows]
        marks = ",".join("?" * len(records))
        keys: dict[int, list[str]] = {}
        for row in self.query(
            f"SELECT record, text FROM keys WHERE record IN ({marks}) ORDER BY id",
            [record.seq for record in records],
        ):
            keys.setdefault(row["record"], []).append(row["text"])
        return [replace(record, keys=tuple(keys.get(record.seq, ()))) for record in records]

    def _record(self, row: sqlite3.Row) -> Record:
        return Record(
            seq=row["seq"],
            id=row["id"],
            kind=row["kind"],
            value=row["value"],
            keys=(),
            scope=Scope(user=row["user_name"], agent=row["agent"], session=row["session"]),
            created=_moment(row["created"]),
            valid_from=_moment(row["valid_from"]),
            valid_to=None if row["valid_to"] is None else _moment(row["valid_to"]),
            affirmed=None if row["affirmed"] is None else _moment(row["affirmed"]),
            supersedes=row["supersedes"],
            sources=tuple(json.loads(row["sources"])),
            context=tuple(json.loads(row["context"])),
            evidence=bool(row["evidence"]),
            metadata=json.loads(row["metadata"]),
            recalled=row["recalled"],
            helped=row["helped"],
            hurt=row["hurt"],
        )


def _log(db: sqlite3.Connection, seq: int, action: str) -> None:
    now = micros(datetime.now(UTC))
    db.execute("INSERT INTO history(record, at, action) VALUES (?, ?, ?)", (seq, now, action))


def micros(moment: datetime) -> int:
    """Return a time as whole microseconds since 1970, exactly."""
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)


@contextmanager
def _translated(where: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"the memory in {where} cannot be used: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return str(error)
