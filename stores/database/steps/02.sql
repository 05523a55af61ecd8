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
