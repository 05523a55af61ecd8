"""Life of records after they are written: retention, undo, erasure, integrity."""
