"""Snapshots of large partitions in files: opening a store need not read and sketch every vector.

A file is a cache: three parts, of which the first line is the checksum of the rest, the second says
what the body holds, and the body holds arrays one after the other:

    {"arrays": [["table", "int64", [10, 20000]], ...], "stamp": {"store": "...", ...}, "texts": ...}

It is written next to its place, under the numbers of the process and the thread that write it, and
moved there; what a killed process left unfinished is removed when the store is opened. Whatever
does not fit (another store, another generation, a single changed byte) makes it as if it were not
there.
"""

import hashlib
import json
import logging
import os
import re
import secrets
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from memagent.errors import StoreError
from memagent.files import make_private_folder, write_durable
from memagent.process import lock
from memagent.stores.database.connection import SqliteStore, State
from memagent.stores.database.rows import packed
from memagent.stores.index.partition import Partition
from memagent.stores.index.vectors import SKETCH_FROM

logger = logging.getLogger(__name__)

FORMAT = 3
GROWTH = 1.1
"""A file is written anew when the partition has grown by a tenth."""
SAMPLE = 32
"""Number of a file's keys that are compared with the database before it is believed."""
UNFINISHED = re.compile(r"u\d+\.(\d+)-\d+")
"""The name of a file that is being written, with the number of the process that writes it."""
_writing: set[str] = set()
"""The names of the files that the threads of this process are writing."""
_lock = lock()
"""Held while `_writing` is changed, or relied on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """Stamp of a snapshot: the store, the user's token, and the state it was taken in.

    `mark` is drawn for each file and written into the store with it: a store that was put back from
    a copy may reach the same numbers by other ways.
    """

    store: str
    owner: str
    removals: int
    change: int
    key: int
    mark: str
    format: int = FORMAT


class Snapshots:
    """One file a user in the folder `index` beside the database; none for a store in RAM."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        if store.index_folder is not None:
            _remove_unfinished(store.index_folder)

    def load(self, state: State, dimensions: int) -> Partition | None:
        """Return a user's partition as a file holds it, or None if there is any doubt about it."""
        path = self._path(state.owner)
        if path is None:
            return None
        try:
            with path.open("rb") as file:
                checksum, rest = file.readline().strip(), file.read()
            if hashlib.blake2b(rest).hexdigest().encode() != checksum:
                return None
            end = rest.index(b"\n")
            header = json.loads(rest[:end])
            stamp = Stamp(**header["stamp"])
            arrays, start = {}, end + 1
            for name, kind, shape in header["arrays"]:
                array = np.frombuffer(rest, kind, int(np.prod(shape)), start).reshape(shape)
                arrays[name] = array.copy()
                start += array.nbytes
            partition = Partition(dimensions, state)
            partition.removals, partition.change = stamp.removals, stamp.change
            partition.restore(arrays, header["texts"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, MemoryError) as error:
            logger.warning("%s is not used: %s", path.name, type(error).__name__)
            return None
        return partition if self._fits(partition, stamp, state) else None

    def save(self, owner: str, partition: Partition) -> bool:
        """Write a large partition that has grown since it was last written; tell whether it was."""
        path = self._path(owner)
        if path is None or len(partition) < max(SKETCH_FROM, GROWTH * partition.saved):
            return False
        temporary = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        stamp = Stamp(
            store=self._store.meta("id") or "",
            owner=owner,
            removals=partition.removals,
            change=partition.change,
            key=partition.last_key,
            mark=secrets.token_hex(8),
        )
        with _lock:
            _writing.add(temporary.name)
        try:
            _write(temporary, stamp, partition)
            with self._store.transaction() as db:  # nothing is forgotten before the move
                current = self._store.removals(owner) == partition.removals
                if current:
                    marked = (_marked(owner), stamp.mark)
                    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", marked)
                    temporary.replace(path)
        except (OSError, StoreError) as error:  # a full disk costs a cache, not an answer
            logger.warning("%s is not written: %s", path.name, type(error).__name__)
            current = False
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            with _lock:
                _writing.discard(temporary.name)
        if current:
            partition.saved = len(partition)
        return current

    def _path(self, owner: str) -> Path | None:
        folder = self._store.index_folder
        return None if folder is None else folder / f"{owner}.snapshot"

    def _fits(self, partition: Partition, stamp: Stamp, state: State) -> bool:
        """Tell whether a snapshot is of this store, and of no later state than it is in now."""
        if (
            stamp.store != self._store.meta("id")
            or (stamp.format, stamp.owner) != (FORMAT, state.owner)
            or stamp.mark != self._store.meta(_marked(state.owner))
            or stamp.removals != state.removals
            or stamp.change > state.change
            or stamp.key > state.key
            or stamp.key != partition.last_key
            or not partition.intact
        ):
            return False
        places = np.unique(np.linspace(0, len(partition) - 1, SAMPLE, dtype=np.int64))
        keys = partition.column("key_id")[places].tolist()
        blobs = packed(partition.vectors.rows(places))
        records = partition.column("record")[places].tolist()
        marks = ",".join("?" * len(keys))
        rows = self._store.query(
            f"SELECT id, record, vector FROM keys WHERE owner = ? AND id IN ({marks}) ORDER BY id",
            (state.owner, *keys),
        )
        return [tuple(row) for row in rows] == list(zip(keys, records, blobs, strict=True))


def _marked(owner: str) -> str:
    return f"snapshot {owner}"


def drop(store: SqliteStore, owner: str | None = None) -> None:
    """Remove a user's snapshot, finished or not, or everybody's; called within a transaction.

    Raises:
        StoreError: one cannot be removed, and would keep what is to be forgotten.
    """
    folder = store.index_folder
    if folder is not None:
        for path in folder.glob(f"{owner or '*'}.*"):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise StoreError(f"{path} cannot be removed: {error.strerror}") from error


def _remove_unfinished(folder: Path) -> None:
    """Remove the unfinished files of processes that are no more; what cannot be removed stays."""
    for path in folder.glob("u*.*-*"):
        named = UNFINISHED.fullmatch(path.name)
        if named is None or _alive(int(named[1])):
            continue
        with _lock, suppress(OSError):
            if path.name not in _writing:
                path.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    """Tell whether another process of that number is running, as far as this system tells.

    Our own number may be that of a process before us: of its files `_writing` tells which are ours.
    """
    if process == os.getpid():
        return False
    if os.name != "posix":
        return True  # elsewhere to ask for a process by a signal would end it
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _write(path: Path, stamp: Stamp, partition: Partition) -> None:
    arrays, texts = partition.state()
    described = [[name, str(array.dtype), list(array.shape)] for name, array in arrays.items()]
    header = {"stamp": asdict(stamp), "texts": texts, "arrays": described}
    parts = [json.dumps(header).encode() + b"\n", *(array.tobytes() for array in arrays.values())]
    checksum = hashlib.blake2b()
    for part in parts:
        checksum.update(part)
    make_private_folder(path.parent)
    write_durable(path, [checksum.hexdigest().encode() + b"\n", *parts])
