"""Compression of records to notes, summaries of sessions, and the way back to the sources."""
