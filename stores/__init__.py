"""What memory is kept in: the truth in SQLite, and the indexes that can be rebuilt from it."""
