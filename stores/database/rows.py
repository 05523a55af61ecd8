"""Rows of the database, and the records they hold."""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from operator import index
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memagent.errors import InvalidInput, StoreError
from memagent.stores.database.filters import EPOCH, micros
from memagent.stores.database.metadata import plain_metadata, to_json
from memagent.types import Event, NewRecord, Record, Scope

DIGEST_BYTES = 16
MAX_DEVIATION = 1e-3
"""Distance from one that a vector's length may have: half precision moves it by under 0.0005."""
INSERT_COLUMNS = (
    "seq, id, user, agent, session, kind, value, digest, evidence, created, valid_from, valid_to,"
    " supersedes, sources, context, metadata"
)
"""The columns of a new row of `records`, as `row_of` orders their values."""
READ = (
    *("seq", "id", "kind", "value", "user_name", "agent", "session", "created", "valid_from"),
    *("valid_to", "affirmed", "superseded", "supersedes", "sources", "context", "evidence"),
    *("metadata", "recalled", "helped", "hurt", "pinned", "archived"),
)
"""Columns that a record is read from, as `record_of` takes them, with the name of its user."""
FLAGS = ("evidence", "superseded")
DAMAGE_ERRORS = (
    AttributeError,
    IndexError,
    InvalidInput,
    KeyError,
    OSError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)
"""The errors of reading damaged values."""


@dataclass(kw_only=True, slots=True)
class Draft:
    """Draft of a record: an entry with its id, keys and digest, but no number yet.

    `vectors` (keys x dimensions) and the keys' `languages` are filled in once they are made; an
    entry that is known already needs none.
    """

    entry: NewRecord
    scope: Scope
    id: str
    keys: tuple[str, ...]
    context: tuple[str, ...]
    digest: bytes
    vectors: NDArray[np.float32] | None = None
    languages: tuple[str | None, ...] = ()

    @property
    def affirms(self) -> bool:
        """True if adding a known text again says that it still holds now."""
        return self.entry.id is None and self.entry.valid_from is None

    @property
    def merges(self) -> bool:
        """True if it has metadata or sources to merge into a known record."""
        return bool(self.entry.metadata or self.entry.sources)

    def merged_into(
        self, metadata: Mapping[str, Any], sources: Sequence[str]
    ) -> tuple[dict[str, Any], list[str]]:
        """Return a record's metadata and sources with this draft's: its values win over the old.

        A record without sources stands by itself, and gets none: forgetting a source erases what
        was made from it, and must not erase what was said before it.
        """
        own = plain_metadata(self.entry.metadata)
        more = dict.fromkeys(self.entry.sources) if sources else ()
        new = (source for source in more if source not in sources)
        return plain_metadata({**metadata, **own}), [*sources, *new]


def digest_of(entry: NewRecord, scope: Scope) -> bytes:
    """Return the hash that makes the same content in the same scope the same record.

    The same text at another time that the caller gave is another fact. The hash is of the JSON of
    [agent, session, kind, evidence, text, time].
    """
    return _hash_of(entry, scope)[:DIGEST_BYTES]


def closed_digest(digest: bytes, record_id: str) -> bytes:
    """Return the hash of a superseded record, whose text, added again, is a new fact."""
    return hashlib.sha256(digest + record_id.encode()).digest()[:DIGEST_BYTES]


def packed(vectors: NDArray[np.float32]) -> list[bytes]:
    """Return what is stored of vectors (rows x dimensions): half precision, little-endian.

    A unit vector's inner products move by less than 0.001, which is less than the embedders' own
    reduced precision moves them, and the file is nearly half the size.
    """
    whole, size = vectors.astype("<f2").tobytes(), 2 * vectors.shape[1]
    return [whole[start : start + size] for start in range(0, len(whole), size)]


def unpacked(blobs: Sequence[bytes]) -> NDArray[np.float32]:
    """Return stored vectors as an array of rows x dimensions."""
    with reading("a vector"):
        whole = np.frombuffer(b"".join(blobs), dtype="<f2")
        return whole.reshape(len(blobs), -1).astype(np.float32)


def is_unit(vector: NDArray[np.float32]) -> bool:
    """Tell whether a stored vector (dimensions) has the length one, as far as it is kept."""
    with np.errstate(invalid="ignore", over="ignore"):
        # So written that a length of NaN is wrong too.
        return bool(abs(float(np.linalg.norm(vector)) - 1) <= MAX_DEVIATION)


def row_of(draft: Draft, seq: int, user: int, now: datetime) -> tuple[Any, ...]:
    """Return the values of a new row of `records`, in the order of INSERT_COLUMNS."""
    entry, scope, created = draft.entry, draft.scope, micros(now)
    return (
        seq,
        draft.id,
        user,
        scope.agent,
        scope.session,
        entry.kind,
        entry.text,
        draft.digest,
        entry.evidence,
        created,
        created if entry.valid_from is None else micros(entry.valid_from),
        None if entry.valid_to is None else micros(entry.valid_to),
        entry.supersedes,
        json.dumps(entry.sources) if entry.sources else "[]",
        json.dumps(draft.context) if draft.context else "[]",
        to_json(dict(entry.metadata)) if entry.metadata else "{}",
    )


