"""A memory as the retriever of a LangChain chain: retrieve, fill a prompt, ask, keep the text."""

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough

from memagent import Memory, Scope, open_chat
from memagent.integrations.vectorstore import MemagentRetriever

PROMPT = ChatPromptTemplate.from_template("Notes:\n{notes}\n\nAnswer briefly: {question}")


def joined(documents: list[Document]) -> str:
    """Return the documents' texts, one a line."""
    return "\n".join(document.page_content for document in documents)


def main(model: BaseChatModel, embedder: str | Embeddings = "all-MiniLM-L6-v2") -> str:
    """Ask a question of three facts."""
    with Memory.in_memory(embedder=embedder) as memory:
        ada = Scope(user="ada")
        memory.add_many(["The boat is green.", "Tea is hot.", "Oslo is in Norway."], scope=ada)
        retriever = MemagentRetriever(memory=memory, scope=ada, k=2)
        found = {"notes": retriever | joined, "question": RunnablePassthrough()}
        answer = (found | PROMPT | model | StrOutputParser()).invoke("What colour is the boat?")
        print(answer)
        return str(answer)


if __name__ == "__main__":
    main(open_chat("local"))
