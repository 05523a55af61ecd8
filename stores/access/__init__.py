"""Access: API keys and the audit log, in the same database as the records."""
