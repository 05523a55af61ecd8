"""Moving records: export, import, re-embedding."""
