"""Notes that were made from other records, by their sources."""

import json
from dataclasses import dataclass

from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import micros
from memagent.stores.database.rows import reading
from memagent.types import Scope

COMPRESSED_KEY = "compressed"
"""Key of a note's metadata that says how it was made, and of `meta` once there are such notes."""
_OURS = (
    f"n.user = ?1 AND n.kind = 'note' AND json_type(n.metadata, '$.{COMPRESSED_KEY}') = 'object'"
)
"""Condition on records `n` of a user; anybody may write metadata, and ours are an object."""


@dataclass(frozen=True, slots=True)
class DerivedNote:
    """A note that stands for its sources: by which settings it was made, and of which session.

    `scope` is where it is kept, which is where its sources are.
    """

    id: str
    scope: Scope
    by: str
    session: str | None
    level: int
    sources: tuple[str, ...]


def notes_on(store: SqliteStore, user: int, source: str) -> list[int]:
    """Return the notes (by `seq`) that were made from a record, and from these in turn.

    Notes are kept in the scope of what they were made from; one of another scope is of nobody's
    making but its writer's.
    """
    if store.meta(COMPRESSED_KEY) is None:
        return []
    rows = store.query(
        f"""WITH RECURSIVE notes(seq, id, agent, session) AS (
            SELECT NULL, id, agent, session FROM records WHERE user = ?1 AND id = ?2 UNION
            SELECT n.seq, n.id, n.agent, n.session FROM notes CROSS JOIN links l ON l.user = ?1
                AND l.source = notes.id AND l.how = 'source'
            CROSS JOIN records n ON n.seq = l.record
                AND n.agent IS notes.agent AND n.session IS notes.session
                WHERE {_OURS}
        ) SELECT seq FROM notes WHERE seq IS NOT NULL ORDER BY seq""",
        (user, source),
    )
    return [row["seq"] for row in rows]


def derived_notes(store: SqliteStore, scope: Scope) -> list[DerivedNote]:
    """Return a scope's notes that hold now, archived ones too, in the order of writing."""
    rows = store.query(
        "SELECT n.id, n.agent, n.session, n.sources,"
        f" json_extract(n.metadata, '$.{COMPRESSED_KEY}') AS settings"
        f" FROM records n WHERE {_OURS} AND (?2 IS NULL OR n.agent = ?2)"
        " AND (?3 IS NULL OR n.session = ?3) AND NOT n.superseded"
        " AND coalesce(n.valid_to > ?4, 1) ORDER BY n.seq",
        (store.user(scope.user), scope.agent, scope.session, micros(store.now(scope.user))),
    )
    with reading("a note"):
        return [
            _derived_note(
                row["id"],
                Scope(user=scope.user, agent=row["agent"], session=row["session"]),
                json.loads(row["settings"]),
                row["sources"],
            )
            for row in rows
        ]


def _derived_note(id: str, scope: Scope, settings: dict[str, object], sources: str) -> DerivedNote:
    session, level = settings.get("session"), settings.get("level", 0)
    return DerivedNote(
        id=id,
        scope=scope,
        by=str(settings.get("by", "")),
        session=session if isinstance(session, str) else None,
        level=level if isinstance(level, int) else 0,
        sources=tuple(json.loads(sources)),
    )
