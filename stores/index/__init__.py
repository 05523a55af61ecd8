"""Search indexes held beside the database: vectors and words."""
