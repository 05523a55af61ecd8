"""Events of an agent for LangChain's users: `astream_events`, callbacks and streams."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool

from memagent import Agent, AsyncMemory, Memory, Scope
from memagent.agent.conversation import Conversation
from memagent.agent.steps import Answered, Saved
from memagent.errors import UserError
from memagent.integrations.vectorstore import MemagentRetriever, MemagentVectorStore
from memagent.models.server_chat import close_connections
from memagent.testing import Say, ScriptedChat, StubServer

Serve = Callable[..., StubServer]


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


async def test_a_tools_event_has_its_input_output_and_place_in_the_run(memory: Memory) -> None:
    script = ['{"tool": "double", "arguments": {"number": 4}}', '{"answer": "8"}']
    agent = agent_of(memory, script, tools=[double])
    config: RunnableConfig = {"run_name": "turn", "tags": ["web"], "metadata": {"request": 7}}
    events: list[Any] = [
        event async for event in agent.astream_events("What is twice four?", config, version="v2")
    ]
    (start,) = [event for event in events if event["event"] == "on_tool_start"]
    (end,) = [event for event in events if event["event"] == "on_tool_end"]
    assert start["data"]["input"] == {"number": 4}
    assert end["data"]["output"].content == "8"
    turn = events[0]
    assert turn["name"] == "turn"
    parts = [event for event in events if not event["event"].startswith("on_chain")]
    assert {tuple(event["parent_ids"]) for event in parts} == {(turn["run_id"],)}
    assert all(event["tags"] == ["web"] for event in events)
    assert all(event["metadata"]["request"] == 7 for event in events)


@pytest.mark.wire
async def test_only_the_turn_itself_is_reported_and_its_queries_are_tagged(
    memory: Memory, serve: Serve
) -> None:
    checks, in_turn = ["Where is Ada's bicycle?", "How old is Nina's landlord?", "report"], []

    def reply(request: dict[str, Any]) -> Say:
        text = str(request["messages"])
        found = {"enough": "harbour" in text, "search": "Tomek" if "Ada" in text else "Mr Okafor"}
        if not any(check in text for check in checks):
            in_turn.append(text)
            found = {"enough": True, "search": ""}
        return Say(json.dumps(found) if "response_format" in request else "In the bathroom.")

    server = serve()
    server.script = reply
    memory.add("Mary moved to the bathroom.", scope="ada")
    agent = Agent(memory=memory, model=server.url, scope="ada")
    events = await events_of(agent, "Where is Mary?")
    await close_connections()
    starts = [event for event in events if event["event"] == "on_chat_model_start"]
    assert len(server.requests) > len(in_turn) == len(starts) == 2
    assert [event["tags"] for event in starts] == [["memagent:query"], []]
    spoken = [
        str(event["data"]["chunk"].content)
        for event in events
        if event["event"] == "on_chat_model_stream" and "memagent:query" not in event["tags"]
    ]
    assert "".join(spoken) == "In the bathroom."


class Seen(BaseCallbackHandler):
    """Handler that notes each start, its parent, and what was recalled."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.parents: list[Any] = []
        self.documents: list[str] = []
        self.errors: list[str] = []

    def on_chain_start(self, *args: Any, **kwargs: Any) -> None:
        self.names.append("chain")

    def on_retriever_start(self, *args: Any, **kwargs: Any) -> None:
        self.names.append("retriever")
        self.parents.append(kwargs["parent_run_id"])

    def on_retriever_end(self, documents: Any, **kwargs: Any) -> None:
        self.documents += [document.page_content for document in documents]

    def on_retriever_error(self, error: BaseException, **kwargs: Any) -> None:
        self.errors.append(str(error))

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.names.append("model")
        self.parents.append(kwargs["parent_run_id"])


