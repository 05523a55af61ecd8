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
