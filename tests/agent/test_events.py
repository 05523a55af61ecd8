"""Events of an agent for LangChain's users: `astream_events`, callbacks and streams."""

from collections import Counter
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.tools import tool

from memagent import Agent, Memory
from memagent.agent.steps import Answered, Saved
from memagent.testing import ScriptedChat


@tool
def double(number: int) -> str:
    """Double a number."""
    return str(2 * number)


def agent_of(memory: Memory, script: list[str], **options: Any) -> Agent:
    memory.add("Mary moved to the bathroom.", scope="ada")
    return Agent(memory=memory, model=ScriptedChat(script), scope="ada", **options)


async def events_of(agent: Agent, question: str) -> list[Any]:
    return [event async for event in agent.astream_events(question, version="v2")]


async def test_a_turn_is_a_chain_with_a_retriever_and_a_model_in_it(memory: Memory) -> None:
    events = await events_of(agent_of(memory, ["In the bathroom."]), "Where is Mary?")
    names = [event["event"] for event in events]
    assert names[0] == "on_chain_start"
    assert names[-1] == "on_chain_end"
    counts = Counter(names)
    assert counts["on_retriever_start"] == counts["on_retriever_end"] == 1
    assert counts["on_chat_model_start"] == counts["on_chat_model_end"] == 1
    assert counts["on_chat_model_stream"] >= 1
    (found,) = [event for event in events if event["event"] == "on_retriever_end"]
    assert [one.page_content for one in found["data"]["output"]] == ["Mary moved to the bathroom."]
    pieces = [event for event in events if event["event"] == "on_chat_model_stream"]
    assert "".join(str(one["data"]["chunk"].content) for one in pieces) == "In the bathroom."
    assert isinstance(events[-1]["data"]["output"], Saved)
    parents = {event["run_id"]: event["parent_ids"] for event in events}
    assert parents[found["run_id"]] == [events[0]["run_id"]]


async def test_the_use_of_a_tool_is_an_event(memory: Memory) -> None:
    script = ['{"tool": "double", "arguments": {"number": 4}}', '{"answer": "8"}']
    events = await events_of(agent_of(memory, script, tools=[double]), "What is twice four?")
    names = Counter(event["event"] for event in events)
    assert names["on_tool_start"] == names["on_tool_end"] == 1
    (end,) = [event for event in events if event["event"] == "on_tool_end"]
    assert end["name"] == "double"


class Seen(BaseCallbackHandler):
    def __init__(self) -> None:
        self.names: list[str] = []

    def on_chain_start(self, *args: Any, **kwargs: Any) -> None:
        self.names.append("chain")

    def on_retriever_start(self, *args: Any, **kwargs: Any) -> None:
        self.names.append("retriever")

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.names.append("model")


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_callbacks_hear_of_a_turn_in_a_thread(memory: Memory, way: str) -> None:
    seen = Seen()
    agent = agent_of(memory, ["In the bathroom."])
    found = getattr(agent, way)("Where is Mary?", {"callbacks": [seen]})
    if way == "stream":
        assert [type(step) for step in found][-2:] == [Answered, Saved]
    assert seen.names == ["chain", "retriever", "model"]
