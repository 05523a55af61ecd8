"""Import of records that memagent or another memory layer exported."""

import base64
import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memagent.errors import EmbedderMismatch, InvalidInput
from memagent.redaction.redactor import Redactor
from memagent.stores.database.bounds import circular
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.deferred_indexing import DigestIndex
from memagent.stores.database.derived import COMPRESSED_KEY
from memagent.stores.database.links import How, link_ids
from memagent.stores.database.metadata import to_json
from memagent.stores.database.rows import DIGEST_BYTES, is_as_written, is_unit, packed
from memagent.stores.database.schema import LINK_OTHER_AGENTS
from memagent.stores.database.word_index import detected
from memagent.stores.database.writer import add_keys, user_id
from memagent.stores.lifecycle.undo import ids_kept
from memagent.stores.transfer.export import BATCH, COLUMNS, LISTS
from memagent.stores.transfer.lines import FORMATS, Format, arriving
from memagent.stores.transfer.redaction import redact
from memagent.types import Scope

STORING_ERRORS = (
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    AttributeError,
    KeyError,
    OverflowError,
    TypeError,
    ValueError,
)
"""The errors of storing a record whose values are not of an export's types."""
Blobs = tuple[bytes, bytes | None]
"""A key's packed vector, and the one it had before it was moved (`lifecycle/key_repulsion.py`)."""
Aliases = dict[tuple[str, str], str]
"""The ids that a store has for records that came, by user, under other ids."""