class SeenAsync(AsyncCallbackHandler):
    """Handler that has to be called in the event loop that it was made in."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.names: list[str] = []
        self.documents: list[str] = []

    def here(self, name: str) -> None:
        assert asyncio.get_running_loop() is self.loop
        self.names.append(name)

    async def on_chain_start(self, *args: Any, **kwargs: Any) -> None:
        self.here("chain")

    async def on_retriever_start(self, *args: Any, **kwargs: Any) -> None:
        self.here("retriever")

    async def on_retriever_end(self, documents: Any, **kwargs: Any) -> None:
        self.here("found")
        self.documents += [document.page_content for document in documents]

    async def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.here("model")


@pytest.mark.parametrize("way", ["invoke", "stream", "ask", "run", "say"])
def test_callbacks_hear_of_a_turn_in_a_thread(memory: Memory, way: str) -> None:
    seen = Seen()
    agent = agent_of(memory, ["In the bathroom."])
    where = Conversation(agent, Scope(user="ada")) if way == "say" else agent
    found = getattr(where, way)("Where is Mary?", config={"callbacks": [seen]})
    if way in ("stream", "run", "say"):
        assert [type(step) for step in found][-2:] == [Answered, Saved]
    else:
        assert found.answer == "In the bathroom."
    assert seen.names == ["chain", "retriever", "model"]
    assert seen.documents == ["Mary moved to the bathroom."]
    assert len(set(seen.parents)) == 1
    assert seen.parents[0] is not None


@pytest.mark.parametrize("way", ["ainvoke", "astream", "aask", "arun", "asay"])
async def test_callbacks_hear_of_a_turn_in_the_event_loop(memory: Memory, way: str) -> None:
    seen, also = SeenAsync(), Seen()
    agent = agent_of(memory, ["In the bathroom."])
    where = Conversation(agent, Scope(user="ada")) if way == "asay" else agent
    found = getattr(where, way)("Where is Mary?", config={"callbacks": [seen, also]})
    if way in ("astream", "arun", "asay"):
        assert [type(step) async for step in found][-2:] == [Answered, Saved]
    else:
        assert (await found).answer == "In the bathroom."
    assert seen.names == ["chain", "retriever", "found", "model"]
    assert seen.documents == also.documents == ["Mary moved to the bathroom."]
    assert len(set(also.parents)) == 1


def each_told(memory: Memory) -> tuple[Agent, list[str], list[Seen], list[RunnableConfig]]:
    """Return an agent, the names of users who each told something, their handlers and configs."""
    users = [f"user{number}" for number in range(4)]
    for user in users:
        memory.add(f"The cat of {user} is called Otto.", scope=user)
    agent = Agent(memory=memory, model=ScriptedChat(lambda messages: "Otto."))
    handlers = [Seen() for _ in users]
    configs: list[RunnableConfig] = [
        {"callbacks": [seen], "configurable": {"user": user}}
        for user, seen in zip(users, handlers, strict=True)
    ]
    return agent, users, handlers, configs


async def test_in_a_batch_each_handler_hears_of_its_own_turn_alone(memory: Memory) -> None:
    agent, users, handlers, configs = each_told(memory)
    questions = ["What is the cat called?"] * len(users)
    agent.batch(questions, configs)
    await agent.abatch(questions, configs)
    await asyncio.gather(
        *(agent.aask(questions[0], config=config, remember=False) for config in configs)
    )
    for user, seen in zip(users, handlers, strict=True):
        assert seen.documents == [f"The cat of {user} is called Otto."] * 3
        assert seen.names == ["chain", "retriever", "model"] * 3


def test_a_scope_that_is_said_counts_before_the_configs(memory: Memory) -> None:
    agent, _, handlers, configs = each_told(memory)
    agent.ask("What is the cat called?", scope="user1", config=configs[0])
    assert handlers[0].documents == ["The cat of user1 is called Otto."]


@pytest.mark.parametrize("way", ["ask", "aask"])
async def test_a_recall_that_fails_is_reported_as_such(memory: Memory, way: str) -> None:
    seen = Seen()
    agent = agent_of(memory, ["?"])
    memory.close()
    config: RunnableConfig = {"callbacks": [seen]}
    if way == "ask":
        with pytest.raises(UserError):
            agent.ask("Where is Mary?", config=config)
    else:
        with pytest.raises(UserError):
            await agent.aask("Where is Mary?", config=config)
    assert len(seen.errors) == 1


async def test_a_retriever_reports_what_it_found(memory: Memory) -> None:
    memory.add("Mary moved to the bathroom.", scope="ada")
    store = MemagentVectorStore(AsyncMemory(memory), scope="ada")
    for retriever in (MemagentRetriever(memory=memory, scope="ada"), store.as_retriever()):
        seen, also = Seen(), SeenAsync()
        retriever.invoke("Where is Mary?", {"callbacks": [seen]})
        await retriever.ainvoke("Where is Mary?", {"callbacks": [seen, also]})
        assert seen.names == ["retriever"] * 2
        assert also.names == ["retriever", "found"]
        assert seen.documents == ["Mary moved to the bathroom."] * 2
        kinds = [event["event"] async for event in retriever.astream_events("Mary?", version="v2")]
        assert [kinds[0], kinds[-1]] == ["on_retriever_start", "on_retriever_end"]
