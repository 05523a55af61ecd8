"""Server: REST, an OpenAI-compatible endpoint, MCP and the inspector over one memory."""
