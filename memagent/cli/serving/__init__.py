"""Commands of the server: serve, mcp, keys, audit, hooks."""
