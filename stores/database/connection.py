"""SQLite store: one file that holds records, keys, vectors and their history."""

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from memagent.errors import InvalidInput, StoreBusy, StoreError, UserError
from memagent.process import abandon, at_fork
from memagent.stores.database import writer_queue
from memagent.stores.database.filters import Filter, micros
from memagent.stores.database.opening import DATABASE_ERRORS, opened, prepare_folder, reason
from memagent.stores.database.reader import LAST, Reader
from memagent.stores.database.rows import event_of, moment_of, reading
from memagent.stores.database.writer_queue import WriterQueue
from memagent.types import Event, Record, Scope

logger = logging.getLogger(__name__)

FILE_NAME = "memory.db"
CHECKPOINT_WAIT_MS = 1_000
"""Milliseconds to wait for readers of an older state before the log is left as it is."""
CHECKPOINT_TRY_MS = 50
"""Milliseconds of one try, in which nobody can write."""
CHECKPOINT_PAUSE_MS = 5
FORK_SECONDS = 60
"""Seconds that a fork waits for a thread that is writing."""
MAX_RESULTS = 1_000
"""Small results that are kept until something changes."""


@dataclass(frozen=True, slots=True)
class State:
    """State of a user's keys: an index compares it to see whether it is up to date.

    `rewrites` counts how often vectors were replaced in their places, which makes an index of them
    worthless; `removals` counts these and the erasures, `change` is the last change that was
    marked, and `key` the newest key.
    """

    owner: str
    removals: int
    rewrites: int
    change: int
    key: int


