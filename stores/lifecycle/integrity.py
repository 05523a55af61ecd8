"""Integrity check and compaction of a store."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from memagent.errors import InvalidInput, StoreError
from memagent.stores.database.bounds import MAX_COUNT, check_columns, check_event, circular
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.deferred_indexing import index_digests
from memagent.stores.database.filters import MICROS
from memagent.stores.database.rows import is_as_written, is_unit, packed, unpacked
from memagent.stores.database.schema import links_of
from memagent.stores.database.word_index import blocks_amiss

BATCH = 500
"""Rows held in memory at once."""
NUMBERED = {"users": "id", "records": "seq", "keys": "id", "history": "id", "changes": "seq"}
"""The tables whose rows are numbered, and never twice with the same number."""
VECTORS = (
    ("keys", "id", "embedder"),
    ("original_vectors", "key", "embedder"),
    ("new_vectors", "key", "reembedding"),
)
"""Tables of vectors, their keys, and where the store says by which embedder they were made."""
CELL = len(packed(np.zeros((1, 1), dtype=np.float32))[0])
"""Bytes of one dimension of a stored vector."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Compacted:
    """Bytes of the database file and its log before and after.

    `log_emptied` is False while another process still reads an older state: the log keeps its
    pages, and the file its old size, until a `compact` after that.
    """

    before: int
    after: int
    log_emptied: bool = True


def problems(store: SqliteStore) -> list[str]:
    """Return the problems of a store, none if it is whole.

    Checks SQLite's own structure, the schema, references between tables, the numbering of rows,
    every record against its digest, every vector, and the word index. What cannot be read
    is returned as a problem, not raised.
    """
    found = []
    for check in (
        _structure,
        _schema,
        _references,
        _links,
        _numbering,
        _records,
        _values,
        _events,
        _circles,
        _digests,
        _vectors,
        _words,
    ):
        try:
            for problem in check(store):
                found.append(problem)
        except StoreError as error:
            found.append(str(error))
    return found


def compact(store: SqliteStore) -> Compacted:
    """Index the digests that wait, give free pages back, and empty the write-ahead log."""
    before = _size(store)
    with store.transaction() as db:
        index_digests(db)
    store.vacuum()
    emptied = store.checkpoint()
    return Compacted(before=before, after=_size(store), log_emptied=emptied)


def _structure(store: SqliteStore) -> Iterator[str]:
    for (message,) in store.query("PRAGMA integrity_check"):
        if message != "ok":
            yield f"SQLite: {message}"


def _schema(store: SqliteStore) -> Iterator[str]:
    """Compare with the schema of a new store: SQLite takes any text there that it can parse."""
    with closing(SqliteStore(None)) as fresh:
        expected = _definitions(fresh)
    there = _definitions(store)
    for name, definition in expected.items():
        if there.get(name) != definition:
            yield f"schema: {name!r} is not what this version makes"


def _definitions(store: SqliteStore) -> dict[str, str]:
    rows = store.query("SELECT name, sql FROM sqlite_master")
    return {str(row["name"]): str(row["sql"]) for row in rows}


def _references(store: SqliteStore) -> Iterator[str]:
    for row in store.query("PRAGMA foreign_key_check"):
        yield f"table {row[0]}: dangling row {row[1]}"
    for row in store.query("SELECT id FROM records WHERE seq NOT IN (SELECT record FROM keys)"):
        yield f"record {row['id']} has no key"
    for row in store.query("SELECT id FROM keys WHERE typeof(text) != 'text'"):
        yield f"key {row['id']} is no text"
    for row in store.query(
        "SELECT DISTINCT r.id FROM records r, json_each(r.context) c WHERE r.context != '[]'"
        " AND NOT EXISTS (SELECT 1 FROM records o WHERE o.user = r.user AND o.id = c.value)"
    ):
        yield f"record {row['id']} is keyed together with a record that is not there"


def _links(store: SqliteStore) -> Iterator[str]:
    """Compare the links with the records' columns: only what is linked is forgotten along."""
    columns = links_of("r", "records")
    rows = "SELECT * FROM links WHERE how IN ('source', 'context', 'version')"
    for kind, sql in (
        ("missing", f"SELECT * FROM ({columns}) EXCEPT {rows}"),
        ("too many", f"{rows} EXCEPT SELECT * FROM ({columns})"),
    ):
        for row in store.query(f"SELECT count(*) AS n FROM ({sql})"):
            if row["n"]:
                yield f"table links: {row['n']} rows are {kind}"


def _numbering(store: SqliteStore) -> Iterator[str]:
    """Compare the highest number each table gave with the highest it holds."""
    for table, column in NUMBERED.items():
        for row in store.query(
            f"SELECT held FROM (SELECT max({column}) AS held FROM {table}) WHERE held >"
            f" coalesce((SELECT seq FROM sqlite_sequence WHERE name = '{table}'), 0)"
        ):
            yield f"table {table}: row {row['held']} has a number that will be given again"


def _records(store: SqliteStore) -> Iterator[str]:
    """Compare each record with the digest that was taken of it when it was written."""
    for row in _rows(
        store,
        "SELECT r.*, r.seq AS place, r.id AS name, u.name AS user_name FROM records r"
        " LEFT JOIN users u ON u.id = r.user WHERE r.seq > ? ORDER BY r.seq LIMIT ?",
    ):
        if not is_as_written(row):
            yield f"record {row['name']!r} is not what was written"


