"""A loop that a model falls into ends the reply, and closes the connection."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from langchain_core.messages import HumanMessage

from memagent import open_chat
from memagent.models.replies import Piece, Reply, areply, reply
from memagent.models.server_chat import close_connections
from memagent.testing import Events, Hang, Say, ScriptedChat, StubServer
from memagent.text.repetition import CUT

HI = [HumanMessage("Hi there")]
Serve = Callable[..., StubServer]


def pieces_of(pieces: list[Piece]) -> tuple[str, Reply]:
    *texts, whole = pieces
    assert isinstance(whole, Reply)
    return "".join(map(str, texts)), whole


@pytest.fixture
async def closing() -> AsyncIterator[None]:
    yield
    await close_connections()


@pytest.mark.wire
def test_a_loop_closes_the_stream(serve: Serve) -> None:
    server = serve(Hang(text="Well. " + "No, no. " * 100))
    shown, whole = pieces_of(list(reply(open_chat(server.url), HI, stream=True)))
    assert server.wait_for(lambda one: one.disconnects == 1)
    assert (whole.answer, whole.cut) == ("Well. No, no.", CUT)
    assert shown.startswith(whole.answer)
    assert len(shown) < 50
    assert 20 < whole.call.usage.completion_tokens < 80  # the pieces that came


@pytest.mark.wire
@pytest.mark.usefixtures("closing")
async def test_a_loop_closes_an_asynchronous_stream(serve: Serve) -> None:
    server = serve(Hang(text="Well. " + "No, no. " * 100))
    source = areply(open_chat(server.url), HI, stream=True)
    shown, whole = pieces_of([piece async for piece in source])
    assert await asyncio.to_thread(server.wait_for, lambda one: one.disconnects == 1)
    assert (whole.answer, whole.cut) == ("Well. No, no.", CUT)
    assert shown.startswith(whole.answer)


@pytest.mark.wire
def test_a_loop_in_the_reasoning_closes_the_stream(serve: Serve) -> None:
    server = serve(Hang(text="<think>I wonder. " + "But wait! " * 100))
    shown, whole = pieces_of(list(reply(open_chat(server.url), HI, stream=True)))
    assert server.wait_for(lambda one: one.disconnects == 1)
    assert (shown, whole.answer, whole.cut) == ("", "", CUT)
    assert whole.reasoning == "I wonder. But wait!"
    assert whole.reason == "it repeated itself while it reasoned"


@pytest.mark.wire
@pytest.mark.usefixtures("closing")
async def test_a_reply_that_does_not_stream_is_cut_when_it_is_there(serve: Serve) -> None:
    chat = open_chat(serve(Say("No, " * 100)).url)
    for pieces in (list(reply(chat, HI)), [piece async for piece in areply(chat, HI)]):
        shown, whole = pieces_of(pieces)
        assert (shown, whole.answer, whole.cut) == ("No", "No", CUT)
        assert whole.call.usage.completion_tokens == 100


@pytest.mark.wire
def test_a_server_that_stops_a_loop_itself_is_believed(serve: Serve) -> None:
    text = "I can help you with whatever you want. " * 5
    *_, whole = reply(open_chat(serve(Say(text, finish="repetition")).url), HI)
    assert isinstance(whole, Reply)
    assert (whole.answer, whole.cut) == ("I can help you with whatever you want.", CUT)


@pytest.mark.wire
def test_reasoning_beside_the_text_is_cut_too(serve: Serve) -> None:
    line = 'data: {"choices": [{"index": 0, "delta": {"reasoning_content": "But wait! "}}]}'
    server = serve(Events([line] * 100))
    *_, whole = reply(open_chat(server.url), HI, stream=True)
    assert isinstance(whole, Reply)
    assert (whole.answer, whole.reasoning, whole.cut) == ("", "But wait!", CUT)


@pytest.mark.parametrize("stream", [False, True])
def test_any_chat_model_is_stopped(stream: bool) -> None:
    *_, whole = reply(ScriptedChat(["No, " * 100]), HI, stream=stream)
    assert isinstance(whole, Reply)
    assert (whole.answer, whole.cut) == ("No", CUT)


def test_nothing_but_blanks_is_no_answer() -> None:
    *_, whole = reply(ScriptedChat(["\n" * 900]), HI)
    assert isinstance(whole, Reply)
    assert (whole.answer, whole.reason) == ("", "it repeated itself")
