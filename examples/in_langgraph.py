"""Memory inside LangGraph: a node that answers with the agent, for the user of the thread.

Needs `pip install 'memagent[langgraph]'`.
"""

from typing import TypedDict

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph

from memagent import Agent, Memory, open_chat


class State(TypedDict, total=False):
    """Values that go through the graph."""

    question: str
    answer: str


def main(model: BaseChatModel, embedder: str | Embeddings = "all-MiniLM-L6-v2") -> str:
    """Let two users talk to one graph; each finds only what they said themselves."""
    with Memory.in_memory(embedder=embedder) as memory:
        agent = Agent(memory=memory, model=model)

        def answer(state: State, config: RunnableConfig) -> State:
            turn = {"question": state["question"], "chat": True}
            return {"answer": agent.invoke(turn, config).answer}

        builder = StateGraph(State)
        builder.add_node("answer", answer)
        builder.add_edge(START, "answer")
        builder.add_edge("answer", END)
        graph = builder.compile()

        ada: RunnableConfig = {"configurable": {"user": "ada"}}
        bob: RunnableConfig = {"configurable": {"user": "bob"}}
        graph.invoke({"question": "My cat is called Otto."}, ada)
        graph.invoke({"question": "My cat is called Mimi."}, bob)
        said = str(graph.invoke({"question": "What is my cat called?"}, ada)["answer"])
        print(said)
        return said


if __name__ == "__main__":
    main(open_chat("local"))
