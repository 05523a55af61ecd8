"""Database schema: numbered steps, applied in order and never edited once released."""

import json
import logging
import sqlite3
from typing import Any

import numpy as np

from memagent.errors import StoreError
from memagent.stores.database.metadata import rewritten, to_json

logger = logging.getLogger(__name__)

APPLICATION_ID = 0x6D656D61
"""Marks a SQLite file as ours (the bytes spell "mema")."""

_V1 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    removals INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    user INTEGER NOT NULL REFERENCES users(id),
    agent TEXT,
    session TEXT,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    digest BLOB NOT NULL,
    evidence INTEGER NOT NULL,
    created INTEGER NOT NULL,
    valid_from INTEGER NOT NULL,
    valid_to INTEGER,
    affirmed INTEGER,
    supersedes TEXT,
    sources TEXT NOT NULL DEFAULT '[]',
    context TEXT NOT NULL DEFAULT '[]',
    metadata TEXT NOT NULL DEFAULT '{}',
    recalled INTEGER NOT NULL DEFAULT 0,
    helped INTEGER NOT NULL DEFAULT 0,
    hurt INTEGER NOT NULL DEFAULT 0,
    UNIQUE (user, id),
    UNIQUE (user, digest)
);
CREATE INDEX records_by_session ON records(user, session, seq);
CREATE TABLE keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    record INTEGER NOT NULL REFERENCES records(seq) ON DELETE CASCADE,
    owner TEXT NOT NULL,
    text TEXT NOT NULL,
    vector BLOB NOT NULL
);
CREATE INDEX keys_by_owner ON keys(owner, id);
CREATE INDEX keys_by_record ON keys(record);
CREATE TABLE history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    record INTEGER NOT NULL REFERENCES records(seq) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    action TEXT NOT NULL
);
CREATE INDEX history_by_record ON history(record);
CREATE VIRTUAL TABLE keys_fts USING fts5(
    text, owner, content='keys', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER keys_after_insert AFTER INSERT ON keys BEGIN
    INSERT INTO keys_fts(rowid, text, owner) VALUES (new.id, new.text, new.owner);
END;
CREATE TRIGGER keys_after_delete AFTER DELETE ON keys BEGIN
    INSERT INTO keys_fts(keys_fts, rowid, text, owner)
        VALUES ('delete', old.id, old.text, old.owner);
END;
"""

_V2 = """
ALTER TABLE records ADD COLUMN superseded INTEGER NOT NULL DEFAULT 0;
ALTER TABLE history ADD COLUMN who TEXT;
ALTER TABLE history ADD COLUMN why TEXT;
CREATE INDEX records_by_predecessor ON records(user, supersedes) WHERE supersedes IS NOT NULL;
CREATE TABLE changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    record INTEGER NOT NULL
);
CREATE INDEX changes_by_owner ON changes(owner, seq);
"""

_V3 = """
CREATE TABLE new_vectors (
    key INTEGER PRIMARY KEY REFERENCES keys(id) ON DELETE CASCADE,
    vector BLOB NOT NULL
);
"""

_V4 = """
DROP TRIGGER keys_after_insert;
DROP INDEX records_by_session;
CREATE INDEX records_by_user ON records(user, seq);
CREATE INDEX records_by_affirmation ON records(user, affirmed) WHERE affirmed IS NOT NULL;
CREATE INDEX records_by_session ON records(user, session, seq) WHERE session IS NOT NULL;
DELETE FROM history WHERE action = 'add' AND who IS NULL AND why IS NULL;
UPDATE records SET digest = substr(digest, 1, 16);
UPDATE keys SET vector = half(vector);
INSERT INTO meta VALUES ('id', lower(hex(randomblob(16))));
DELETE FROM new_vectors;
DELETE FROM meta WHERE key = 'reembedding';
ALTER TABLE records ADD COLUMN archived INTEGER;
ALTER TABLE records ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
CREATE TABLE uses (
    record INTEGER NOT NULL REFERENCES records(seq) ON DELETE CASCADE,
    at INTEGER NOT NULL
);
CREATE INDEX uses_by_record ON uses(record, at);
CREATE TABLE outcomes (
    user INTEGER NOT NULL REFERENCES users(id),
    source TEXT NOT NULL,
    helped INTEGER NOT NULL DEFAULT 0,
    hurt INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (user, source)
) WITHOUT ROWID;
CREATE TABLE original_vectors (
    key INTEGER PRIMARY KEY REFERENCES keys(id) ON DELETE CASCADE,
    vector BLOB NOT NULL
);
"""
"""Writing is faster without a trigger a row; vectors in half precision take half the space."""

_V5 = """
CREATE TABLE settled (words INTEGER NOT NULL, digests INTEGER NOT NULL);
INSERT INTO settled SELECT coalesce((SELECT max(id) FROM keys), 0),
    coalesce((SELECT max(seq) FROM records), 0);
