import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memagent import Agent, Memory
from memagent.testing import HashEmbedder, Say, ScriptedChat, StubServer


class Traces:
    """Trace processor that notes each call."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self.names.append(name)


FOLDER = Path(__file__).parent.parent / "examples"


@pytest.fixture(autouse=True)
def _examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    for file in FOLDER.glob("*.py"):
        monkeypatch.delitem(sys.modules, file.stem, raising=False)


def test_a_model_of_your_own() -> None:
    import own_model

    chat = ScriptedChat(["I see.", "In Turin."])
    assert own_model.main(chat, HashEmbedder()) == "In Turin."
    assert "- My sister lives in Turin." in str(chat.requests[1][-1].content)


def test_a_retriever_in_a_chain() -> None:
    import chain

    chat = ScriptedChat(["Green."])
    assert chain.main(chat, HashEmbedder()) == "Green."
    assert "The boat is green." in str(chat.requests[0][-1].content)


def test_a_memory_in_langgraph() -> None:
    import in_langgraph

    chat = ScriptedChat(["Nice.", "Nice.", "Otto."])
    assert in_langgraph.main(chat, HashEmbedder()) == "Otto."
    last = str(chat.requests[-1][-1].content)
    assert "Otto" in last
    assert "Mimi" not in last


def test_a_tool_of_your_own() -> None:
    import own_tool

    call = json.dumps({"tool": "in_stock", "arguments": {"fruit": "apples"}})
    lines = own_tool.main(ScriptedChat([call, '{"answer": "Twelve."}']), HashEmbedder())
    assert "in_stock gave '12 apples'" in lines


async def test_many_users_of_a_web_service() -> None:
    import web_service

    chat = ScriptedChat(lambda messages: str(messages[-1].content))
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        service = web_service.Service(Agent(memory=memory, model=chat))
        assert (await post(service, user="ada", question="I live in Porto."))[0] == 200
        assert (await post(service, user="bob", question="I live in Faro."))[0] == 200
        _, told = await post(service, user="ada", question="Where do I live?")
        assert "Porto" in told["answer"]
        assert "Faro" not in told["answer"]
        assert (await post(service, user="", question="Hi"))[0] == 400
        assert (await post(service, question="Hi"))[0] == 400


def looking_up(request: dict[str, Any]) -> Say:
    """Answer with the last message; with tools, first call them, once badly and once well."""
    last = request["messages"][-1]
    if request.get("tools") and last["role"] == "user":
        for_bob = json.dumps({"query": "boat", "user": "bob"})
        return Say(calls=[("memory_search", for_bob), ("memory_search", '{"query": "boat"}')])
    return Say(str(last["content"]))


def check_notes_and_tools(server: StubServer, replies: list[str]) -> None:
    """Check what a framework's agents sent: notes beside the question, then tools of one scope."""
    assert replies[0] == "My boat is called Otto."
    noted = "Notes:\n- My boat is called Otto.\n\nQuestion: What is my boat called?"
    assert replies[1] == noted
    assert "My boat is called Otto." in replies[2]
    roles = [(one["role"], str(one.get("content"))) for one in server.requests[1]["messages"]]
    assert [role for role, _ in roles] == ["system", "user"]
    assert "Otto" not in roles[0][1]
    tools = [tool["function"] for tool in server.requests[-1]["tools"]]
    assert {"memory_search", "memory_add"} <= {tool["name"] for tool in tools}
    taken = {name for tool in tools for name in tool["parameters"]["properties"]}
    assert taken == {"query", "text", "id", "ids"}
    results = [one for one in server.requests[-1]["messages"] if one["role"] == "tool"]
    assert "user: there is no such argument" in results[0]["content"]


@pytest.mark.wire
async def test_the_openai_agents_sdk(serve: Callable[..., StubServer]) -> None:
    import in_openai_agents
    from agents.tracing import add_trace_processor

    seen: Any = Traces()
    add_trace_processor(seen)
    server = serve()
    server.script = looking_up
    replies = await in_openai_agents.main(server.url, "stub-model", embedder=HashEmbedder())
    check_notes_and_tools(server, replies)
    assert seen.names == []


@pytest.mark.wire
async def test_pydantic_ai(serve: Callable[..., StubServer]) -> None:
    import in_pydantic_ai

    server = serve()
    server.script = looking_up
    replies = await in_pydantic_ai.main(server.url, "stub-model", embedder=HashEmbedder())
    check_notes_and_tools(server, replies)


async def post(service: Any, **asked: str) -> tuple[int, dict[str, Any]]:
    """Send a request to an ASGI application, and return status and answer."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"body": json.dumps(asked).encode()}

    async def send(message: Any) -> None:
        sent.append(message)

    await service({"type": "http"}, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


def test_every_example_is_run_here() -> None:
    text = Path(__file__).read_text()
    assert all(f"import {file.stem}\n" in text for file in FOLDER.glob("*.py"))
