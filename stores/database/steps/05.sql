-- Digests and words are indexed many at a time: `deferred_indexing.py`.
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
