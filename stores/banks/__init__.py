"""Memory banks: episodic records, compressed notes, rationales."""
