"""Storage of a memory: the truth in SQLite, and the indexes that can be rebuilt from it."""
