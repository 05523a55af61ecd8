"""Links between records: which was made from which, and which is keyed together with which.

The table `links` has a row for each: the user and the id of the source, the record (by `seq`) that
holds something of it, and how. Triggers keep the rows that follow from a record's own columns:

- `source`: the source is among the record's `sources`, which anybody may write: it counts for what
  the record's agent may read, and is a mere name otherwise;
- `context`: the record's keys hold words of the source;
- `version`: the record supersedes the source.

The library alone writes five more, and no metadata stand for them:

- `prompt`: the source stood in the prompt that the record is a reply to;
- `quote`: the record was learnt from the source, whosever it is;
- `mention`: the record's metadata hold the id of the source, and nothing of its words;
- `helped`, `hurt`: the record is a question, and the source was judged so, shown for it.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Literal

from memagent.stores.database.connection import SqliteStore

How = Literal["prompt", "quote", "mention", "helped", "hurt"]
NAMES_ONLY = "('mention', 'helped', 'hurt')"
"""The links, as SQL, of records that hold nothing of the source's words but its id."""
_AMONG = "(SELECT value FROM json_each(?1))"
_DERIVED = f"""
WITH RECURSIVE gone(seq) AS (
    SELECT value FROM json_each(?1) UNION
    SELECT l.record FROM gone g CROSS JOIN records r ON r.seq = g.seq
        CROSS JOIN links l ON l.user = r.user AND l.source = r.id
        CROSS JOIN records d ON d.seq = l.record
        WHERE l.how != 'context' AND l.how NOT IN {NAMES_ONLY}
        AND (l.how != 'source' OR d.agent IS NULL OR d.agent IS r.agent) UNION
    SELECT old.seq FROM gone g CROSS JOIN links l ON l.record = g.seq AND l.how = 'version'
        CROSS JOIN records old ON old.user = l.user AND old.id = l.source
) SELECT seq FROM gone ORDER BY seq
"""
_LEANING = """
WITH RECURSIVE leaning(seq) AS (
    SELECT value FROM json_each(?1) UNION
    SELECT l.record FROM leaning g CROSS JOIN records r ON r.seq = g.seq
        CROSS JOIN links l ON l.user = r.user AND l.source = r.id AND l.how = 'context'
) SELECT seq FROM leaning WHERE seq NOT IN (SELECT value FROM json_each(?1)) ORDER BY seq
"""


def link(db: sqlite3.Connection, record: int, sources: Iterable[int], how: How) -> int:
    """Link a record to others that it holds words of, all by `seq`; return how many there are."""
    among = json.dumps(sorted(set(sources)))
    db.execute(
        f"INSERT OR IGNORE INTO links SELECT user, id, ?2, ?3 FROM records WHERE seq IN {_AMONG}",
        (among, record, how),
    )
    ((found,),) = db.execute(f"SELECT count(*) FROM records WHERE seq IN {_AMONG}", (among,))
    return int(found)


def link_ids(db: sqlite3.Connection, user: int, record: int, ids: Iterable[str], how: How) -> None:
    """Link a record (by `seq`) to ids of one user's, also to such as are not there yet."""
    db.executemany(
        "INSERT OR IGNORE INTO links VALUES (?, ?, ?, ?)",
        [(user, id, record, how) for id in ids],
    )


def derived(store: SqliteStore, seqs: Sequence[int]) -> list[int]:
    """Return records and all that was made from them, in turn, with their other versions."""
    return [row[0] for row in store.query(_DERIVED, (json.dumps(list(seqs)),))]


def leaning(store: SqliteStore, seqs: Sequence[int]) -> list[int]:
    """Return the other records whose keys hold words of some, in turn."""
    return [row[0] for row in store.query(_LEANING, (json.dumps(list(seqs)),))]


def linked(store: SqliteStore, record: int, how: How) -> list[str]:
    """Return the ids that a record is linked to, of its own user's records, in order."""
    rows = store.query(
        "SELECT l.source FROM links l JOIN records r ON r.seq = l.record AND r.user = l.user"
        " WHERE l.record = ? AND l.how = ? ORDER BY l.source",
        (record, how),
    )
    return [row[0] for row in rows]
