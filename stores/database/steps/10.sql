-- Metadata are stored without escapes: SQLite compares their keys as they are written.
UPDATE records SET metadata = rewritten(metadata)
    WHERE metadata != '{}' AND metadata != rewritten(metadata);