CREATE TABLE digests (
    user INTEGER NOT NULL REFERENCES users(id),
    digest BLOB NOT NULL,
    record INTEGER NOT NULL,
    PRIMARY KEY (user, digest)
) WITHOUT ROWID;
INSERT INTO digests SELECT user, digest, seq FROM records WHERE NOT superseded
    ORDER BY user, digest;
CREATE TABLE records_anew (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    user INTEGER NOT NULL REFERENCES users(id),
    agent TEXT,
    session TEXT,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    digest BLOB NOT NULL,
    evidence INTEGER NOT NULL,
    created INTEGER NOT NULL,
    valid_from INTEGER NOT NULL,
    valid_to INTEGER,
    affirmed INTEGER,
    supersedes TEXT,
    sources TEXT NOT NULL DEFAULT '[]',
    context TEXT NOT NULL DEFAULT '[]',
    metadata TEXT NOT NULL DEFAULT '{}',
    recalled INTEGER NOT NULL DEFAULT 0,
    helped INTEGER NOT NULL DEFAULT 0,
    hurt INTEGER NOT NULL DEFAULT 0,
    superseded INTEGER NOT NULL DEFAULT 0,
    archived INTEGER,
    pinned INTEGER NOT NULL DEFAULT 0,
    UNIQUE (user, id)
);
INSERT INTO records_anew SELECT * FROM records ORDER BY seq;
DELETE FROM sqlite_sequence WHERE name = 'records_anew';
INSERT INTO sqlite_sequence SELECT 'records_anew', seq FROM sqlite_sequence WHERE name = 'records';
DROP TABLE records;
ALTER TABLE records_anew RENAME TO records;
CREATE INDEX records_by_user ON records(user, seq);
CREATE INDEX records_by_affirmation ON records(user, affirmed) WHERE affirmed IS NOT NULL;
CREATE INDEX records_by_session ON records(user, session, seq) WHERE session IS NOT NULL;
CREATE INDEX records_by_predecessor ON records(user, supersedes) WHERE supersedes IS NOT NULL;
DROP TRIGGER keys_after_delete;
CREATE TRIGGER keys_after_delete AFTER DELETE ON keys
WHEN old.id <= (SELECT words FROM settled) BEGIN
    INSERT INTO keys_fts(keys_fts, rowid, text, owner)
        VALUES ('delete', old.id, old.text, old.owner);
END;
"""
"""Digests and words are indexed many at a time: `deferred_indexing.py`."""

_V6 = """
UPDATE records SET metadata = with_role(metadata) WHERE instr(metadata, '"author"');
"""
"""The speaker is kept in the field's words: `role` instead of `author`."""

_V7 = """
DROP TRIGGER keys_after_delete;
DELETE FROM keys_fts_data;
INSERT INTO keys_fts_data VALUES (1, x''), (10, x'00000000000000');
DROP TABLE keys_fts;
CREATE TABLE postings (
    user INTEGER NOT NULL,
    block INTEGER NOT NULL,
    word TEXT NOT NULL,
    keys BLOB NOT NULL,
    PRIMARY KEY (user, block, word)
) WITHOUT ROWID;
UPDATE settled SET words = 0;
ALTER TABLE users ADD COLUMN rewrites INTEGER NOT NULL DEFAULT 0;
"""
"""Words are indexed by a table of our own, of which they can be erased: `word_index.py`.

The full-text table is emptied first: after some 2,000 erasures SQLite can no longer open it.
"""


