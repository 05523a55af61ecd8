"""Chat at a terminal: its loop, its prompt and its slash commands."""
