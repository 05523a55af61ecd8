"""Transcripts: conversations exported by other programs, read and remembered."""
