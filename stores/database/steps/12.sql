-- API keys, and the log of who read or wrote what; a record's rows go with the record, and a user's
-- name with the user.
CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL,
    users TEXT,
    read_only INTEGER NOT NULL,
    rate TEXT,
    created INTEGER NOT NULL,
    expires INTEGER,
    revoked INTEGER
) WITHOUT ROWID;
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    key TEXT,
    verb TEXT NOT NULL,
    user INTEGER REFERENCES users(id) ON DELETE SET NULL,
    records INTEGER NOT NULL
);
CREATE INDEX audit_by_user ON audit(user, id);
CREATE TABLE audit_records (
    audit INTEGER NOT NULL REFERENCES audit(id) ON DELETE CASCADE,
    record INTEGER NOT NULL REFERENCES records(seq) ON DELETE CASCADE,
    PRIMARY KEY (audit, record)
) WITHOUT ROWID;
CREATE INDEX audit_by_record ON audit_records(record);
