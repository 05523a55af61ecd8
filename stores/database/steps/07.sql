-- Words are indexed by a table of our own, of which they can be erased: `word_index.py`.
-- 
-- The full-text table is emptied first: after some 2,000 erasures SQLite can no longer open it.
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