def new_record(draft: Draft, seq: int, now: datetime) -> Record:
    """Return the record that a draft has become."""
    entry = draft.entry
    return Record(
        id=draft.id,
        seq=seq,
        kind=entry.kind,
        text=entry.text,
        keys=draft.keys,
        scope=draft.scope,
        created=now,
        valid_from=now if entry.valid_from is None else _utc(entry.valid_from),
        valid_to=None if entry.valid_to is None else _utc(entry.valid_to),
        supersedes=entry.supersedes,
        sources=entry.sources,
        context=draft.context,
        evidence=entry.evidence,
        metadata=plain_metadata(entry.metadata) if entry.metadata else {},
    )


def same_json(one: Any, other: Any) -> bool:
    """Tell whether two values are the same JSON: 1, 1.0 and true are three."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Context that reports damaged values as an error of the store.

    Raises:
        StoreError: they are damaged.
    """
    try:
        yield
    except DAMAGE_ERRORS as error:
        raise StoreError(f"{what} is damaged: `memagent verify` tells more") from error


def record_of(values: Sequence[Any], keys: Iterable[str] = ()) -> Record:
    """Return the record that the values of READ, in their order, are of.

    Raises:
        TypeError: its text or a key is no string; other damage raises others of DAMAGE_ERRORS.
    """
    (
        number, name, kind, value, user, agent, session, created, valid_from,
        valid_to, affirmed, superseded, supersedes, sources, context, evidence,
        metadata, recalled, helped, hurt, pinned, archived,
    ) = values  # fmt: skip
    made = moment_of(created)
    texts = (value, *keys)
    if {*map(type, texts)} != {str}:
        raise TypeError("a text that is none")
    return Record(
        id=name,
        seq=number,
        kind=kind,
        text=value,
        keys=texts[1:],
        scope=_scope(user, agent, session),
        created=made,
        valid_from=made if valid_from == created else moment_of(valid_from),
        valid_to=None if valid_to is None else moment_of(valid_to),
        affirmed=None if affirmed is None else moment_of(affirmed),
        superseded=bool(superseded),
        supersedes=supersedes,
        sources=_texts(sources),
        context=_texts(context),
        evidence=bool(evidence),
        metadata=_object(metadata),
        recalled=recalled,
        helped=helped,
        hurt=hurt,
        pinned=bool(pinned),
        archived=None if archived is None else moment_of(archived),
    )


@lru_cache(maxsize=1_024)
def _scope(user: str, agent: str | None, session: str | None) -> Scope:
    """Return a scope; most records that are read together share one."""
    return Scope(user=user, agent=agent, session=session)


def is_as_written(row: sqlite3.Row) -> bool:
    """Tell whether a row of `records`, with its `user_name`, is what its digest was taken of."""
    try:
        flags = {type(row[name]) is int and row[name] in (0, 1) for name in FLAGS}
        return flags == {True} and row["digest"] in _digests_of(
            record_of([row[name] for name in READ])
        )
    except DAMAGE_ERRORS:
        return False


def opened_digest(record: Record, held: bytes) -> bytes:
    """Return the digest that a superseded record had before it was closed.

    Raises:
        StoreError: what it holds now is no closed digest of its content.
    """
    for digest in _digests_of(replace(record, superseded=False)):
        if closed_digest(digest, record.id) == held:
            return digest
    raise StoreError(f"record {record.id!r} is damaged: `memagent verify` tells more")


def event_of(row: sqlite3.Row) -> Event:
    """Return the event that a row of `history`, with its record's `record_id`, holds."""
    return Event(
        record=row["record_id"],
        at=moment_of(row["at"]),
        action=row["action"],
        who=row["who"],
        why=row["why"],
    )


def moment_of(micros: int) -> datetime:
    """Return the time that whole microseconds since 1970 stand for, exactly."""
    return EPOCH + timedelta(microseconds=index(micros))


def _texts(listed: str) -> tuple[str, ...]:
    texts = () if listed == "[]" else tuple(json.loads(listed))
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a list with what is no text")
    return texts


def _object(metadata: str) -> dict[str, Any]:
    found = {} if metadata == "{}" else json.loads(metadata)
    if not isinstance(found, dict):
        raise TypeError("metadata that are no object")
    return found


def _hash_of(entry: NewRecord, scope: Scope) -> bytes:
    since = "null" if entry.valid_from is None else str(micros(entry.valid_from))
    evidence = "true" if entry.evidence else "false"
    parts = (
        _json(scope.agent),
        _json(scope.session),
        _json(entry.kind),
        evidence,
        _json(entry.text),
    )
    return hashlib.sha256(f"[{', '.join(parts)}, {since}]".encode()).digest()


def _digests_of(record: Record) -> list[bytes]:
    """Return what a stored record's digest may be: whether its time was given is not stored.

    Records that were superseded under schema 3 were closed with the whole hash.
    """
    wholes = [
        _hash_of(
            NewRecord(
                text=record.text, kind=record.kind, evidence=record.evidence, valid_from=valid_from
            ),
            record.scope,
        )
        for valid_from in ((None,) if record.valid_from == record.created else ())
        + (record.valid_from,)
    ]
    opened = [whole[:DIGEST_BYTES] for whole in wholes]
    if not record.superseded:
        return opened
    return [closed_digest(digest, record.id) for digest in (*opened, *wholes)]


def _json(text: str | None) -> str:
    return "null" if text is None else encode_basestring_ascii(text)


def _utc(moment: datetime) -> datetime:
    """Read a time without a zone as local time, as datetime itself does."""
    return moment.astimezone(UTC)
