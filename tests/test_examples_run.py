import json
import sys
from pathlib import Path
from typing import Any

import pytest

from memagent import Agent, Memory
from memagent.testing import HashEmbedder, ScriptedChat

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
