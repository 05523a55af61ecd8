"""vLLM ends the loops of replies that do not stream; other servers are sent nothing new."""

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from memagent import open_chat
from memagent.agent.tool_calling import conclude
from memagent.errors import ModelUnavailable
from memagent.models import capabilities
from memagent.models.replies import Reply, areply, reply, structured
from memagent.models.server_chat import close_connections
from memagent.models.vllm import repetition
from memagent.testing import Fail, Say, StubServer

HI = [HumanMessage("Hi there")]
LOOP = "I can help you with whatever you want. " * 20
ZEROS = "0, " * 80
"""A row of 240 characters, which is no loop."""
PARAMETER = {"min_pattern_size": 32, "max_pattern_size": 63, "min_count": 5}


class Town(BaseModel):
    """A town."""

    name: str


@tool
def look(word: str) -> str:
    """Look a word up."""
    return word


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repetition, "_detecting", {})
    monkeypatch.setattr(capabilities, "_known", {})


def listed(owner: object) -> dict[str, Any]:
    """The pages of a server that says who owns its model."""
    return {"/v1/models": {"data": [7, {"id": "stub-model", "owned_by": owner}]}}


@pytest.fixture
def vllm() -> Iterator[StubServer]:
    with StubServer(pages=listed("vllm")) as server:
        yield server


def opened(server: StubServer, max_tokens: int = 1024) -> Any:
    return open_chat(server.url, model="stub-model", max_tokens=max_tokens)


def sent(server: StubServer) -> list[Any]:
    return [request.get("repetition_detection") for request in server.requests]


@pytest.mark.wire
async def test_vllm_is_told_to_end_a_loop(vllm: StubServer) -> None:
    vllm.script = [Say(LOOP, finish="repetition")]
    *_, whole = reply(opened(vllm), HI)
    assert isinstance(whole, Reply)
    assert (whole.answer, bool(whole.cut)) == ("I can help you with whatever you want.", True)
    async for piece in areply(opened(vllm), HI):
        later = piece
    assert isinstance(later, Reply)
    assert (later.answer, later.cut) == (whole.answer, whole.cut)
    assert sent(vllm) == [PARAMETER] * 2
    await close_connections()


@pytest.mark.wire
async def test_a_reply_that_is_no_loop_is_requested_again(vllm: StubServer) -> None:
    row = f"The row: {ZEROS}and that is all."
    vllm.script = [Say(ZEROS, finish="repetition"), Say(row)] * 2
    *_, whole = reply(opened(vllm), HI)
    assert isinstance(whole, Reply)
    assert (whole.answer, whole.cut) == (row, "")
    async for piece in areply(opened(vllm), HI):
        later = piece
    assert isinstance(later, Reply)
    assert (later.answer, later.cut) == (row, "")
    assert sent(vllm) == [PARAMETER, None] * 2
    await close_connections()


@pytest.mark.wire
def test_a_loop_in_the_reasoning_is_one(vllm: StubServer) -> None:
    vllm.script = [Say(f"<think>{LOOP}", finish="repetition")]
    *_, whole = reply(opened(vllm), HI)
    assert isinstance(whole, Reply)
    assert (whole.answer, len(vllm.requests)) == ("", 1)
    assert whole.reason == "it repeated itself while it reasoned"


@pytest.mark.wire
@pytest.mark.parametrize("status", [400, 422])
async def test_a_server_that_refuses_it_is_not_sent_it_again(vllm: StubServer, status: int) -> None:
    refusal = Fail(status, "Unrecognized request argument: repetition_detection")
    vllm.script = lambda request: refusal if "repetition_detection" in request else Say("Hello.")
    for _ in range(2):
        assert next(reply(opened(vllm), HI)) == "Hello."
    async for piece in areply(opened(vllm), HI):
        assert isinstance(piece, Reply) or piece == "Hello."
    assert sent(vllm) == [PARAMETER, None, None, None]
    await close_connections()


@pytest.mark.wire
def test_another_refusal_is_an_error(vllm: StubServer) -> None:
    vllm.script = [Fail(400, "the prompt has a mark that is not allowed"), Say("Hello.")]
    with pytest.raises(ModelUnavailable, match="not allowed"):
        list(reply(opened(vllm), HI))
    assert next(reply(opened(vllm), HI)) == "Hello."
    assert sent(vllm) == [PARAMETER] * 2


@pytest.mark.wire
@pytest.mark.parametrize("owner", ["llamacpp", "openai", None, 5])
def test_another_server_is_not_sent_it(owner: object) -> None:
    with StubServer(pages=listed(owner)) as server:
        assert next(reply(opened(server), HI)) == "Hello."
    assert sent(server) == [None]


@pytest.mark.wire
@pytest.mark.parametrize("page", [[], "null", {"data": 5}, {"data": [[]]}, Fail(500)])
def test_a_list_that_cannot_be_read_is_no_failure(page: Any) -> None:
    with StubServer(pages={"/v1/models": page}) as server:
        assert next(reply(opened(server), HI)) == "Hello."
    assert sent(server) == [None]


@pytest.mark.wire
def test_it_is_sent_only_where_it_pays(vllm: StubServer) -> None:
    list(reply(opened(vllm), HI, stream=True))  # our own detector closes a stream
    list(reply(opened(vllm, max_tokens=256), HI))
    list(reply(opened(vllm).bind(max_completion_tokens=256), HI))
    vllm.script = [Say('{"name": "Paris"}')]
    assert structured(opened(vllm), HI, Town) == Town(name="Paris")
    assert sent(vllm) == [None] * 4


@pytest.mark.wire
def test_what_is_bound_or_set_is_sent_along(vllm: StubServer) -> None:
    list(reply(opened(vllm).bind(temperature=0.5, extra_body={"top_k": 3}), HI))
    last = vllm.requests[-1]
    assert (last["temperature"], last["top_k"]) == (0.5, 3)
    assert sent(vllm) == [PARAMETER]
    users = opened(vllm).model_copy(update={"extra_body": {"repetition_detection": {"x": 1}}})
    list(reply(users, HI))
    assert sent(vllm) == [PARAMETER, {"x": 1}]


@pytest.mark.wire
@pytest.mark.parametrize("native", [True, False])
def test_the_last_step_with_tools_is_watched_unless_held_to_a_schema(
    vllm: StubServer, native: bool
) -> None:
    chat = opened(vllm)
    capabilities.store_tool_support(chat, native)
    vllm.script = [Say(LOOP if native else '{"answer": "Yes."}')]
    assert conclude(chat, HI, [look]).text in ("I can help you with whatever you want.", "Yes.")
    assert sent(vllm) == [PARAMETER if native else None]
