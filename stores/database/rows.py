"""Between records and the rows that hold them."""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from json.encoder import encode_basestring_ascii
from operator import index
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memagent.errors import InvalidInput, StoreError
from memagent.stores.database.filters import EPOCH, micros
from memagent.types import Event, NewRecord, Record, Scope

DIGEST_BYTES = 16
INSERTED = (
    "seq, id, user, agent, session, kind, value, digest, evidence, created, valid_from, valid_to,"
    " supersedes, sources, context, metadata"
)
"""The columns of a new row of `records`, as `row_of` orders their values."""
READ = (
    *("seq", "id", "kind", "value", "user_name", "agent", "session", "created", "valid_from"),
    *("valid_to", "affirmed", "superseded", "supersedes", "sources", "context", "evidence"),
    *("metadata", "recalled", "helped", "hurt", "pinned", "archived"),
)
"""What a record is read from, as `record_of` takes it: columns, and the name of its user."""
FLAGS = ("evidence", "superseded")
DAMAGE = (
    AttributeError,
    IndexError,
    InvalidInput,
    KeyError,
    OSError,
    OverflowError,
    TypeError,
    ValueError,
)
"""What reading values raises that no store has written."""


@dataclass(kw_only=True, slots=True)
class Draft:
    """A note on its way into the store: shaped, but not numbered yet.

    `vectors` (keys x dimensions) is filled in once they are made; a note that is known already
    needs none.
    """

    note: NewRecord
    scope: Scope
    id: str
    keys: tuple[str, ...]
    context: tuple[str, ...]
    digest: bytes
    vectors: NDArray[np.float32] | None = None

    @property
    def affirms(self) -> bool:
        """Whether telling a known note again says that it still holds now."""
        return self.note.id is None and self.note.valid_from is None

    @property
    def merges(self) -> bool:
        """Whether it has metadata or sources to merge into a known record."""
        return bool(self.note.metadata or self.note.sources)

    def merged_into(
        self, metadata: Mapping[str, Any], sources: Sequence[str]
    ) -> tuple[dict[str, Any], list[str]]:
        """Return a record's metadata and sources with this note's: its values win over the old."""
        own = json.loads(json.dumps(dict(self.note.metadata)))
        new = (source for source in dict.fromkeys(self.note.sources) if source not in sources)
        return {**metadata, **own}, [*sources, *new]


def digest_of(note: NewRecord, scope: Scope) -> bytes:
    """Return the hash that makes the same content in the same scope the same record.

    A note whose time the caller gave is another fact at another time. What is hashed is the JSON of
    [agent, session, kind, evidence, text, time], spelt out here because it is made for every note.
    """
    return _hash_of(note, scope)[:DIGEST_BYTES]


def closed_digest(digest: bytes, record_id: str) -> bytes:
    """Return the hash of a superseded record, whose text told again is a new fact."""
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


def row_of(draft: Draft, seq: int, user: int, now: datetime) -> tuple[Any, ...]:
    """Return the values of a new row of `records`, in the order of INSERTED."""
    note, scope, created = draft.note, draft.scope, micros(now)
    return (
        seq,
        draft.id,
        user,
        scope.agent,
        scope.session,
        note.kind,
        note.text,
        draft.digest,
        note.evidence,
        created,
        created if note.valid_from is None else micros(note.valid_from),
        None if note.valid_to is None else micros(note.valid_to),
        note.supersedes,
        json.dumps(note.sources) if note.sources else "[]",
        json.dumps(draft.context) if draft.context else "[]",
        json.dumps(dict(note.metadata)) if note.metadata else "{}",
    )


def new_record(draft: Draft, seq: int, now: datetime) -> Record:
    """Return the record that a draft has become."""
    note = draft.note
    return Record(
        id=draft.id,
        seq=seq,
        kind=note.kind,
        text=note.text,
        keys=draft.keys,
        scope=draft.scope,
        created=now,
        valid_from=now if note.valid_from is None else _utc(note.valid_from),
        valid_to=None if note.valid_to is None else _utc(note.valid_to),
        supersedes=note.supersedes,
        sources=note.sources,
        context=draft.context,
        evidence=note.evidence,
        metadata=json.loads(json.dumps(dict(note.metadata))) if note.metadata else {},
    )


def same_json(one: Any, other: Any) -> bool:
    """Tell whether two values are the same JSON: 1, 1.0 and true are three."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Read values that a store holds, or say that they are not what any store writes.

    Raises:
        StoreError: they are damaged.
    """
    try:
        yield
    except DAMAGE as error:
        raise StoreError(f"{what} is damaged: `memagent verify` tells more") from error


def record_of(values: Sequence[Any], keys: Iterable[str] = ()) -> Record:
    """Return the record that the values of READ, in their order, are of.

    Raises:
        TypeError: its value or a key is no text; other damage raises others of DAMAGE.
    """
    (
        number, name, kind, value, user, agent, session, created, valid_from,
        valid_to, affirmed, superseded, supersedes, sources, context, evidence,
        metadata, recalled, helped, hurt, pinned, archived,
    ) = values  # fmt: skip
    made = moment_of(created)
    texts = (value, *keys)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a text that is none")
    return Record(
        id=name,
        seq=number,
        kind=kind,
        text=value,
        keys=texts[1:],
        scope=Scope(user=user, agent=agent, session=session),
        created=made,
        valid_from=made if valid_from == created else moment_of(valid_from),
        valid_to=None if valid_to is None else moment_of(valid_to),
        affirmed=None if affirmed is None else moment_of(affirmed),
        superseded=bool(superseded),
        supersedes=supersedes,
        sources=_texts(sources),
        context=_texts(context),
        evidence=bool(evidence),
        metadata={} if metadata == "{}" else json.loads(metadata),
        recalled=recalled,
        helped=helped,
        hurt=hurt,
        pinned=bool(pinned),
        archived=None if archived is None else moment_of(archived),
    )


def is_as_written(row: sqlite3.Row) -> bool:
    """Tell whether a row of `records`, with its `user_name`, is what its digest was taken of."""
    try:
        flags = {type(row[name]) is int and row[name] in (0, 1) for name in FLAGS}
        return flags == {True} and row["digest"] in _digests_of(
            record_of([row[name] for name in READ])
        )
    except DAMAGE:
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
    return () if listed == "[]" else tuple(json.loads(listed))


def _hash_of(note: NewRecord, scope: Scope) -> bytes:
    since = "null" if note.valid_from is None else str(micros(note.valid_from))
    evidence = "true" if note.evidence else "false"
    parts = (_json(scope.agent), _json(scope.session), _json(note.kind), evidence, _json(note.text))
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
