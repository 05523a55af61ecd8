"""Mentions of erased records in those that stay: their ids, and the words on an outcome."""

import json
import sqlite3
from typing import Any

NEAR = 1_000
"""Events before and after an erased one that may be of the same call of `judge`."""
_ERASED = "(SELECT value FROM json_each(?1))"
_OUTCOME = "IN ('helped', 'hurt') AND {0}.why IS NOT NULL"


def remove(db: sqlite3.Connection, erased: str) -> None:
    """Take what tells of records that are about to be erased out of those that stay.

    `erased` are their numbers (`seq`), as JSON. The ids that lessons keep for their undoing go, and
    why a record was archived if that names an erased lesson, and that a record helped or hurt. What
    somebody said of an outcome is about a whole answer, so it goes with the answer and with any
    record that it counted for.
    """
    for row in db.execute(
        "SELECT DISTINCT r.seq, r.metadata, l.source FROM records e CROSS JOIN links l"
        " ON l.user = e.user AND l.source = e.id AND l.how = 'mention'"
        " CROSS JOIN records r ON r.seq = l.record"
        f" WHERE e.seq IN {_ERASED} AND r.seq NOT IN {_ERASED}",
        (erased,),
    ).fetchall():
        _unname(db, row["seq"], row["source"])
    db.execute(
        "UPDATE history SET why = NULL WHERE id IN (SELECT h.id FROM records e CROSS JOIN links l"
        " ON l.record = e.seq AND l.how = 'mention' CROSS JOIN records r ON r.user = l.user"
        " AND r.id = l.source CROSS JOIN history h ON h.record = r.seq"
        f" WHERE e.seq IN {_ERASED} AND h.action = 'archive' AND instr(h.why, e.id))",
        (erased,),
    )
    judged_together = (
        f"SELECT h.id FROM history o CROSS JOIN history h ON h.id BETWEEN o.id - {NEAR}"
        f" AND o.id + {NEAR} AND h.why = o.why WHERE o.record IN {_ERASED}"
        f" AND o.action {_OUTCOME.format('o')}"
    )
    db.execute(
        "DELETE FROM links WHERE how IN ('helped', 'hurt') AND (user, source) IN"
        f" (SELECT user, id FROM records WHERE seq IN {_ERASED})",
        (erased,),
    )
    of_its_sources = (
        "SELECT h.id FROM links l CROSS JOIN records r ON r.user = l.user AND r.id = l.source"
        f" CROSS JOIN history h ON h.record = r.seq WHERE l.record IN {_ERASED}"
        f" AND l.how = 'source' AND h.action {_OUTCOME.format('h')}"
    )
    for ids in (judged_together, of_its_sources):
        db.execute(f"UPDATE history SET why = NULL WHERE id IN ({ids})", (erased,))


def _unname(db: sqlite3.Connection, seq: int, id: str) -> None:
    """Take an id out of a record's metadata, and drop the link that says it is there."""
    (metadata,) = db.execute("SELECT metadata FROM records WHERE seq = ?", (seq,)).fetchone()
    try:
        named = json.dumps(without(json.loads(metadata), id))
    except (TypeError, ValueError, RecursionError):  # damaged: nothing that can be told from it
        named = "{}"
    db.execute("UPDATE records SET metadata = ? WHERE seq = ?", (named, seq))
    db.execute("DELETE FROM links WHERE record = ? AND source = ? AND how = 'mention'", (seq, id))


def without(value: Any, id: str) -> Any:
    """Return JSON without an id: gone from lists and keys, and None where it was a value."""
    if isinstance(value, list):
        return [without(item, id) for item in value if item != id]
    if isinstance(value, dict):
        return {name: without(item, id) for name, item in value.items() if name != id}
    return None if value == id else value
