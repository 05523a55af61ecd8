"""Notes that were made from other records, by their sources."""

import json
from dataclasses import dataclass

from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import micros
from memagent.stores.database.rows import reading

COMPRESSED_KEY = "compressed"
"""Key of a note's metadata that says how it was made, and of `meta` once there are such notes."""
_OURS = (
    f"n.user = ? AND n.kind = 'note' AND json_extract(n.metadata, '$.{COMPRESSED_KEY}') IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class DerivedNote:
    """A note that stands for its sources: by which settings it was made, and of which session."""

    id: str
    by: str
    session: str | None
    level: int
    sources: tuple[str, ...]


def notes_on(store: SqliteStore, user: int, source: str) -> list[int]:
    """Return the notes (by `seq`) that were made from a record, and from these in turn."""
    if store.meta(COMPRESSED_KEY) is None:
        return []
    rows = store.query(
        f"""WITH RECURSIVE notes(seq, id) AS (
            SELECT NULL, ?2 UNION
            SELECT n.seq, n.id FROM notes CROSS JOIN links l ON l.user = ?1
                AND l.source = notes.id AND l.how = 'source'
            CROSS JOIN records n ON n.seq = l.record
                WHERE {_OURS.replace("?", "?1")}
        ) SELECT seq FROM notes WHERE seq IS NOT NULL ORDER BY seq""",
        (user, source),
    )
    return [row["seq"] for row in rows]


def derived_notes(store: SqliteStore, name: str) -> list[DerivedNote]:
    """Return a user's notes that hold now, archived ones too, in the order of writing."""
    rows = store.query(
        f"SELECT n.id, n.sources, json_extract(n.metadata, '$.{COMPRESSED_KEY}') AS settings"
        f" FROM records n WHERE {_OURS} AND NOT n.superseded"
        " AND coalesce(n.valid_to > ?, 1) ORDER BY n.seq",
        (store.user(name), micros(store.now(name))),
    )
    with reading("a note"):
        return [
            _derived_note(row["id"], json.loads(row["settings"]), row["sources"]) for row in rows
        ]


def _derived_note(id: str, settings: dict[str, object], sources: str) -> DerivedNote:
    session, level = settings.get("session"), settings.get("level", 0)
    return DerivedNote(
        id=id,
        by=str(settings.get("by", "")),
        session=session if isinstance(session, str) else None,
        level=level if isinstance(level, int) else 0,
        sources=tuple(json.loads(sources)),
    )
