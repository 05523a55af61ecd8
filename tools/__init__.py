"""Tools an agent or a chain can call, as langchain-core `BaseTool`s."""