class Encodes(Protocol):
    """Embedder as an import needs it."""

    @property
    def name(self) -> str:
        """Name of the embedder."""

    def check(self) -> str:
        """Compare it with the store, and return the store's fingerprint."""

    def agrees(self, vector: ArrayLike, text: str = ...) -> bool:
        """Tell whether a vector of a text, the probe's if none is given, is this embedder's."""

    def documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return texts x dimensions."""


def import_lines(
    store: SqliteStore,
    lines: Iterable[str],
    encoder: Encodes,
    *,
    format: Format = "auto",
    user: str | None = None,
    redactor: Redactor | None = None,
) -> int:
    """Store records that are not there yet, all or none; return how many were new.

    Every line is checked, and every vector made, before the first is written, so a whole file is
    held in memory meanwhile.

    `format` says who wrote the lines: `memagent export`, mem0 or LangGraph (`foreign.py`);
    `auto` tells by the first. `user` is whose memory they become, instead of whom they name.
    Vectors are taken over if this embedder makes the same of the header's probe, and made anew
    otherwise. A record whose content the store holds under another id goes by that id in what
    names it. A `redactor` takes secrets out of them first.

    Raises:
        InvalidInput: a line or an item is not what was expected; the message gives its number.
        EmbedderMismatch: the store has moved to another embedder meanwhile.
    """
    if format not in FORMATS:
        raise InvalidInput(f"format {format!r}: expected one of {', '.join(FORMATS)}")
    if user is not None:
        Scope(user=user)
    header, records = arriving(lines, format, user)
    if redactor is not None and redact(records, redactor):
        header = {}  # some of its vectors are of secrets: all are made anew
    aliases, digests = Aliases(), DigestIndex(store)
    fingerprint = encoder.check()
    records = [record for record in records if not _known(store, digests, record, aliases)]
    dimensions = json.loads(fingerprint)["dimensions"]
    same = _same_embedder(records, encoder, header, dimensions)
    blobs = iter(
        [
            blob
            for start in range(0, len(records), BATCH)
            for blob in _vectors(records[start : start + BATCH], encoder, dimensions, same=same)
        ]
    )
    with store.transaction() as db:
        if store.meta("embedder") != fingerprint:
            raise EmbedderMismatch(
                "the memory was moved to another embedder just now; nothing was written"
            )
        stored: dict[int, dict[str, Any]] = {}
        for record in records:
            own = [next(blobs) for _ in record["keys"]]
            if not _known(store, digests, record, aliases):
                stored[_import_one(db, record, own, aliases)] = record
        _check_references(store, stored)
        db.execute(
            LINK_OTHER_AGENTS.format(records="d.seq IN (SELECT value FROM json_each(?))"),
            (json.dumps(list(stored)),),
        )
        if any(COMPRESSED_KEY in record["metadata"] for record in stored.values()):
            store.set_meta(COMPRESSED_KEY, "yes")
    return len(stored)


def _check_references(store: SqliteStore, stored: dict[int, dict[str, Any]]) -> None:
    """Refuse records, by `seq`, whose keys lean on what is not there, or that go in a circle.

    Raises:
        InvalidInput: there is one; the message gives its line.
    """
    among = json.dumps(list(stored))
    for row in store.query(
        "SELECT r.seq FROM json_each(?) one JOIN records r ON r.seq = one.value,"
        " json_each(r.context) c WHERE r.context != '[]' AND NOT EXISTS"
        " (SELECT 1 FROM records o WHERE o.user = r.user AND o.id = c.value) LIMIT 1",
        (among,),
    ):
        raise InvalidInput(f"line {_line(stored[row['seq']])}: its context names no record")
    versions = {record["user"] for record in stored.values() if record["supersedes"] is not None}
    for user in versions:
        rows = store.query(
            "SELECT id, supersedes FROM records WHERE user = ? AND supersedes IS NOT NULL",
            (store.user(user),),
        )
        ring = circular({row["id"]: row["supersedes"] for row in rows})
        for record in stored.values():
            if record["user"] == user and record["id"] in ring:
                raise InvalidInput(f"line {_line(record)}: it supersedes what supersedes it")


def _line(record: dict[str, Any]) -> Any:
    return record.get("line", "?")


def _import_one(
    db: sqlite3.Connection, one: dict[str, Any], blobs: Sequence[Blobs], aliases: Aliases
) -> int:
    """Store a record, and return its number.

    Raises:
        InvalidInput: it is not what was exported; the message gives its line.
    """
    try:
        return _stored(db, one, blobs, aliases)
    except STORING_ERRORS as error:
        raise InvalidInput(f"line {_line(one)}: not what was exported ({error})") from error


def _stored(
    db: sqlite3.Connection, one: dict[str, Any], blobs: Sequence[Blobs], aliases: Aliases
) -> int:
    """Store a record; what it names goes by the ids that the store has for it."""
    user = user_id(db, one["user"])
    lists = {column: one[column] for column in LISTS}
    for column in ("sources", "context"):
        lists[column] = [aliases.get((one["user"], other), other) for other in one[column]]
    row = (
        {"user": user, "digest": _digest(one)}
        | {column: one[column] for column in COLUMNS}
        | {column: json.dumps(value) for column, value in lists.items()}
        | {"metadata": to_json(lists["metadata"])}
    )
    names, marks = ", ".join(row), ", ".join(f":{column}" for column in row)
    seq = db.execute(f"INSERT INTO records ({names}) VALUES ({marks})", row).lastrowid
    assert seq is not None
    (stored,) = db.execute(
        "SELECT r.*, u.name AS user_name FROM records r JOIN users u ON u.id = r.user"
        " WHERE r.seq = ?",
        (seq,),
    )
    if not is_as_written(stored):
        raise ValueError("its digest is another record's")
    texts = [(seq, key["text"]) for key in one["keys"]]
    known = [key.get("language") for key in one["keys"]]
    languages = detected(db.execute, f"u{user}", [text for _, text in texts], known)
    add_keys(db, user, texts, [blob for blob, _ in blobs], languages)
    keys = db.execute("SELECT id FROM keys WHERE record = ? ORDER BY id", (seq,)).fetchall()
    db.executemany(
        "INSERT INTO original_vectors VALUES (?, ?)",
        [(key["id"], first) for key, (_, first) in zip(keys, blobs, strict=True) if first],
    )
    db.executemany(
        "INSERT INTO history(record, at, action, who, why)"
        f" VALUES ({seq}, :at, :action, :who, :why)",
        one["history"],
    )
    judged = one.get("judged", {})
    linked: dict[How, Sequence[str]] = {
        "prompt": one.get("prompt", ()),
        "helped": judged.get("helped", ()),
        "hurt": judged.get("hurt", ()),
    }
    for how, ids in linked.items():
        known = [aliases.get((one["user"], other), other) for other in ids]
        link_ids(db, user, seq, known, how)
    if one["kind"] == "lesson" and isinstance(one["metadata"], dict):
        link_ids(db, user, seq, ids_kept(one["metadata"]), "mention")
    _count(db, user, seq, one, aliases)
    return int(seq)


def _count(
    db: sqlite3.Connection, user: int, seq: int, record: dict[str, Any], aliases: Aliases
) -> None:
    """Take over how often a record was used, and what came of its sources.

    What came of a source stands beside each record that names it, so the higher count is taken,
    and an import of the same lines again changes nothing.
    """
    db.executemany(f"INSERT INTO uses VALUES ({seq}, ?)", [(at,) for at in record.get("uses", ())])
    for outcome in record.get("outcomes", ()):
        if outcome["source"] in record["sources"]:
            source = aliases.get((record["user"], outcome["source"]), outcome["source"])
            db.execute(
                "INSERT INTO outcomes(user, source, helped, hurt) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET helped = max(helped, excluded.helped),"
                " hurt = max(hurt, excluded.hurt)",
                (user, source, outcome["helped"], outcome["hurt"]),
            )


def _digest(record: dict[str, Any]) -> bytes:
    return bytes.fromhex(record["digest"])[:DIGEST_BYTES]


def _known(
    store: SqliteStore, digests: DigestIndex, record: dict[str, Any], aliases: Aliases
) -> bool:
    """Tell whether a record's id or its content is there already, and note the id it has there."""
    user, digest = store.user(record["user"]), _digest(record)
    rows = store.query("SELECT id FROM records WHERE user = ? AND id = ?", (user, record["id"]))
    if not rows and (held := digests.find(user, [digest])):
        rows = store.query("SELECT id FROM records WHERE seq = ?", (held[digest],))
    if rows:
        aliases[record["user"], record["id"]] = rows[0]["id"]
    return bool(rows)


