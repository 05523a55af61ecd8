"""Embedding cache: vectors of stored texts, in a file beside the store that may be deleted.

It holds no text: a vector's name is a hash of its text and of the embedder's fingerprint. What is
only searched for never gets here; what is forgotten, or could not be stored, is erased by its name.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memagent.errors import StoreError
from memagent.files import create_private
from memagent.process import at_fork
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.opening import BUSY_TIMEOUT_SECONDS
from memagent.stores.database.rows import packed, unpacked

logger = logging.getLogger(__name__)

FILE_NAME = "cache.db"
MAX_BYTES = 64 * 1024 * 1024
NAME_BYTES, SUM_BYTES = 24, 8
ROW_BYTES = 100
"""Bytes that a row takes beside its vector."""
WAIT = 0.2
"""Seconds to wait for another process that is writing, before going on without."""
MARKS = 500
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS vectors"
    " (id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, vector BLOB NOT NULL)"
)

Embed = Callable[[Sequence[str]], NDArray[np.float32]]


class VectorCache:
    """A cache of at most about `max_bytes`, the oldest going first; none for a store in RAM.

    A row that fails its checksum counts as missing, a damaged file is made anew, and whatever else
    keeps the file from being used, texts are embedded as if there were no cache.
    """

    def __init__(self, store: SqliteStore, max_bytes: int = MAX_BYTES) -> None:
        self._file = _file(store) if max_bytes > 0 else None
        self._max_bytes = max_bytes
        self._db: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        at_fork(before=self._rest, after_in_parent=self._resume, after_in_child=self._resume)

    def documents(
        self, texts: Sequence[str], fingerprint: str, embed: Embed
    ) -> NDArray[np.float32]:
        """Return texts x dimensions: what is known from the file, the rest from `embed`.

        `fingerprint` is what the store remembers of the embedder, the same for all who use it.
        """
        if self._file is None or not texts:
            return embed(texts)
        salt = blake2b(fingerprint.encode()).digest()
        names = [_name(text, salt) for text in texts]
        known = self._guarded(lambda db: _read(db, names)) or {}
        missing = {name: text for name, text in zip(names, texts, strict=True) if name not in known}
        if missing:
            made = packed(embed(list(missing.values())))
            fresh = dict(zip(missing, made, strict=True))
            self._guarded(lambda db: self._write(db, fresh))
            known |= fresh
        return unpacked([known[name] for name in names])

    def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        self._rest()
        self._resume()

    def _rest(self) -> None:
        """Close the file, also for a fork, and let nobody open it."""
        self._lock.acquire()
        if self._db is not None:
            self._db.close()
            self._db = None

    def _resume(self) -> None:
        self._lock.release()

    def _guarded(
        self, use: Callable[[sqlite3.Connection], dict[bytes, bytes] | None]
    ) -> dict[bytes, bytes] | None:
        """Use the file if it can be used, and delete it if it is damaged."""
        assert self._file is not None
        with self._lock:
            try:
                if self._db is None:
                    self._db = _open(self._file, WAIT)
                return use(self._db)
            except sqlite3.OperationalError as error:  # locked, read-only, or no room
                logger.info("the embedding cache is not used: %s", error)
                return None
            except (sqlite3.Error, UnicodeDecodeError) as error:
                logger.warning(
                    "the embedding cache is damaged and made anew: %s", type(error).__name__
                )
                if self._db is not None:
                    self._db.close()
                    self._db = None
                _remove(self._file)
                return None

    def _write(self, db: sqlite3.Connection, fresh: dict[bytes, bytes]) -> None:
        rows = [(name, blob + _sum(name, blob)) for name, blob in fresh.items()]
        most = max(self._max_bytes // (len(rows[0][1]) + ROW_BYTES), 1)
        with db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT OR REPLACE INTO vectors (name, vector) VALUES (?, ?)", rows)
            db.execute("DELETE FROM vectors WHERE id <= (SELECT max(id) FROM vectors) - ?", (most,))


def empty(store: SqliteStore) -> None:
    """Erase all that the cache of a store holds, and leave none of its bytes in the file.

    Raises:
        StoreError: the file is in use for too long, or cannot be written.
    """
    _change(store, lambda db: db.execute("DELETE FROM vectors"))


def erase(store: SqliteStore, texts: Iterable[str]) -> None:
    """Erase the vectors of some texts from a store's cache, and leave none of their bytes.

    Raises:
        StoreError: the file is in use for too long, or cannot be written.
    """
    fingerprint = store.meta("embedder")
    if fingerprint is None:
        return
    salt = blake2b(fingerprint.encode()).digest()
    names = [_name(text, salt) for text in dict.fromkeys(texts)]

    def drop(db: sqlite3.Connection) -> None:
        db.executemany("DELETE FROM vectors WHERE name = ?", [(name,) for name in names])

    _change(store, drop, unless=lambda db: not _read(db, names, damaged=True))


def _change(
    store: SqliteStore,
    change: Callable[[sqlite3.Connection], object],
    *,
    unless: Callable[[sqlite3.Connection], bool] = lambda _: False,
) -> None:
    file = _file(store)
    if file is None or not file.exists():
        return
    try:
        db = _open(file, BUSY_TIMEOUT_SECONDS)
        try:
            if not unless(db):
                db.execute("PRAGMA synchronous = FULL")
                db.execute("BEGIN IMMEDIATE")
                change(db)
                db.execute("COMMIT")
        finally:
            db.close()
    except sqlite3.OperationalError as error:
        raise StoreError(f"{file} cannot be emptied: {error}") from error
    except (sqlite3.Error, UnicodeDecodeError):
        _remove(file)


def _file(store: SqliteStore) -> Path | None:
    return None if store.location == ":memory:" else Path(store.location).with_name(FILE_NAME)


def _open(file: Path, wait: float) -> sqlite3.Connection:
    with suppress(OSError):  # SQLite says what is wrong
        create_private(file)
    db = sqlite3.connect(file, timeout=wait, isolation_level=None, check_same_thread=False)
    try:
        # What a power cut leaves half written is found out by the checksums.
        for pragma in ("auto_vacuum = FULL", "synchronous = OFF", "secure_delete = ON"):
            db.execute(f"PRAGMA {pragma}")
        db.execute(SCHEMA)
    except BaseException:
        db.close()
        raise
    return db


def _read(
    db: sqlite3.Connection, names: Sequence[bytes], *, damaged: bool = False
) -> dict[bytes, bytes]:
    """Return the vectors of some names; with `damaged` also those that fail their checksum."""
    found: dict[bytes, bytes] = {}
    for start in range(0, len(names), MARKS):
        part = names[start : start + MARKS]
        marks = ",".join("?" * len(part))
        for name, row in db.execute(
            f"SELECT name, vector FROM vectors WHERE name IN ({marks})", part
        ):
            if damaged or (
                isinstance(row, bytes) and _sum(name, row[:-SUM_BYTES]) == row[-SUM_BYTES:]
            ):
                found[name] = row[:-SUM_BYTES]
    return found


def _name(text: str, salt: bytes) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=NAME_BYTES, key=salt).digest()


def _sum(name: bytes, blob: bytes) -> bytes:
    return blake2b(name + blob, digest_size=SUM_BYTES).digest()


def _remove(file: Path) -> None:
    for name in (file.name, f"{file.name}-journal"):
        file.with_name(name).unlink(missing_ok=True)
