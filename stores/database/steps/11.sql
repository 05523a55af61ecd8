-- A key knows its text's language; `word_index.py` detects those of earlier keys.
ALTER TABLE keys ADD COLUMN language TEXT;
CREATE INDEX keys_by_language ON keys(owner, language);
INSERT INTO meta SELECT 'undetected', min(id) FROM keys HAVING count(*);
