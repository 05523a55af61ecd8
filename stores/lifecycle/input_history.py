"""Input history of chats: the lines that a user typed, in a file beside the database.

Each user has a file of its own, whose name does not tell the user's. A line is a JSON string, and
what is no such line is passed over.
"""

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Set
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

from memagent.errors import StoreError
from memagent.files import write_durable
from memagent.redaction.redactor import Redactor
from memagent.stores.database.connection import SqliteStore

SHARED = "chat-history"
"""The file of all users that was written up to 0.1; it is no longer read, and goes as a whole."""
MIN_PART = 8
"""Characters from which on a text is looked for within words, too."""
MAX_COMPARED = 10_000_000
"""Pairs of a line and a forgotten text that are compared; if there are more, every line goes."""


class InputHistory:
    """Lines that a user typed in chats, oldest first; only the file's owner may read them.

    A `redactor` takes secrets out of what is appended.
    """

    def __init__(self, folder: Path, user: str, redactor: Redactor | None = None) -> None:
        self._file = _file(folder, user)
        self._redactor = redactor

    def lines(self) -> list[str]:
        """Return the lines, oldest first; none if the file cannot be read."""
        try:
            raw = self._file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
        return list(_parsed(raw))

    def append(self, line: str) -> None:
        """Add a line; a file that cannot be written is no reason to stop a chat."""
        if self._redactor is not None:
            (line,) = self._redactor.texts([line])
        with suppress(OSError):
            descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(f"{json.dumps(line)}\n")


def forget(
    store: SqliteStore, db: sqlite3.Connection, users: Mapping[str, int | None], erased: str
) -> None:
    """Take the lines that hold words of records that are about to be erased out of the files.

    `erased` are the numbers (`seq`) of the records, as JSON. A line goes if it holds one of their
    texts or ids, a text of their metadata, or what was said of an outcome.

    Raises:
        StoreError: a file cannot be written anew.
    """
    if store.location == ":memory:":
        return
    folder = Path(store.location).parent
    for stale in (folder / SHARED, *folder.glob(f".{SHARED}-*")):  # and what a kill left unfinished
        _unlink(stale)
    files = [file for file in (_file(folder, user) for user in users) if file.exists()]
    if not files:
        return
    among = "(SELECT value FROM json_each(?1))"
    rows = db.execute(
        f"SELECT CAST(value AS BLOB), CAST(metadata AS BLOB) FROM records WHERE seq IN {among}"
        f" UNION ALL SELECT CAST(id AS BLOB), NULL FROM records WHERE seq IN {among}"
        " UNION ALL SELECT CAST(why AS BLOB), NULL FROM history WHERE why IS NOT NULL"
        f" AND record IN {among}",
        (erased,),
    )
    texts = set[str]()
    for text, metadata in rows:
        texts.add(text.decode(errors="replace"))
        with suppress(TypeError, ValueError, RecursionError):
            texts |= set(_strings(json.loads(metadata)))
    texts = {_spaced(text) for text in texts} - {""}
    for file in files:
        _rewrite(file, texts)


def remove(store: SqliteStore, user: str) -> None:
    """Remove a user's file, and the one that all users shared.

    Raises:
        StoreError: it cannot be removed.
    """
    if store.location == ":memory:":
        return
    folder = Path(store.location).parent
    for file in (folder / SHARED, _file(folder, user)):
        _unlink(file)


def _file(folder: Path, user: str) -> Path:
    name = blake2b(user.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
    return folder / f"{SHARED}-{name}"


def _unlink(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{file} cannot be removed: {error.strerror}") from error


def _parsed(raw: str) -> Iterator[str]:
    for part in raw.splitlines():
        with suppress(ValueError, RecursionError):
            line = json.loads(part)
            if isinstance(line, str):
                yield line


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def _spaced(text: str) -> str:
    return " ".join(text.casefold().split())


def _rewrite(file: Path, texts: Set[str]) -> None:
    """Write a file anew without the lines that hold one of the texts, or are a part of one."""
    try:
        lines = list(_parsed(file.read_text(encoding="utf-8", errors="replace")))
        if len(lines) * len(texts) > MAX_COMPARED:
            lines = []
        kept = [line for line in lines if not _holds(_spaced(line), texts)]
        if len(kept) < len(lines) or not lines:
            fresh = file.with_name(f".{file.name}")  # the caller's transaction keeps others away
            os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT, 0o600))
            write_durable(fresh, [f"{json.dumps(line)}\n" for line in kept])
            fresh.replace(file)
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror}") from error


def _holds(line: str, texts: Set[str]) -> bool:
    """Tell whether a line, or what a command in it is given, is one of the texts or holds one."""
    _, _, argument = line.partition(" ") if line.startswith("/") else ("", "", line)
    padded = f" {line} "
    return argument in texts or any(
        text in line and (f" {text} " in padded or len(text) >= MIN_PART) for text in texts
    )
