-- The speaker is kept in the field's words: `role` instead of `author`.
UPDATE records SET metadata = with_role(metadata) WHERE instr(metadata, '"author"');