def links_of(row: str, table: str | None = None) -> str:
    """Return SQL for the links that the columns of a row of `records`, or of all, stand for."""

    def values(column: str) -> str:
        texts = f"json_each(iif(json_valid({row}.{column}), {row}.{column}, '[]')) j"
        return f"{f'{table} {row}, ' if table else ''}{texts} WHERE j.type = 'text'"

    records = f" FROM {table} {row}" if table else ""
    return f"""
    SELECT {row}.user, j.value, {row}.seq, 'source' FROM {values("sources")}
    UNION ALL SELECT {row}.user, j.value, {row}.seq, 'context' FROM {values("context")}
    UNION ALL SELECT {row}.user, {row}.supersedes, {row}.seq, 'version'{records}
        WHERE typeof({row}.supersedes) = 'text'"""


_QUOTING = (
    "(SELECT seq, user, sources,"
    " json_extract(iif(json_valid(metadata), metadata, '{}'), '$.quotes') AS name"
    " FROM records WHERE kind IN ('rationale', 'lesson')) r"
    " JOIN users u ON u.name = r.name AND u.id != r.user"
)
_V8 = f"""
CREATE TABLE links (
    user INTEGER NOT NULL,
    source TEXT NOT NULL,
    record INTEGER NOT NULL REFERENCES records(seq) ON DELETE CASCADE,
    how TEXT NOT NULL,
    PRIMARY KEY (user, source, record, how)
) WITHOUT ROWID;
CREATE INDEX links_by_record ON links(record);
INSERT OR IGNORE INTO links {links_of("r", "records")};
INSERT OR IGNORE INTO links SELECT u.id, j.value, r.seq, 'quote' FROM {_QUOTING}
    JOIN json_each(iif(json_valid(r.sources), r.sources, '[]')) j WHERE j.type = 'text';
INSERT OR IGNORE INTO links SELECT r.user, j.atom, r.seq, 'mention'
    FROM (SELECT user, seq, iif(json_valid(metadata), metadata, '{{}}') AS metadata FROM records
        WHERE kind = 'lesson') r JOIN json_tree(r.metadata, '$.change') j
    WHERE j.type = 'text' AND (j.path = '$.change.retired' OR j.fullkey = '$.change.superseded');
INSERT OR IGNORE INTO links SELECT r.user, j.key, r.seq, 'mention'
    FROM (SELECT user, seq, iif(json_valid(metadata), metadata, '{{}}') AS metadata FROM records
        WHERE kind = 'lesson') r JOIN json_each(r.metadata, '$.change.notes') j
    WHERE typeof(j.key) = 'text';
DELETE FROM links WHERE how = 'source' AND EXISTS (SELECT 1 FROM links q
    WHERE q.record = links.record AND q.source = links.source AND q.how = 'quote');
UPDATE records SET metadata = json_remove(metadata, '$.quotes')
    WHERE seq IN (SELECT r.seq FROM {_QUOTING});
CREATE INDEX changes_by_record ON changes(record);
CREATE TRIGGER links_after_insert AFTER INSERT ON records
WHEN new.sources != '[]' OR new.context != '[]' OR new.supersedes IS NOT NULL BEGIN
    INSERT OR IGNORE INTO links {links_of("new")};
END;
CREATE TRIGGER links_after_update AFTER UPDATE OF sources, context, supersedes ON records BEGIN
    DELETE FROM links WHERE record = new.seq AND how IN ('source', 'context', 'version');
    INSERT OR IGNORE INTO links {links_of("new")};
END;
"""
"""Records that derive from another are looked up, not searched for: `links.py`."""