def _values(store: SqliteStore) -> Iterator[str]:
    """Check that the values of every record are in the range that writers keep to."""
    for row in _rows(
        store,
        "SELECT *, seq AS place FROM records WHERE seq > ? ORDER BY seq LIMIT ?",
    ):
        try:
            check_columns(
                dict(row)
                | {name: json.loads(row[name]) for name in ("sources", "context")}
                | {"metadata": json.loads(row["metadata"])}
            )
        except KeyError as error:
            yield f"the records have no column {error}"
            return
        except (TypeError, ValueError, RecursionError) as error:
            yield f"record {row['id']!r}: {error}"


def _events(store: SqliteStore) -> Iterator[str]:
    """Check what happened to records, how often they were shown, and what came of it."""
    for row in _rows(
        store,
        "SELECT h.*, h.id AS place, r.id AS record_id FROM history h"
        " LEFT JOIN records r ON r.seq = h.record WHERE h.id > ? ORDER BY h.id LIMIT ?",
    ):
        try:
            check_event(dict(row))
        except InvalidInput as error:
            yield f"record {row['record_id']!r}: {error}"
    for row in store.query(
        "SELECT r.id FROM uses u JOIN records r ON r.seq = u.record"
        " WHERE typeof(u.at) != 'integer' OR u.at NOT BETWEEN ? AND ?",
        (MICROS[0], MICROS[-1]),
    ):
        yield f"record {row['id']!r}: the time of a use is out of range"
    for row in store.query(
        "SELECT source FROM outcomes WHERE typeof(helped) != 'integer' OR typeof(hurt) != 'integer'"
        " OR helped NOT BETWEEN 0 AND ?1 OR hurt NOT BETWEEN 0 AND ?1",
        (MAX_COUNT,),
    ):
        yield f"source {row['source']!r}: how often it helped or hurt is out of range"


def _circles(store: SqliteStore) -> Iterator[str]:
    """Check that no record supersedes what supersedes it."""
    versions: dict[int, dict[str, str]] = {}
    for row in store.query("SELECT user, id, supersedes FROM records WHERE supersedes IS NOT NULL"):
        versions.setdefault(row["user"], {})[row["id"]] = row["supersedes"]
    for supersedes in versions.values():
        if ring := circular(supersedes):
            yield f"records supersede one another in a circle: {', '.join(map(repr, ring))}"


def _digests(store: SqliteStore) -> Iterator[str]:
    """Check that indexed records are found by their content, and that no entry is of none."""
    for row in store.query(
        "SELECT r.id FROM records r WHERE r.seq <= (SELECT digests FROM settled)"
        " AND NOT r.superseded AND NOT EXISTS (SELECT 1 FROM digests d WHERE d.user = r.user"
        " AND d.digest = r.digest AND d.record = r.seq)"
    ):
        yield f"record {row['id']} is not found by its content"
    for row in store.query(
        "SELECT d.record FROM digests d WHERE NOT EXISTS (SELECT 1 FROM records r"
        " WHERE r.seq = d.record AND r.digest = d.digest AND r.user = d.user)"
    ):
        yield f"table digests: an entry of record {row['record']}, which has another content"


def _vectors(store: SqliteStore) -> Iterator[str]:
    sizes = store.query(
        "SELECT coalesce(length(vector), 0) AS size, count(*) AS n FROM keys GROUP BY size"
    )
    if len(sizes) > 1:
        sizes_found = ", ".join(f"{row['n']} of {row['size'] // CELL} dimensions" for row in sizes)
        yield f"vectors of several sizes: {sizes_found}"
    for table, key, made_by in VECTORS:
        for row in _rows(
            store,
            f"SELECT {key} AS place, vector, (SELECT json_extract(value, '$.dimensions')"
            f" FROM meta WHERE key = '{made_by}') AS dimensions FROM {table}"
            f" WHERE {key} > ? ORDER BY {key} LIMIT ?",
        ):
            if row["dimensions"] is None:
                yield f"{table}: the store does not say which embedder made the vectors"
                break
            wrong = _wrong_vector(row["vector"], row["dimensions"])
            if wrong:
                yield f"{table}: the vector of key {row['place']} {wrong}"


def _wrong_vector(raw: object, dimensions: object) -> str | None:
    if not isinstance(raw, bytes) or len(raw) / CELL != dimensions:
        return f"does not have the {dimensions} dimensions of the store's embedder"
    vector = unpacked([raw])[0]
    if is_unit(vector):
        return None
    with np.errstate(invalid="ignore"):
        return f"has the length {float(np.linalg.norm(vector)):.3g}, not 1"


def _words(store: SqliteStore) -> Iterator[str]:
    """Compare the word index with the words of the keys, block by block."""
    for user, block in blocks_amiss(store):
        yield f"word index: block {block} of user {user} does not hold the words of the keys"


def _rows(store: SqliteStore, sql: str) -> Iterator[sqlite3.Row]:
    """Yield the rows of a query over (place, limit) in batches, in the order of `place`.

    Raises:
        StoreError: the rows cannot be read, or are out of order, which only damage does.
    """
    last = 0
    while rows := store.query(sql, (last, BATCH)):
        for row in rows:
            if row["place"] <= last:
                raise StoreError(f"the memory in {store.location} is damaged: rows out of order")
            last = row["place"]
            yield row


def _size(store: SqliteStore) -> int:
    paths = [Path(store.location), Path(f"{store.location}-wal")]
    return sum(path.stat().st_size for path in paths if path.exists())
