"""Out of a store and into another, as JSON lines that are the same for the same content.

The first line is a header; each other line is one record with its keys and its history:

    {"memagent": 1, "embedder": "all-MiniLM-L6-v2", "vectors": false}
    {"id": "...", "user": "ada", "value": "Mary moved.", "keys": [{"text": "Mary moved."}], ...}
"""

import base64
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memagent.errors import EmbedderMismatch, InvalidInput, StoreError
from memagent.stores.filter import Filter
from memagent.stores.rows import DIGEST_BYTES, is_as_written, packed, reading, unpacked
from memagent.stores.sqlite import SqliteStore
from memagent.stores.writing import add_keys, user_id
from memagent.types import Scope

FORMAT = 1
BATCH = 200
COLUMNS = (
    "id",
    "agent",
    "session",
    "kind",
    "value",
    "evidence",
    "created",
    "valid_from",
    "valid_to",
    "affirmed",
    "superseded",
    "supersedes",
    "recalled",
    "helped",
    "hurt",
)
"""Columns of `records` that are exported as they are; times are microseconds since 1970."""
LISTS = ("sources", "context", "metadata")
"""Columns that hold JSON."""
SAME = 0.99
"""The cosine from which a vector counts as what the embedder makes of its text."""

NOT_OURS = (
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    AttributeError,
    KeyError,
    OverflowError,
    TypeError,
    ValueError,
)
"""What reading a line raises that holds values of other kinds than an export's."""

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
Numbered = tuple[int, dict[str, Any]]


def export(store: SqliteStore, scope: Scope, embedder: str, *, vectors: bool) -> Iterator[str]:
    """Yield the lines of a scope's records, in the order they were written."""
    yield _line({"memagent": FORMAT, "embedder": embedder, "vectors": vectors})
    condition, values = Filter(scope=scope, everything=True).condition()
    last = 0
    while rows := store.query(
        "SELECT r.*, u.name AS user_name FROM records r JOIN users u ON u.id = r.user"
        f" WHERE {condition} AND r.seq > ? ORDER BY r.seq LIMIT ?",
        (*values, last, BATCH),
    ):
        for row in rows:
            if row["seq"] <= last:
                raise StoreError(f"the memory in {store.where} is damaged: rows out of order")
            last = row["seq"]
            with reading("a record"):
                line = _line(_exported(store, row, vectors))
            yield line


def import_lines(store: SqliteStore, lines: Iterable[str], embedder: str, embed: Embed) -> int:
    """Store exported records that are not there yet, in batches; return how many were new.

    Vectors are taken over if the same embedder made them, and made anew otherwise. A record whose
    content the store holds under another id goes by that id in what names it.

    Raises:
        InvalidInput: a line is not what `export` writes; the message gives its number.
        EmbedderMismatch: the store holds vectors of another embedder.
    """
    numbered = enumerate(lines, start=1)
    take = _header(next(numbered, (1, "")), embedder)
    new, known = 0, dict[tuple[str, str], str]()
    while batch := [(number, _parsed(number, line)) for number, line in islice(numbered, BATCH)]:
        new += _import_batch(store, batch, embed, known, take_vectors=take)
    return new


def _exported(store: SqliteStore, row: sqlite3.Row, vectors: bool) -> dict[str, Any]:
    keys = store.query("SELECT text, vector FROM keys WHERE record = ? ORDER BY id", (row["seq"],))
    events = store.query(
        "SELECT at, action, who, why FROM history WHERE record = ? ORDER BY id", (row["seq"],)
    )
    return (
        {"user": row["user_name"], "digest": row["digest"].hex()}
        | {name: row[name] for name in COLUMNS}
        | {name: json.loads(row[name]) for name in LISTS}
        | {
            "keys": [
                {"text": key["text"]}
                | ({"vector": base64.b64encode(key["vector"]).decode()} if vectors else {})
                for key in keys
            ],
            "history": [dict(event) for event in events],
        }
    )


def _header(first: tuple[int, str], embedder: str) -> bool:
    """Check the header, and tell whether its vectors may be taken over."""
    header = _json(*first)
    if header.get("memagent") != FORMAT:
        raise InvalidInput(f"line 1: expected the header of a memagent export, format {FORMAT}")
    return bool(header.get("vectors")) and header.get("embedder") == embedder