class SqliteStore:
    """SQLite database of one memory: a transaction for each write; safe to share between threads.

    Before the process forks the file is closed, and parent and child open it anew: neither locks
    nor log can be shared. A store in RAM can only be read in the child. `rollbacks` counts the
    transactions that were rolled back, and the connections made anew; a cache drops what it read.

    Raises:
        StoreError: the folder or the file cannot be used.
    """

    def __init__(self, folder: Path | None) -> None:
        self.location = ":memory:" if folder is None else str(folder / FILE_NAME)
        self._lock = threading.RLock()
        self._queue = WriterQueue(None if folder is None else folder / writer_queue.FILE_NAME)
        self._refusal: str | None = None
        self._at_rest = self._copied = False
        self.read = Reader(self.query, self.user)
        self.rollbacks = 0
        self._state = (0, 0)
        self._results: dict[tuple[str, tuple[str, ...]], list[sqlite3.Row]] = {}
        try:
            if folder is not None:
                prepare_folder(folder, FILE_NAME)
            self._open: sqlite3.Connection | None = opened(self.location, self._queue)
        except (*DATABASE_ERRORS, OSError) as error:
            raise StoreError(f"cannot open a memory in {self.location}: {reason(error)}") from error
        at_fork(before=self._rest, after_in_parent=self._resume, after_in_child=self._begin_anew)

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards."""
        with self._lock:
            if self._open is not None:
                self._open.close()
                self._open = None
            self._refusal = self._refusal or f"the memory in {self.location} is closed"

    @property
    def _db(self) -> sqlite3.Connection:
        """The connection, made anew after a fork; to be used while the lock is held."""
        if self._refusal is not None:
            raise StoreError(self._refusal)
        if self._open is None:
            self._open = opened(self.location)
            self._results.clear()
            self.rollbacks += 1
        return self._open

    def _rest(self) -> None:
        """Close the file before a fork, once no thread uses it."""
        self._at_rest = self._lock.acquire(timeout=FORK_SECONDS)
        if not self._at_rest or self._open is None:
            return
        if self._open.in_transaction:  # of the thread that forks
            self._resume()
            self._at_rest = False
        elif self.location != ":memory:":
            self._open.close()
            self._open = None

    def _resume(self) -> None:
        if self._at_rest:
            self._lock.release()

    def _begin_anew(self) -> None:
        """Leave alone, in the child, what is the parent's."""
        self._copied = self.location == ":memory:"
        if self._at_rest:
            self._resume()
            return
        self._lock = threading.RLock()
        self._refusal = self._refusal or (
            f"the memory in {self.location} was being written when this process was forked:"
            " only a process that is started anew can use it"
        )
        abandon(self._open)
        self._open = None

    def meta(self, key: str) -> str | None:
        """Return a setting of the store itself, or None."""
        rows = self.cached_query("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0]["value"]) if rows else None

    def set_meta(self, key: str, value: str) -> None:
        """Write a setting of the store itself, unless it has one."""
        with self.transaction() as db:
            db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (key, value))

    def user(self, name: str) -> int | None:
        """Return a user's number, or None for a user never seen."""
        rows = self.cached_query("SELECT id FROM users WHERE name = ?", (name,))
        return rows[0][0] if rows else None

    def owner(self, user: str) -> str | None:
        """Return the token that marks this user's keys, or None for a user never seen."""
        number = self.user(user)
        return None if number is None else f"u{number}"

    @property
    def index_folder(self) -> Path | None:
        """Folder of the snapshots of the index; None for a store in RAM."""
        return None if self.location == ":memory:" else Path(self.location).parent / "index"

    def removals(self, owner: str) -> int:
        """Return how often something of a user's was removed; -1 for a token never given."""
        rows = self.query("SELECT removals FROM users WHERE 'u' || id = ?", (owner,))
        return int(rows[0][0]) if rows else -1

    def state(self, user: str) -> State | None:
        """Return the state of a user's keys, or None for a user never seen."""
        rows = self.cached_query(
            "SELECT 'u' || id, removals, rewrites,"
            " (SELECT coalesce(max(seq), 0) FROM changes WHERE owner = 'u' || users.id),"
            " (SELECT coalesce(max(id), 0) FROM keys WHERE owner = 'u' || users.id)"
            " FROM users WHERE name = ?",
            (user,),
        )
        return State(*rows[0]) if rows else None

    def now(self, user: str) -> datetime:
        """Return the time for a new record: the clock's, but after the last writing or affirmation.

        A clock that was set back must not make a new record look older than those before it.
        """
        ((last,),) = self.query(
            "SELECT max(coalesce((SELECT created FROM records WHERE user = ?1 ORDER BY seq DESC"
            " LIMIT 1), 0), coalesce((SELECT max(affirmed) FROM records WHERE user = ?1"
            " AND affirmed IS NOT NULL), 0))",
            (self.user(user),),
        )
        now = datetime.now(UTC)
        with reading("a record's time"):
            return now if micros(now) > last else moment_of(last + 1)

    def ids(self, where: Filter) -> list[str]:
        """Return the ids of all records that pass, in the order of writing."""
        condition, values = where.condition()
        rows = self.query(f"SELECT r.id FROM records r WHERE {condition} ORDER BY r.seq", values)
        return [row["id"] for row in rows]

    def history(self, seqs: Sequence[int]) -> list[Event]:
        """Return the events of records, in order.

        The adding of a record is stored only if the caller said who added it, or why.
        """
        among = "IN (SELECT value FROM json_each(?1))"
        rows = self.query(
            "SELECT 0 AS id, r.id AS record_id, r.created AS at, 'add' AS action, NULL AS who,"
            f" NULL AS why FROM records r WHERE r.seq {among} AND NOT EXISTS"
            " (SELECT 1 FROM history h WHERE h.record = r.seq AND h.action = 'add')"
            " UNION ALL SELECT h.id, r.id, h.at, h.action, h.who, h.why FROM history h"
            f" JOIN records r ON r.seq = h.record WHERE h.record {among} ORDER BY 1, 3",
            (json.dumps(list(seqs)),),
        )
        with reading("the history of a record"):
            return [event_of(row) for row in rows]

    def counts(self) -> dict[str, int]:
        """Return how many users, records, superseded records, keys and events the store holds."""
        tables = {"users": "users", "records": "records", "keys": "keys", "events": "history"}
        tables["superseded"] = "records WHERE superseded"
        tables["added"] = "history WHERE action = 'add'"
        found = {
            name: int(self.query(f"SELECT count(*) AS n FROM {table}")[0]["n"])
            for name, table in tables.items()
        }
        found["events"] += found["records"] - found.pop("added")
        return found

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Run one reading statement.

        Raises:
            StoreError: the database cannot be read.
        """
        with self._lock:
            try:
                return self._db.execute(sql, values).fetchall()
            except DATABASE_ERRORS as error:
                raise self._failure(error) from error

    def cached_query(self, sql: str, values: tuple[str, ...]) -> list[sqlite3.Row]:
        """Run a reading statement; its rows are kept until any process changes the database."""
        with self._lock:
            try:
                (version,) = self._db.execute("PRAGMA data_version").fetchone()
                state = (version, self._db.total_changes)
                if state != self._state or len(self._results) >= MAX_RESULTS:
                    self._state = state
                    self._results.clear()
                found = self._results.get((sql, values))
                if found is None:
                    found = self._results[sql, values] = self._db.execute(sql, values).fetchall()
                return found
            except DATABASE_ERRORS as error:
                raise self._failure(error) from error

    @property
    def lock(self) -> "threading.RLock":
        """Lock to hold while something is read in several steps."""
        return self._lock

    def checkpoint(self) -> bool:
        """Move the write-ahead log into the database and empty it; return whether it was possible.

        It cannot while another process is still reading an older state, or when the disk is full.
        Between the tries others may write.
        """
        until = time.monotonic() + CHECKPOINT_WAIT_MS / 1000
        while True:
            try:
                if self._checkpointed():
                    return True
            except StoreError as error:
                logger.warning("the write-ahead log is not emptied: %s", error)
                return False
            if time.monotonic() > until:
                logger.info("the write-ahead log is not emptied: another process reads it")
                return False
            time.sleep(CHECKPOINT_PAUSE_MS / 1000)

    def _checkpointed(self) -> bool:
        with self._queue.turn(), self._lock:
            ((timeout,),) = self.query("PRAGMA busy_timeout")
            self.query(f"PRAGMA busy_timeout = {min(CHECKPOINT_TRY_MS, timeout)}")
            try:
                (row,) = self.query("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                self.query(f"PRAGMA busy_timeout = {timeout}")
        return not row[0]

    def vacuum(self) -> None:
        """Write the database anew without its free pages, in turn with the writers."""
        with self._queue.turn():
            self.query("VACUUM")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock; all that is written in the block is kept, or none of it.

        A block within a block is part of the outer one. Threads and processes have their turns in
        the order they come.

        Raises:
            StoreBusy: the writers before did not end in time.
        """
        with self._queue.turn(), self._lock, self._translated():
            db = self._db
            if db.in_transaction:
                yield db
                return
            if self._copied:
                raise StoreError(
                    "a memory in RAM belongs to the process that opened it: what a forked process"
                    " writes to its copy would be lost"
                )
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                self._db.execute("COMMIT")
            except BaseException:
                if self._open is db and db.in_transaction:
                    db.execute("ROLLBACK")
                self._results.clear()  # what was read of the writes that are undone
                self.rollbacks += 1
                raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DATABASE_ERRORS as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> UserError:
        if isinstance(error, UnicodeEncodeError):  # of what a caller gave; none is stored
            return InvalidInput("a text holds half of a character (a lone surrogate)")
        code = getattr(error, "sqlite_errorcode", 0)
        if code & 0xFF == sqlite3.SQLITE_BUSY:
            return StoreBusy(
                f"another program holds the memory in {self.location}: try again when it is done"
            )
        return StoreError(f"the memory in {self.location} cannot be used: {reason(error)}")


