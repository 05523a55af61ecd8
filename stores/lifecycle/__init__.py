"""What happens to records after they are written: retention, undo, erasure, integrity."""
