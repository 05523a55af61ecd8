"""Tools for agents and chains, as langchain-core `BaseTool`s, and their safe execution."""