LINK_OTHER_AGENTS = """
INSERT OR IGNORE INTO links SELECT l.user, l.source, l.record, 'quote' FROM records d
    CROSS JOIN links l ON l.record = d.seq AND l.how = 'source' AND l.user = d.user
    CROSS JOIN records s ON s.user = l.user AND s.id = l.source
    WHERE d.agent IS NOT NULL AND s.agent IS NOT d.agent AND {records}
"""
"""Links records of an agent to sources of others, for who may write all that a user has."""
_V9 = f"""{LINK_OTHER_AGENTS.format(records="1")};"""
"""Records made from another agent's record go with it, as before; since then it takes more than
to name the record among one's sources."""

_V10 = """
UPDATE records SET metadata = rewritten(metadata)
    WHERE metadata != '{}' AND metadata != rewritten(metadata);
"""
"""Metadata are stored without escapes: SQLite compares their keys as they are written."""

_V11 = """
ALTER TABLE keys ADD COLUMN language TEXT;
CREATE INDEX keys_by_language ON keys(owner, language);
INSERT INTO meta SELECT 'undetected', min(id) FROM keys HAVING count(*);
"""
"""A key knows its text's language; `word_index.py` detects those of earlier keys."""

STEPS = (_V1, _V2, _V3, _V4, _V5, _V6, _V7, _V8, _V9, _V10, _V11)


def identify(connection: sqlite3.Connection, where: str) -> int:
    """Return a database's schema version, 0 for a new one; nothing is written.

    Raises:
        StoreError: the file belongs to another program, or to a newer memagent.
    """
    connection.execute("BEGIN")  # another process may be making the store: one state is read
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    if application != APPLICATION_ID and (application or version or tables):
        raise StoreError(f"{where} is a database of another program")
    if version > len(STEPS):
        raise StoreError(
            f"{where} was written by a newer memagent: schema {version}, this one knows"
            f" {len(STEPS)}"
        )
    return int(version)


def migrate(connection: sqlite3.Connection, where: str) -> None:
    """Bring a database to the newest schema, each step in a transaction of its own.

    Another process may take the same step at the same time; whoever comes second finds it taken.
    """
    version = identify(connection, where)
    if version == len(STEPS):
        return
    connection.create_function("half", 1, _half, deterministic=True)
    connection.create_function("with_role", 1, _with_role, deterministic=True)
    connection.create_function("expect", 2, _expect, deterministic=True)
    connection.create_function("rewritten", 1, rewritten, deterministic=True)
    connection.execute("PRAGMA foreign_keys = OFF")  # a table made anew is dropped first
    if version:
        logger.info("migrating the store from schema %d to %d", version, len(STEPS))
    while version < len(STEPS):
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE;SELECT expect(user_version, {version}) FROM pragma_user_version;"
                f"{STEPS[version]}PRAGMA application_id = {APPLICATION_ID};"
                f"PRAGMA user_version = {version + 1};COMMIT;"
            )
        except sqlite3.OperationalError:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if identify(connection, where) == version:
                raise
        version = identify(connection, where)
    connection.execute("PRAGMA foreign_keys = ON")


def _expect(version: int, expected: int) -> None:
    """Break a step off that another process has taken: done twice, it would set the version back.

    Raises:
        ValueError: the version is not the one expected.
    """
    if version != expected:
        raise ValueError("the step is taken")


def _half(vector: bytes) -> bytes:
    """Return a stored vector of single precision in half precision."""
    return np.frombuffer(vector, dtype="<f4").astype("<f2").tobytes()


ROLES = {"user": "user", "agent": "assistant"}
"""The roles by what stores and exports up to 0.1 have as `author`."""


def with_role(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return metadata with the `role` that an `author` of before stands for, in its place.

    What is no such author, or has a role already, stays as it is.
    """
    author = metadata.get("author")
    if "role" in metadata or not isinstance(author, str) or author not in ROLES:
        return metadata
    return {
        "role" if name == "author" else name: ROLES[author] if name == "author" else value
        for name, value in metadata.items()
    }


def _with_role(metadata: str) -> str:
    """Return stored metadata with a role; what is damaged stays as it is."""
    try:
        held = json.loads(metadata)
    except (TypeError, ValueError, RecursionError):
        return metadata
    named = with_role(held) if isinstance(held, dict) else held
    return metadata if named is held else to_json(named)
