"""An agent with a tool of its own, and the steps that it takes."""

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.tools import tool

from memagent import Agent, Memory, Scope, open_chat

STOCK = {"apples": 12, "pears": 0}


@tool
def in_stock(fruit: str) -> str:
    """Tell how many of a fruit are in stock."""
    return f"{STOCK.get(fruit, 0)} {fruit}"


def main(model: BaseChatModel, embedder: str | Embeddings = "all-MiniLM-L6-v2") -> list[str]:
    """Ask what only the tool knows, and print each step."""
    with Memory.in_memory(embedder=embedder) as memory:
        agent = Agent(memory=memory, model=model, tools=[in_stock])
        lines = [step.line() for step in agent.run("Any apples?", scope=Scope(user="ada"))]
        print("\n".join(lines))
        return lines


if __name__ == "__main__":
    main(open_chat("local"))
