"""Export of a store as JSON lines that are the same for the same content.

The first line is a header; each other line is one record with its keys and its history:

    {"memagent": 2, "embedder": "all-MiniLM-L6-v2", "vectors": false}
    {"id": "...", "user": "ada", "value": "Mary moved.", "keys": [{"text": "Mary moved."}], ...}

With vectors, the header also holds the `probe` of the embedder's fingerprint, rounded, and a key
that was moved its `original` vector. A record that was used, or whose sources were judged, also has
the times of use, and what came of each source in all of the user's records:

    {..., "uses": [1772366400000000], "outcomes": [{"source": "...", "helped": 2, "hurt": 1}]}

A reply names the records that stood in its prompt, with which it is forgotten:

    {..., "prompt": ["...", "..."]}

A question names the records that were judged where they were shown for it:

    {..., "judged": {"helped": ["..."], "hurt": ["..."]}}

`importing.py` reads them.
"""

import base64
import json
import sqlite3
from collections.abc import Iterator
from typing import Any

from memagent.errors import EmbedderMismatch, StoreError
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import Filter
from memagent.stores.database.links import linked
from memagent.stores.database.rows import reading
from memagent.types import Scope

FORMAT = 2
"""In format 1 the metadata of a turn name an `author`, since 2 a `role`."""
BATCH = 200
PROBE_DECIMALS = 3
"""Fine enough to tell embedders apart, coarse enough to be the same on most machines."""
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
    "pinned",
    "archived",
)
"""Columns of `records` that are exported as they are; times are microseconds since 1970."""
LISTS = ("sources", "context", "metadata")
"""Columns that hold JSON."""


def export(store: SqliteStore, scope: Scope, embedder: str, *, vectors: bool) -> Iterator[str]:
    """Yield the lines of a scope's records, in the order they were written.

    `embedder` is the name in the header of a store that holds nothing yet.

    Raises:
        EmbedderMismatch: the store is moved to another embedder while its vectors are read.
    """
    fingerprint = store.meta("embedder")
    with reading("the embedder's fingerprint"):
        known: dict[str, Any] = json.loads(fingerprint) if fingerprint else {"name": embedder}
        header = {"memagent": FORMAT, "embedder": known["name"], "vectors": vectors}
        if vectors and fingerprint:
            header["probe"] = [round(x, PROBE_DECIMALS) + 0.0 for x in known["probe"]]
    yield _line(header)
    condition, values = Filter(scope=scope, everything=True).condition()
    last = 0
    while rows := store.query(
        "SELECT r.*, u.name AS user_name FROM records r JOIN users u ON u.id = r.user"
        f" WHERE {condition} AND r.seq > ? ORDER BY r.seq LIMIT ?",
        (*values, last, BATCH),
    ):
        if [row["seq"] for row in rows] != sorted({row["seq"] for row in rows}):
            raise StoreError(f"the memory in {store.location} is damaged: rows out of order")
        with reading("a record"):
            lines = [_line(_exported(store, row, vectors)) for row in rows]
        if vectors and store.meta("embedder") != fingerprint:
            raise EmbedderMismatch(
                "the memory was moved to another embedder just now: export it again"
            )
        yield from lines
        last = rows[-1]["seq"]


def _exported(store: SqliteStore, row: sqlite3.Row, vectors: bool) -> dict[str, Any]:
    keys = store.query(
        "SELECT k.text, k.language, k.vector, o.vector AS original FROM keys k"
        " LEFT JOIN original_vectors o ON o.key = k.id WHERE k.record = ? ORDER BY k.id",
        (row["seq"],),
    )
    events = store.query(
        "SELECT at, action, who, why FROM history WHERE record = ? ORDER BY id", (row["seq"],)
    )
    return (
        {"user": row["user_name"], "digest": row["digest"].hex()}
        | {name: row[name] for name in COLUMNS}
        | {name: json.loads(row[name]) for name in LISTS}
        | {"keys": [_key(key, vectors) for key in keys]}
        | {"history": [dict(event) for event in events]}
        | _counts(store, row)
        | _prompt(store, row)
        | _judged(store, row)
    )


def _key(key: sqlite3.Row, vectors: bool) -> dict[str, str]:
    kept = {"vector": key["vector"], "original": key["original"]} if vectors else {}
    encoded = {
        name: base64.b64encode(raw).decode() for name, raw in kept.items() if raw is not None
    }
    language = {} if key["language"] is None else {"language": key["language"]}
    return {"text": key["text"]} | language | encoded


def _counts(store: SqliteStore, row: sqlite3.Row) -> dict[str, list[Any]]:
    """Return how often a record was used and what came of its sources, if either is known."""
    uses = store.query("SELECT at FROM uses WHERE record = ? ORDER BY at", (row["seq"],))
    outcomes = store.query(
        "SELECT source, helped, hurt FROM outcomes WHERE user = ? AND source IN"
        " (SELECT value FROM json_each(?)) ORDER BY source",
        (row["user"], row["sources"]),
    )
    counts = {
        "uses": [use["at"] for use in uses],
        "outcomes": [dict(outcome) for outcome in outcomes],
    }
    return {name: held for name, held in counts.items() if held}


def _prompt(store: SqliteStore, row: sqlite3.Row) -> dict[str, list[str]]:
    ids = linked(store, row["seq"], "prompt")
    return {"prompt": ids} if ids else {}


def _judged(store: SqliteStore, row: sqlite3.Row) -> dict[str, dict[str, list[str]]]:
    helped, hurt = linked(store, row["seq"], "helped"), linked(store, row["seq"], "hurt")
    return {"judged": {"helped": helped, "hurt": hurt}} if helped or hurt else {}


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
