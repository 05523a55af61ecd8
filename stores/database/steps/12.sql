-- API keys, and the log of who read or wrote what. An entry names records by number only: what is
-- forgotten has none any more, and with a user's last record goes the name.
CREATE TABLE IF NOT EXISTS api_keys (
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
CREATE TABLE IF NOT EXISTS audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    key TEXT,
    verb TEXT NOT NULL,
    user INTEGER REFERENCES users(id) ON DELETE SET NULL,
    records INTEGER NOT NULL,
    seqs TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS audit_by_user ON audit(user, id);
