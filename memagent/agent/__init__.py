"""The agent: a chat model with a memory and tools, one turn at a time."""
