"""Opening of a store's file: its modes, its settings, and its schema."""

import sqlite3
import time
from contextlib import nullcontext
from pathlib import Path

from memagent.errors import StoreError
from memagent.files import create_private, make_private, make_private_folder
from memagent.stores.database.metadata_filter import metadata_matches
from memagent.stores.database.schema import STEPS, identify, migrate
from memagent.stores.database.writer_queue import WriterQueue

FILES = ("memory.*", "cache.db*", "index", "index/*")
"""Files of a store in its folder, as patterns."""
CHECKPOINT_PAGES = 8_000
"""Pages of the write-ahead log (32 MB) after which it is moved into the database."""
BUSY_TIMEOUT_SECONDS = 30
"""Seconds to wait for another process that is writing without standing in the queue."""
CACHE_KIB = 32_000
DATABASE_ERRORS = (sqlite3.Error, UnicodeError)
"""The errors that SQLite raises; the latter when its own message quotes damaged text."""
MIN_DATABASE_BYTES = 512
"""Size of the smallest database; SQLite takes a shorter file for a new one, and overwrites it."""


def prepare_folder(folder: Path, file: str) -> None:
    """Make a store's folder and file where need be, for their owner alone.

    What is there of the store becomes its owner's alone too; the folder keeps its mode.

    Raises:
        OSError: they cannot be made.
        StoreError: the file was cut short.
    """
    make_private_folder(folder)
    create_private(folder / file)
    for pattern in FILES:
        for path in folder.glob(pattern):
            make_private(path)
    if 0 < (folder / file).stat().st_size < MIN_DATABASE_BYTES:
        raise StoreError(f"{folder / file} is not a database, or was cut short")


def opened(location: str, queue: WriterQueue | None = None) -> sqlite3.Connection:
    """Open a store's file and bring it to the newest schema, in turn with the writers of a `queue`.

    Raises:
        StoreError: it belongs to another program or to a newer memagent.
        sqlite3.Error: it cannot be used.
    """
    db = sqlite3.connect(
        location, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        db.row_factory = sqlite3.Row
        newest = identify(db, location) == len(STEPS)
        with nullcontext() if newest or queue is None else queue.turn():
            _enable_write_ahead_log(db)
            for pragma in ("synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
                db.execute(f"PRAGMA {pragma}")
            db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            migrate(db, location)
        db.create_function("metadata_matches", 2, metadata_matches, deterministic=True)
    except BaseException:
        db.close()
        raise
    return db


def _enable_write_ahead_log(db: sqlite3.Connection) -> None:
    """Turn the write-ahead log on, waiting while another process does: SQLite itself does not."""
    until = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)


def reason(error: Exception) -> str:
    """Return why a file cannot be used, in one line."""
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return " ".join(str(error).split())
