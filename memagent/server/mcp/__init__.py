"""MCP server: tools, resources and a prompt, over stdio and streamable HTTP."""