def _parsed(number: int, line: str) -> dict[str, Any]:
    record = _json(number, line)
    expected = {"user", "digest", "keys", "history", *COLUMNS, *LISTS}
    missing = sorted(expected - record.keys())
    if missing:
        raise InvalidInput(f"line {number}: expected a record, but it has no {missing[0]!r}")
    keys = record["keys"]
    if not isinstance(keys, list) or not keys or not isinstance(record["value"], str):
        raise InvalidInput(f"line {number}: expected a text value and at least one key")
    if not all(isinstance(key, dict) and isinstance(key.get("text"), str) for key in keys):
        raise InvalidInput(f"line {number}: expected a text in every key")
    return record


def _json(number: int, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InvalidInput(f"line {number}: expected a JSON object, found {line[:40]!r}")
    return value


def _import_batch(
    store: SqliteStore,
    batch: Sequence[Numbered],
    embed: Embed,
    known: dict[tuple[str, str], str],
    *,
    take_vectors: bool,
) -> int:
    embedder = store.meta("embedder")
    keys = [(number, key) for number, one in batch for key in one["keys"]]
    blobs = iter(_vectors(keys, embed, take_vectors))
    new = 0
    with store.transaction() as db:
        if embedder is not None and embedder != store.meta("embedder"):
            raise EmbedderMismatch(
                "the memory was moved to another embedder just now; nothing was written"
            )
        for number, one in batch:
            own = [next(blobs) for _ in one["keys"]]
            try:
                new += _import_one(db, one, own, known)
            except NOT_OURS as error:
                raise InvalidInput(f"line {number}: not what was exported ({error})") from error
    return new


def _import_one(
    db: sqlite3.Connection,
    one: dict[str, Any],
    blobs: Sequence[bytes],
    known: dict[tuple[str, str], str],
) -> bool:
    """Store a record unless its id or its content is there already; tell whether it was new."""
    name, user = one["user"], user_id(db, one["user"])
    digest = bytes.fromhex(one["digest"])[:DIGEST_BYTES]
    lists = {column: one[column] for column in LISTS}
    for column in ("sources", "context"):
        lists[column] = [known.get((name, other), other) for other in one[column]]
    row = (
        {"user": user, "digest": digest}
        | {column: one[column] for column in COLUMNS}
        | {column: json.dumps(value) for column, value in lists.items()}
    )
    names, marks = ", ".join(row), ", ".join(f":{column}" for column in row)
    done = db.execute(f"INSERT INTO records ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING", row)
    if not done.rowcount:
        (there,) = db.execute(
            "SELECT id FROM records WHERE user = ? AND (id = ? OR digest = ?) ORDER BY id != ?",
            (user, one["id"], digest, one["id"]),
        ).fetchone()
        known[name, one["id"]] = there
        return False
    seq = done.lastrowid
    assert seq is not None
    (stored,) = db.execute(
        "SELECT r.*, u.name AS user_name FROM records r JOIN users u ON u.id = r.user"
        " WHERE r.seq = ?",
        (seq,),
    )
    if not is_as_written(stored):
        raise ValueError("its digest is another record's")
    add_keys(db, user, [(seq, key["text"]) for key in one["keys"]], blobs)
    db.executemany(
        "INSERT INTO history(record, at, action, who, why)"
        f" VALUES ({seq}, :at, :action, :who, :why)",
        one["history"],
    )
    return True


def _vectors(keys: Sequence[Numbered], embed: Embed, take: bool) -> list[bytes]:
    """Return a packed vector a key: the exported ones if the first is what `embed` makes, else new.

    The first is made in any case, as `embed` is what compares the embedder with the store.
    """
    texts = [key["text"] for _, key in keys]
    if take:
        first = packed(embed(texts[:1]))
        given = [_vector(number, key, len(first[0])) for number, key in keys]
        own, exported = unpacked([*first, given[0]])
        if float(own @ exported) >= SAME:
            return given
    return packed(embed(texts))


def _vector(number: int, key: dict[str, Any], size: int) -> bytes:
    try:
        raw = base64.b64decode(key["vector"], validate=True)
    except (KeyError, TypeError, ValueError):
        raw = b""
    if len(raw) != size:
        raise InvalidInput(f"line {number}: expected a vector of {size} bytes in every key")
    return raw


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
