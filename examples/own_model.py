"""Bring your own LangChain chat model: anything that is a `BaseChatModel` can have a memory."""

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel

from memagent import Agent, Memory, Scope, open_chat


def main(model: BaseChatModel, embedder: str | Embeddings = "all-MiniLM-L6-v2") -> str:
    """Tell the agent something, and ask for it in another session."""
    with Memory.in_memory(embedder=embedder) as memory:
        agent = Agent(memory=memory, model=model)
        monday = Scope(user="ada", session="monday")
        agent.ask("My sister lives in Turin.", scope=monday, chat=True)
        answer = agent.ask("Where does my sister live?", scope=Scope(user="ada", session="friday"))
        print(answer.answer, list(answer.memories))
        return answer.answer


if __name__ == "__main__":
    main(open_chat("local"))  # or ChatOpenAI(...), ChatAnthropic(...), ChatOllama(...)
