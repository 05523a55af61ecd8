-- Records that derive from another are looked up, not searched for: `links.py`.
CREATE TABLE links (
    user INTEGER NOT NULL,
    source TEXT NOT NULL,
    record INTEGER NOT NULL REFERENCES records(seq) ON DELETE CASCADE,
    how TEXT NOT NULL,
    PRIMARY KEY (user, source, record, how)
) WITHOUT ROWID;
CREATE INDEX links_by_record ON links(record);
INSERT OR IGNORE INTO links 
    SELECT r.user, j.value, r.seq, 'source' FROM records r, json_each(iif(json_valid(r.sources), r.sources, '[]')) j WHERE j.type = 'text'
    UNION ALL SELECT r.user, j.value, r.seq, 'context' FROM records r, json_each(iif(json_valid(r.context), r.context, '[]')) j WHERE j.type = 'text'
    UNION ALL SELECT r.user, r.supersedes, r.seq, 'version' FROM records r
        WHERE typeof(r.supersedes) = 'text';
INSERT OR IGNORE INTO links SELECT u.id, j.value, r.seq, 'quote' FROM (SELECT seq, user, sources, json_extract(iif(json_valid(metadata), metadata, '{}'), '$.quotes') AS name FROM records WHERE kind IN ('rationale', 'lesson')) r JOIN users u ON u.name = r.name AND u.id != r.user
    JOIN json_each(iif(json_valid(r.sources), r.sources, '[]')) j WHERE j.type = 'text';
INSERT OR IGNORE INTO links SELECT r.user, j.atom, r.seq, 'mention'
    FROM (SELECT user, seq, iif(json_valid(metadata), metadata, '{}') AS metadata FROM records
        WHERE kind = 'lesson') r JOIN json_tree(r.metadata, '$.change') j
    WHERE j.type = 'text' AND (j.path = '$.change.retired' OR j.fullkey = '$.change.superseded');
INSERT OR IGNORE INTO links SELECT r.user, j.key, r.seq, 'mention'
    FROM (SELECT user, seq, iif(json_valid(metadata), metadata, '{}') AS metadata FROM records
        WHERE kind = 'lesson') r JOIN json_each(r.metadata, '$.change.notes') j
    WHERE typeof(j.key) = 'text';
DELETE FROM links WHERE how = 'source' AND EXISTS (SELECT 1 FROM links q
    WHERE q.record = links.record AND q.source = links.source AND q.how = 'quote');
UPDATE records SET metadata = json_remove(metadata, '$.quotes')
    WHERE seq IN (SELECT r.seq FROM (SELECT seq, user, sources, json_extract(iif(json_valid(metadata), metadata, '{}'), '$.quotes') AS name FROM records WHERE kind IN ('rationale', 'lesson')) r JOIN users u ON u.name = r.name AND u.id != r.user);
CREATE INDEX changes_by_record ON changes(record);
CREATE TRIGGER links_after_insert AFTER INSERT ON records
WHEN new.sources != '[]' OR new.context != '[]' OR new.supersedes IS NOT NULL BEGIN
    INSERT OR IGNORE INTO links 
    SELECT new.user, j.value, new.seq, 'source' FROM json_each(iif(json_valid(new.sources), new.sources, '[]')) j WHERE j.type = 'text'
    UNION ALL SELECT new.user, j.value, new.seq, 'context' FROM json_each(iif(json_valid(new.context), new.context, '[]')) j WHERE j.type = 'text'
    UNION ALL SELECT new.user, new.supersedes, new.seq, 'version'
        WHERE typeof(new.supersedes) = 'text';
END;
CREATE TRIGGER links_after_update AFTER UPDATE OF sources, context, supersedes ON records BEGIN
    DELETE FROM links WHERE record = new.seq AND how IN ('source', 'context', 'version');
    INSERT OR IGNORE INTO links 
    SELECT new.user, j.value, new.seq, 'source' FROM json_each(iif(json_valid(new.sources), new.sources, '[]')) j WHERE j.type = 'text'
    UNION ALL SELECT new.user, j.value, new.seq, 'context' FROM json_each(iif(json_valid(new.context), new.context, '[]')) j WHERE j.type = 'text'
    UNION ALL SELECT new.user, new.supersedes, new.seq, 'version'
        WHERE typeof(new.supersedes) = 'text';
END;