def _same_embedder(
    records: Sequence[dict[str, Any]], encoder: Encodes, header: dict[str, Any], dimensions: int
) -> bool:
    """Tell whether this embedder made the vectors of an export.

    A header without a probe is an old one: there the first key is what is compared.
    """
    if not header.get("vectors") or not records:
        return False
    if "probe" in header:
        return encoder.agrees(header["probe"])
    first = records[0]["keys"][0]
    vector = _vector(records[0], first.get("vector"), dimensions)
    named = header.get("embedder") == encoder.name
    return named and vector is not None and encoder.agrees(vector, first["text"])


def _vectors(
    batch: Sequence[dict[str, Any]], encoder: Encodes, dimensions: int, *, same: bool
) -> list[Blobs]:
    """Return a packed vector for each key of a batch: its own if the `same` embedder made them.

    A key that gets a new vector has not been moved.
    """
    keys = [(record, key) for record in batch for key in record["keys"]]
    if not same:
        return [(blob, None) for blob in packed(encoder.documents([k["text"] for _, k in keys]))]
    own = [_vector(one, key.get("vector"), dimensions) for one, key in keys]
    first = [
        _vector(one, key["original"], dimensions) if "original" in key else vector
        for (one, key), vector in zip(keys, own, strict=True)
    ]
    for (one, _), *vectors in zip(keys, own, first, strict=True):
        if any(vector is None or not is_unit(vector) for vector in vectors):
            raise InvalidInput(
                f"line {one['line']}: expected vectors of {dimensions} finite numbers, each of"
                " length 1"
            )
    pairs = zip(packed(np.array(own)), packed(np.array(first)), keys, strict=True)
    return [(blob, old if "original" in key else None) for blob, old, (_, key) in pairs]


def _vector(record: dict[str, Any], encoded: object, dimensions: int) -> NDArray[np.float32] | None:
    """Return a key's vector, None if it has other dimensions; old exports are in full precision."""
    try:
        raw = base64.b64decode(encoded, validate=True)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise InvalidInput(
            f"line {record['line']}: a key has no vector, or a malformed one"
        ) from None
    precision = {2 * dimensions: "<f2", 4 * dimensions: "<f4"}.get(len(raw))
    return None if precision is None else np.frombuffer(raw, dtype=precision).astype(np.float32)
