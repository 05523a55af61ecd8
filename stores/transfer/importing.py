"""Import of records that memagent or another memory layer exported."""

import base64
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, islice
from types import NoneType
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memagent.errors import EmbedderMismatch, InvalidInput
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.deferred_indexing import DigestIndex
from memagent.stores.database.derived import COMPRESSED_KEY
from memagent.stores.database.filters import micros
from memagent.stores.database.links import link_ids
from memagent.stores.database.rows import DIGEST_BYTES, is_as_written, packed
from memagent.stores.database.schema import with_role
from memagent.stores.database.writer import add_keys, user_id
from memagent.stores.lifecycle.undo import ids_kept
from memagent.stores.transfer import foreign
from memagent.stores.transfer.export import BATCH, COLUMNS, FORMAT, LISTS
from memagent.types import Record, Scope

Format = Literal["auto", "memagent", "mem0", "langgraph"]
FORMATS: tuple[Format, ...] = ("auto", "memagent", "mem0", "langgraph")
_TYPES: dict[str, type | tuple[type, ...]] = {
    "user": str,
    "id": str,
    "value": str,
    "kind": str,
    "created": int,
    "valid_from": int,
    "valid_to": (int, NoneType),
    "affirmed": (int, NoneType),
    "archived": (int, NoneType),
    "keys": list,
    "history": list,
    "uses": list,
    "outcomes": list,
    "prompt": list,
}
"""What the parts of an exported record must be, as far as the store relies on it."""
BY_AUTHOR = 1
"""The format of exports whose metadata name an `author` instead of a `role`."""
ADDED: dict[str, Any] = {"pinned": 0, "archived": None, "uses": [], "outcomes": [], "prompt": []}
"""Fields that the first exports did not have, and their values where they are missing."""


def arriving(
    lines: Iterable[str], format: Format, user: str | None
) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
    """Return the header (empty where there is none) and the records, as `export` writes them.

    Records are read lazily; a record that has a line of its own names it as `line`.

    Raises:
        InvalidInput: a line or an item is not what was expected; the message gives its number.
    """
    numbered = ((n, line) for n, line in enumerate(lines, start=1) if line.strip())
    first = next(numbered, (1, ""))
    if format == "memagent" or (format == "auto" and _is_header(first[1])):
        header = _header(*first)
        by_author = header["memagent"] == BY_AUTHOR
        return header, (_parsed(number, line, user, by_author) for number, line in numbered)
    origin = None if format == "auto" else format
    return {}, _foreign(chain([first], numbered), origin, user)


def _is_header(line: str) -> bool:
    header = foreign.parsed(line)
    return isinstance(header, dict) and "memagent" in header


def _header(number: int, line: str) -> dict[str, Any]:
    header = _json(number, line)
    if header.get("memagent") not in (BY_AUTHOR, FORMAT):
        raise InvalidInput(
            f"line {number}: expected the header of a memagent export, format {BY_AUTHOR} or"
            f" {FORMAT}"
        )
    probe = header.get("probe", [])
    if not isinstance(probe, list) or not all(isinstance(x, int | float) for x in probe):
        raise InvalidInput(f"line {number}: expected the header's probe to be a list of numbers")
    return header


def _parsed(number: int, line: str, user: str | None, by_author: bool) -> dict[str, Any]:
    record = ADDED | _json(number, line)
    missing = sorted({"digest", *_TYPES, *COLUMNS, *LISTS} - record.keys())
    if missing:
        raise InvalidInput(f"line {number}: expected a record, but it has no {missing[0]!r}")
    wrong = [name for name, kind in _TYPES.items() if not isinstance(record[name], kind)]
    if not wrong and not _whole(record):
        wrong = ["digest, keys or history"]
    if not wrong and not _counted(record):
        wrong = ["uses or outcomes"]
    if not wrong and not all(isinstance(id, str) for id in record["prompt"]):
        wrong = ["prompt"]
    if wrong:
        raise InvalidInput(f"line {number}: expected a record, but its {wrong[0]} is malformed")
    try:
        scope = Scope(user=user or record["user"], agent=record["agent"], session=record["session"])
    except InvalidInput as error:
        raise InvalidInput(f"line {number}: {error}") from None
    if by_author and isinstance(record["metadata"], dict):
        record["metadata"] = with_role(record["metadata"])
    return record | {"user": scope.user, "line": number}


def _whole(record: dict[str, Any]) -> bool:
    """Tell whether a record has a digest, a key, and events with all their parts, in whole text."""
    try:
        bytes.fromhex(record["digest"])
        texts = [key["text"] for key in record["keys"]]
        events = [{"at", "action", "who", "why"} <= event.keys() for event in record["history"]]
    except (TypeError, ValueError, LookupError, AttributeError):
        return False
    texts_only = bool(texts) and all(isinstance(text, str) for text in texts)
    return texts_only and all(events) and foreign.encodable(record)


def _counted(record: dict[str, Any]) -> bool:
    """Tell whether a record's uses are times, and its outcomes numbers of a source."""
    try:
        numbers = [outcome[name] for outcome in record["outcomes"] for name in ("helped", "hurt")]
        named = all(isinstance(outcome["source"], str) for outcome in record["outcomes"])
    except (TypeError, LookupError):
        return False
    whole = all(type(number) is int for number in [*numbers, *record["uses"]])
    return named and whole and min(numbers, default=0) >= 0


def _foreign(
    numbered: foreign.Numbered, origin: foreign.Origin | None, user: str | None
) -> Iterator[dict[str, Any]]:
    """Yield what another memory layer exported, as `export` would have written it."""
    now = datetime.now(UTC)
    for record, digest in foreign.records(numbered, origin, user, now):
        event = {
            "at": micros(now),
            "action": "import",
            "who": None,
            "why": f"from {record.sources[0]}",
        }
        yield (
            {"user": record.scope.user, "digest": digest.hex()}
            | {name: _column(record, name) for name in (*COLUMNS, *LISTS)}
            | {"keys": [{"text": key} for key in record.keys], "history": [event]}
        )


