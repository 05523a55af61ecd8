from typing import Any

import pytest
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnablePassthrough
from langchain_tests.integration_tests import RetrieversIntegrationTests
from pydantic import ValidationError

from memagent import Memory, Scope
from memagent.errors import InvalidInput
from memagent.integrations.vectorstore import MemagentRetriever
from memagent.testing import ScriptedChat


class TestStandard(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def filled(self, memory: Memory, ada: Scope) -> None:
        memory.add_many([f"note number {n}" for n in range(9)], scope=ada)
        self.memory = memory

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return MemagentRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"memory": self.memory, "scope": Scope(user="ada")}

    @property
    def retriever_query_example(self) -> str:
        return "note"


def test_a_document_carries_the_record_and_why_it_was_found(memory: Memory, ada: Scope) -> None:
    record = memory.add("Mary went home.", scope=ada, keys=["Mary", "home"], metadata={"page": 3})
    memory.add("Mary", scope=Scope(user="bob"))
    (document,) = MemagentRetriever(memory=memory, scope=ada).invoke("home")
    assert (document.id, document.page_content) == (record.id, "Mary went home.")
    assert document.metadata == {
        "page": 3,
        "memagent": {
            "score": pytest.approx(1.0, abs=1e-2),
            "key": "home",
            "valid_from": record.valid_from.isoformat(),
        },
    }
    assert document.metadata["memagent"]["score"] <= 1


def test_a_filter_and_a_session_narrow_it(memory: Memory, ada: Scope) -> None:
    memory.add("red fox", scope=ada, metadata={"page": 1})
    memory.add("red dog", scope=Scope(user="ada", session="s"), metadata={"page": 2})
    filtered = MemagentRetriever(memory=memory, scope=ada, where={"page": {"lt": 2}})
    assert [one.page_content for one in filtered.invoke("red")] == ["red fox"]
    session = MemagentRetriever(memory=memory, scope=Scope(user="ada", session="s"))
    assert [one.page_content for one in session.invoke("red")] == ["red dog"]


def test_recall_shows_few_and_right(memory: Memory, ada: Scope) -> None:
    memory.add_many(["Mary moved to the kitchen.", "Mary moved to the garden."], scope=ada)
    memory.add("John likes tea.", scope=ada)
    found = MemagentRetriever(memory=memory, scope=ada, mode="recall").invoke("Where is Mary?")
    texts = [one.page_content for one in found]
    assert texts[:2] == ["Mary moved to the kitchen.", "Mary moved to the garden."]
    assert len(MemagentRetriever(memory=memory, scope=ada).invoke("Where is Mary?")) == 3


def test_malformed_arguments_are_refused(memory: Memory, ada: Scope) -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        MemagentRetriever(memory=memory, scope=ada, k=0)
    with pytest.raises(InvalidInput, match="k must be at least 1"):
        MemagentRetriever(memory=memory, scope=ada).invoke("note", k=0)
    with pytest.raises(InvalidInput, match="the query is empty"):
        MemagentRetriever(memory=memory, scope=ada).invoke(" ")


async def test_it_runs_in_a_chain(memory: Memory, ada: Scope) -> None:
    memory.add("Mary moved to the garden.", scope=ada)
    chat = ScriptedChat(["In the garden."] * 2)
    chain = (
        {
            "known": MemagentRetriever(memory=memory, scope=ada, k=1),
            "question": RunnablePassthrough(),
        }
        | ChatPromptTemplate.from_template("{known}\n{question}")
        | chat
        | StrOutputParser()
    )
    assert chain.invoke("Where is Mary?") == "In the garden."
    assert await chain.ainvoke("Where is Mary?") == "In the garden."
    assert all("Mary moved to the garden." in str(one[0].content) for one in chat.requests)
