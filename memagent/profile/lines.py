"""Lines of a user's profile in the store: how they are written down, and which of them hold.

A line is a record without a session that no search finds: archived, no evidence, and keyed by the
name of the profile instead of its words. Its sources are the statements it was made from, so that
it is erased with any of them. What the job wrote has the kind "note". What a user changed has the
kind "lesson" and is a change like any other, listed and undone; a removed line is superseded by
one that is marked as removed. Its metadata:

    {"profile": {"by": "statements", "score": 2.3, "said": "I prefer window seats.",
                 "replaces": [], "removed": false}}
"""

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from memagent.stores.banks.compression import STANDS_FOR
from memagent.stores.database import connection
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import micros
from memagent.stores.lifecycle.retention import OVER_CAPACITY
from memagent.stores.ranking import tokens_of
from memagent.text.words import query_words
from memagent.types import ProfileLine, Record, Scope

PROFILE = "memagent:profile"
"""Source, key and change of a line beside the records that it was made from."""
DATA = "profile"
"""The metadata that say how a line was made."""
BY_USER, BY_STATEMENTS = "user", "statements"
TOKENS = 200
"""Tokens (of about four characters) of the lines that are shown, where nobody says how many."""
_OF_PROFILE = (
    "SELECT r.seq FROM links l JOIN records r ON r.seq = l.record WHERE l.user = ?"
    " AND l.source = ? AND l.how = 'source' AND r.agent IS ? AND r.session IS NULL"
    " ORDER BY r.seq"
)


def data_of(record: Record) -> Mapping[str, Any] | None:
    """Return how a line was made; None of any other record, as anybody may write metadata."""
    data = record.metadata.get(DATA) if record.kind in ("note", "lesson") else None
    if not isinstance(data, Mapping) or PROFILE not in record.sources:
        return None
    texts, replaced = (data.get("by"), data.get("said")), data.get("replaces")
    whole = all(isinstance(text, str) for text in texts) and isinstance(replaced, list)
    return data if whole and isinstance(data.get("score"), int | float) else None


def written(store: SqliteStore, scope: Scope) -> list[Record]:
    """Return all lines that were ever written for exactly this user and agent, in order."""
    user = store.user(scope.user)
    if user is None:
        return []
    rows: Sequence[sqlite3.Row] = store.query(_OF_PROFILE, (user, PROFILE, scope.agent))
    records = store.read.records([row["seq"] for row in rows])
    return [record for record in records if data_of(record) is not None]


def held(store: SqliteStore, scope: Scope, as_of: datetime | None = None) -> list[ProfileLine]:
    """Return the lines that hold now, or held at a time, oldest first.

    A line holds as long as all its sources do, and until a line that holds replaces it.
    """
    records = [
        record
        for record in written(store, scope)
        if not (data_of(record) or {}).get("removed") and _is_current(record, as_of)
    ]
    sources = _sources(store, scope, records)
    newest = connection.newest(
        store, scope.across_sessions(), [id for id, source in sources.items() if source.superseded]
    )
    holding = [
        record
        for record in records
        if all(
            id in sources and _still_says(store, record, sources[id], newest.get(id), as_of)
            for id in _ids(record)
        )
    ]
    replaced = {id for record in holding for id in (data_of(record) or {})["replaces"]}
    return [line_of(record) for record in holding if record.id not in replaced]


def line_of(record: Record) -> ProfileLine:
    """Return the line that a record of the profile stands for."""
    data = data_of(record) or {}
    return ProfileLine(
        id=record.id,
        seq=record.seq,
        text=record.text,
        sources=_ids(record),
        by=data["by"],
        score=float(data["score"]),
        pinned=record.pinned,
    )


def chosen(lines: Iterable[ProfileLine], tokens: int | None) -> list[ProfileLine]:
    """Return the lines that fit into so many tokens, in the order of writing, which is stable.

    Pinned lines come first, then a user's own, then those that are the most surely lasting.
    """
    found = list(lines)
    if tokens is None:
        return found
    kept: list[ProfileLine] = []
    for line in sorted(found, key=_worth, reverse=True):
        cost = tokens_of(len(line.text))
        if cost <= tokens:
            kept.append(line)
            tokens -= cost
    return sorted(kept, key=lambda line: line.seq)


def folded(text: str) -> tuple[str, ...]:
    """Return what two texts that say the same in the same words have in common."""
    return tuple(query_words(text)) or (text.strip(),)


def _worth(line: ProfileLine) -> tuple[bool, bool, float, int]:
    return line.pinned, line.by == BY_USER, line.score, line.seq


def _ids(record: Record) -> tuple[str, ...]:
    return tuple(source for source in record.sources if source != PROFILE)


def _is_current(record: Record, as_of: datetime | None) -> bool:
    """Tell whether a record is not superseded and has not run out; with a time, was not then."""
    until = record.valid_to
    if as_of is None:
        return not record.superseded and (until is None or until > datetime.now(UTC))
    at = micros(as_of)
    return micros(record.valid_from) <= at and (until is None or micros(until) > at)


def _sources(store: SqliteStore, scope: Scope, lines: Sequence[Record]) -> dict[str, Record]:
    ids = list(dict.fromkeys(id for line in lines for id in _ids(line)))
    return {record.id: record for record in store.read.get(scope.across_sessions(), ids)}


def _still_says(
    store: SqliteStore,
    line: Record,
    source: Record,
    newest: Record | None,
    as_of: datetime | None,
) -> bool:
    """Tell whether a source still holds, or its newest version says in the same words what it did.

    One that was archived because a note stands for it, or to make room, is no less true.
    """
    if not _is_current(source, as_of):
        said = (data_of(line) or {})["said"]
        return as_of is None and newest is not None and said in newest.text
    return source.archived is None or as_of is not None or _made_room(store, source)


def _made_room(store: SqliteStore, record: Record) -> bool:
    """Tell whether a record was archived for want of room, and not by anybody's judgement."""
    reasons = [
        event.why or "" for event in store.history([record.seq]) if event.action == "archive"
    ]
    return bool(reasons) and reasons[-1].startswith((STANDS_FOR, OVER_CAPACITY))


def known_texts(lines: Iterable[Record]) -> Collection[tuple[str, ...]]:
    """Return what lines say, or said before they were edited, folded."""
    return {folded(text) for line in lines for text in (line.text, (data_of(line) or {})["said"])}