def _column(record: Record, name: str) -> Any:
    """Return what the column of a name holds of a record; the text's is called "value"."""
    field = "text" if name == "value" else name
    value = getattr(record.scope if name in ("agent", "session") else record, field)
    return micros(value) if isinstance(value, datetime) else value


def _json(number: int, line: str) -> dict[str, Any]:
    value = foreign.parsed(line)
    if not isinstance(value, dict):
        raise InvalidInput(f"line {number}: expected a JSON object, found {line[:40]!r}")
    return value


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
        """What the embedder is called."""

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
) -> int:
    """Store records that are not there yet, in batches; return how many were new.

    `format` says who wrote the lines: `memagent export`, mem0 or LangGraph (`foreign.py`);
    `auto` tells by the first. `user` is whose memory they become, instead of whom they name.
    Vectors are taken over if this embedder makes the same of the header's probe, and made anew
    otherwise. A record whose content the store holds under another id goes by that id in what
    names it.

    Raises:
        InvalidInput: a line or an item is not what was expected; the message gives its number.
        EmbedderMismatch: the store has moved to another embedder meanwhile.
    """
    if format not in FORMATS:
        raise InvalidInput(f"format {format!r}: expected one of {', '.join(FORMATS)}")
    if user is not None:
        Scope(user=user)
    header, records = arriving(lines, format, user)
    new, aliases, digests = 0, Aliases(), DigestIndex(store)
    while batch := list(islice(records, BATCH)):
        new += _import_batch(store, digests, batch, encoder, header, aliases)
    return new


def _import_batch(
    store: SqliteStore,
    digests: DigestIndex,
    batch: Sequence[dict[str, Any]],
    encoder: Encodes,
    header: dict[str, Any],
    aliases: Aliases,
) -> int:
    fingerprint = encoder.check()
    batch = [record for record in batch if not _known(store, digests, record, aliases)]
    if not batch:
        return 0
    blobs = iter(_vectors(batch, encoder, header, json.loads(fingerprint)["dimensions"]))
    new = 0
    with store.transaction() as db:
        if store.meta("embedder") != fingerprint:
            raise EmbedderMismatch(
                "the memory was moved to another embedder just now; nothing of the last"
                f" {len(batch)} records was written"
            )
        marked = False
        for record in batch:
            own = [next(blobs) for _ in record["keys"]]
            if _known(store, digests, record, aliases):
                continue
            try:
                _import_one(db, record, own, aliases)
            except STORING_ERRORS as error:
                raise InvalidInput(
                    f"line {record.get('line', '?')}: not what was exported ({error})"
                ) from error
            new += 1
            marked |= isinstance(record["metadata"], dict) and COMPRESSED_KEY in record["metadata"]
        if marked:
            store.set_meta(COMPRESSED_KEY, "yes")
    return new


def _import_one(
    db: sqlite3.Connection, one: dict[str, Any], blobs: Sequence[Blobs], aliases: Aliases
) -> None:
    """Store a record; what it names goes by the ids that the store has for it."""
    user = user_id(db, one["user"])
    lists = {column: one[column] for column in LISTS}
    for column in ("sources", "context"):
        lists[column] = [aliases.get((one["user"], other), other) for other in one[column]]
    row = (
        {"user": user, "digest": _digest(one)}
        | {column: one[column] for column in COLUMNS}
        | {column: json.dumps(value) for column, value in lists.items()}
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
    add_keys(db, user, [(seq, key["text"]) for key in one["keys"]], [blob for blob, _ in blobs])
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
    prompt = [aliases.get((one["user"], other), other) for other in one.get("prompt", ())]
    link_ids(db, user, seq, prompt, "prompt")
    if one["kind"] == "lesson" and isinstance(one["metadata"], dict):
        link_ids(db, user, seq, ids_kept(one["metadata"]), "mention")
    _count(db, user, seq, one, aliases)


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


def _vectors(
    batch: Sequence[dict[str, Any]], encoder: Encodes, header: dict[str, Any], dimensions: int
) -> list[Blobs]:
    """Return a packed vector for each key of a batch: its own if this embedder made them.

    A header without a probe is an old one: there the batch's first key is what is compared. A key
    that gets a new vector has not been moved.
    """
    keys = [(record, key) for record in batch for key in record["keys"]]
    texts = [key["text"] for _, key in keys]
    if not header.get("vectors"):
        return _anew(encoder, texts)
    own = [_vector(one, key.get("vector"), dimensions) for one, key in keys]
    if "probe" in header:
        same = encoder.agrees(header["probe"])
    else:
        named = header.get("embedder") == encoder.name
        same = named and own[0] is not None and encoder.agrees(own[0], texts[0])
    if not same:
        return _anew(encoder, texts)
    first = [
        _vector(one, key["original"], dimensions) if "original" in key else vector
        for (one, key), vector in zip(keys, own, strict=True)
    ]
    for (one, _), *vectors in zip(keys, own, first, strict=True):
        if any(vector is None or not np.isfinite(vector).all() for vector in vectors):
            raise InvalidInput(
                f"line {one['line']}: expected vectors of {dimensions} finite numbers"
            )
    pairs = zip(packed(np.array(own)), packed(np.array(first)), keys, strict=True)
    return [(blob, old if "original" in key else None) for blob, old, (_, key) in pairs]


def _anew(encoder: Encodes, texts: Sequence[str]) -> list[Blobs]:
    return [(blob, None) for blob in packed(encoder.documents(texts))]


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