def sessions(store: SqliteStore, scope: Scope, start: str) -> tuple[str, ...]:
    """Return the sessions that hold records of a scope and begin with `start`, in order."""
    condition, values = Filter(scope=scope, everything=True).condition()
    rows = store.query(
        "SELECT DISTINCT r.session FROM records r JOIN users u ON u.id = r.user"
        f" WHERE {condition} AND r.session >= ? AND r.session < ? ORDER BY r.session",
        (*values, start, start + LAST),
    )
    return tuple(str(row["session"]) for row in rows)


def session_scopes(store: SqliteStore, scope: Scope) -> list[Scope]:
    """Return the scopes, each with its agent and session, of the sessions that a scope holds."""
    condition, values = Filter(scope=scope, everything=True).condition()
    rows = store.query(
        f"SELECT DISTINCT r.agent, r.session FROM records r WHERE {condition}"
        " AND r.session IS NOT NULL ORDER BY r.session, r.agent",
        values,
    )
    return [Scope(user=scope.user, agent=row["agent"], session=row["session"]) for row in rows]


def newest(store: SqliteStore, scope: Scope, ids: Sequence[str]) -> dict[str, Record]:
    """Return the newest version of each record, by the id that was asked for.

    The id may be that of any version; what is not in the scope, of either, is left out.
    """
    user = store.user(scope.user)
    rows = store.read.chunked(
        """WITH RECURSIVE chain(asked, id) AS (
            SELECT id, id FROM records WHERE user = ?1 AND (?2 IS NULL OR agent = ?2)
                AND (?3 IS NULL OR session = ?3) AND id IN (*) UNION
            SELECT c.asked, r.id FROM chain c JOIN records r
                ON r.user = ?1 AND r.supersedes = c.id
        ) SELECT c.asked, c.id FROM chain c
            JOIN records r ON r.user = ?1 AND r.id = c.id WHERE NOT r.superseded""",
        ids,
        (user, scope.agent, scope.session),
    )
    found = {row["asked"]: row["id"] for row in rows}
    records = {record.id: record for record in store.read.get(scope, list(found.values()))}
    return {asked: records[last] for asked, last in found.items() if last in records}
