"""Between records and the rows that hold them."""

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memagent.stores.filter import micros
from memagent.types import Event, Record, Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A record on its way into the store, with one vector a key, or none if it is known already."""

    record: Record
    vectors: Sequence[NDArray[np.float32]]
    digest: bytes
    affirm: bool
    who: str | None = None
    why: str | None = None


def digest_of(record: Record, *, dated: bool) -> bytes:
    """Return the hash that makes the same content in the same scope the same record.

    A record whose time the caller gave (`dated`) is another fact at another time.
    """
    scope = record.scope
    since = micros(record.valid_from) if dated else None
    parts = (scope.agent, scope.session, record.kind, record.evidence, record.value, since)
    return hashlib.sha256(json.dumps(parts).encode()).digest()


def closed_digest(digest: bytes, record_id: str) -> bytes:
    """Return the hash of a superseded record, whose text told again is a new fact."""
    return hashlib.sha256(digest + record_id.encode()).digest()


def row_of(draft: Draft, user: int) -> dict[str, Any]:
    """Return the columns of a new row of `records`."""
    record = draft.record
    return {
        "id": record.id,
        "user": user,
        "agent": record.scope.agent,
        "session": record.scope.session,
        "kind": record.kind,
        "value": record.value,
        "digest": draft.digest,
        "evidence": record.evidence,
        "created": micros(record.created),
        "valid_from": micros(record.valid_from),
        "valid_to": None if record.valid_to is None else micros(record.valid_to),
        "affirmed": None if record.affirmed is None else micros(record.affirmed),
        "superseded": record.superseded,
        "supersedes": record.supersedes,
        "sources": json.dumps(record.sources),
        "context": json.dumps(record.context),
        "metadata": json.dumps(dict(record.metadata)),
        "recalled": record.recalled,
        "helped": record.helped,
        "hurt": record.hurt,
    }


def record_of(row: sqlite3.Row, keys: Sequence[str] = ()) -> Record:
    """Return the record that a row of `records`, with its `user_name`, holds."""
    return Record(
        seq=row["seq"],
        id=row["id"],
        kind=row["kind"],
        value=row["value"],
        keys=tuple(keys),
        scope=Scope(user=row["user_name"], agent=row["agent"], session=row["session"]),
        created=moment_of(row["created"]),
        valid_from=moment_of(row["valid_from"]),
        valid_to=None if row["valid_to"] is None else moment_of(row["valid_to"]),
        affirmed=None if row["affirmed"] is None else moment_of(row["affirmed"]),
        superseded=bool(row["superseded"]),
        supersedes=row["supersedes"],
        sources=tuple(json.loads(row["sources"])),
        context=tuple(json.loads(row["context"])),
        evidence=bool(row["evidence"]),
        metadata=json.loads(row["metadata"]),
        recalled=row["recalled"],
        helped=row["helped"],
        hurt=row["hurt"],
    )


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
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)
