"""The chat model behind a server, against a stub on a loopback port that fails as it is told."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest
from forking import Child
from langchain_core.messages import HumanMessage
from pydantic import BaseModel

from memagent import open_chat
from memagent.errors import ContextTooLong, ModelUnavailable, StructuredOutputError
from memagent.models.replies import Reply, areply, reply, structured
from memagent.models.server_chat import ServerChat, close_connections
from memagent.testing import Cut, Drop, Events, Fail, Garble, Hang, Say, StubServer
from memagent.types import Call, Usage

pytestmark = pytest.mark.wire
HI = [HumanMessage("Hi there")]
Serve = Callable[..., StubServer]


class Colour(BaseModel):
    name: str


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client would have slept before each retry; it does not sleep."""
    seconds: list[float] = []

    async def asleep(wanted: float) -> None:
        seconds.append(wanted)

    monkeypatch.setattr(time, "sleep", seconds.append)
    monkeypatch.setattr(anyio, "sleep", asleep)
    return seconds


@pytest.fixture
async def closing() -> AsyncIterator[None]:
    yield
    await close_connections()


def ask(server: StubServer, *, stream: bool = False, **settings: Any) -> tuple[str, Call]:
    pieces = list(reply(open_chat(server.url, **settings), HI, stream=stream))
    *texts, whole = pieces
    assert isinstance(whole, Reply)
    assert "".join(map(str, texts)) == whole.answer
    return whole.answer, whole.call


@pytest.mark.usefixtures("closing")
async def test_an_answer_comes_with_what_it_cost_and_how_long_it_took(serve: Serve) -> None:
    server = serve(Say("one two three"))
    chat = open_chat(server.url)
    for stream in (False, True):
        text, call = ask(server, stream=stream)
        assert text == "one two three"
        assert call.usage == Usage(prompt_tokens=2, completion_tokens=3, requests=1)
        assert 0 <= call.waited < call.first <= call.seconds
        pieces = [piece async for piece in areply(chat, HI, stream=stream)]
        *texts, whole = pieces
        assert "".join(map(str, texts)) == "one two three"
        assert len(texts) == (3 if stream else 1)
        assert isinstance(whole, Reply)
        assert whole.call.usage == call.usage


def test_a_server_is_asked_greedily_and_for_its_first_model(serve: Serve) -> None:
    server = serve(models=("first", "second"))
    ask(server)
    ask(server, model="second")
    assert [one["model"] for one in server.requests] == ["first", "second"]
    assert {one["temperature"] for one in server.requests} == {0.0}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", [Fail(500), Fail(503), Fail(429), Drop()])
def test_what_passes_is_asked_again_with_growing_pauses(
    serve: Serve, slept: list[float], fault: object, stream: bool
) -> None:
    server = serve(fault, fault, fault, Say("Hello."))
    text, call = ask(server, stream=stream)
    assert (text, call.usage.requests, len(server.requests)) == ("Hello.", 4, 4)
    assert 0 < slept[0] <= 0.5 < slept[1] <= 1.0 < slept[2] <= 2.0


def test_a_body_that_breaks_off_is_asked_for_again(serve: Serve, slept: list[float]) -> None:
    assert ask(serve(Cut(), Say("Hello.")))[0] == "Hello."


def test_the_server_says_when_to_come_back(serve: Serve, slept: list[float]) -> None:
    assert ask(serve(Fail(429, retry_after=7), Say("Hello.")))[0] == "Hello."
    assert slept == [7]


@pytest.mark.usefixtures("closing")
async def test_the_asynchronous_calls_try_again_too(serve: Serve, slept: list[float]) -> None:
    server = serve(Fail(500), Drop(), Say("Hello."))
    pieces = [piece async for piece in areply(open_chat(server.url), HI)]
    assert pieces[0] == "Hello."
    assert len(slept) == 2


@pytest.mark.parametrize(
    ("fault", "complaint", "requests"),
    [
        (Fail(500, "out of order"), "the model's server failed: 500: out of order", 3),
        (Fail(400, "no such thing"), "the model's server failed: 400: no such thing", 1),
        (Fail(401, "wrong key"), "401: wrong key", 1),
        (Drop(), "the connection to the model's server failed: http", 3),
        (Garble(), "what the model's server answered is not JSON", 1),
        (Garble('{"choices": null}'), "is no chat completion", 1),
        (Garble("{}"), "is no chat completion", 1),
        (Garble("[1]"), "is no chat completion", 1),
        (Garble('"hello"'), "is no chat completion", 1),
    ],
)
def test_what_does_not_pass_is_one_of_our_errors_with_the_cause_kept(
    serve: Serve, slept: list[float], fault: object, complaint: str, requests: int
) -> None:
    server = serve(fault)
    with pytest.raises(ModelUnavailable, match=complaint) as caught:
        ask(server, retries=2)
    assert caught.value.__cause__ is not None
    assert len(server.requests) == requests


def test_a_model_that_is_not_served_is_named(serve: Serve) -> None:
    with pytest.raises(ModelUnavailable, match="404: The model `other` does not exist"):
        ask(serve(), model="other")


def test_a_stream_that_breaks_off_is_an_error_after_what_was_said(serve: Serve) -> None:
    server = serve(Cut(after=2))
    pieces = reply(open_chat(server.url), HI, stream=True)
    assert [next(pieces), next(pieces)] == ["one ", "two "]
    with pytest.raises(ModelUnavailable, match="connection to the model's server failed"):
        next(pieces)
    assert len(server.requests) == 1


def test_an_answer_that_is_no_stream_is_asked_for_whole(serve: Serve) -> None:
    server = serve(Garble("data: [DONE]\n\n"), Say("Hello."))
    assert ask(server, stream=True)[0] == "Hello."
    with pytest.raises(ModelUnavailable, match="is not JSON"):
        ask(serve(Garble("?")), stream=True)


def test_a_stream_that_ends_before_the_answer_does_is_an_error(serve: Serve) -> None:
    server = serve(Events(['data: {"choices": [{"index": 0, "delta": {"content": "one"}}]}']))
    with pytest.raises(ModelUnavailable, match="broke off in the middle"):
        ask(server, stream=True)


def test_a_silent_server_is_given_up_after_the_time_out(serve: Serve) -> None:
    server = serve(Hang())
    with pytest.raises(ModelUnavailable, match="did not answer in time"):
        ask(server, timeout=0.05, retries=0)
    assert server.wait_for(lambda one: one.disconnects == 1)


def test_closing_a_stream_reaches_the_server(serve: Serve) -> None:
    server = serve(Hang(words=2))
    pieces = reply(open_chat(server.url), HI, stream=True)
    assert next(pieces) == "word0 "
    assert server.disconnects == 0
    pieces.close()
    assert server.wait_for(lambda one: one.disconnects == 1)


@pytest.mark.usefixtures("closing")
async def test_a_stream_that_falls_silent_is_given_up_after_the_time_out(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(Hang(words=1))
    chat = open_chat(server.url, timeout=0.05, retries=0)
    with pytest.raises(ModelUnavailable, match="did not answer in time"):
        list(reply(chat, HI, stream=True))
    # before Python 3.12 it can lose a cancellation that comes together with a piece
    monkeypatch.setattr(asyncio, "wait_for", None)
    with pytest.raises(ModelUnavailable, match="did not answer in time"):
        [one async for one in areply(chat, HI, stream=True)]
    assert await asyncio.to_thread(server.wait_for, lambda one: one.disconnects == 2)


@pytest.mark.usefixtures("closing")
@pytest.mark.parametrize("stream", [False, True])
async def test_cancelling_a_task_reaches_the_server(serve: Serve, stream: bool) -> None:
    server = serve(Hang(words=1))
    chat = open_chat(server.url)
    assert isinstance(chat, ServerChat)

    async def read() -> None:
        async for _ in areply(chat, HI, stream=stream):
            pass

    task = asyncio.create_task(read())
    assert await asyncio.to_thread(server.wait_for, lambda one: len(one.requests) == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(server.wait_for, lambda one: one.disconnects == 1)


def test_the_next_event_loop_gets_connections_of_its_own(serve: Serve) -> None:
    chat = open_chat(serve().url)

    async def twice() -> list[str]:
        texts = [str((await chat.ainvoke(HI)).text) for _ in range(2)]
        await close_connections()
        return texts

    assert [asyncio.run(twice()) for _ in range(2)] == [["Hello."] * 2] * 2


def test_a_server_that_dies_and_comes_back_is_found_again(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    chat = open_chat(server.url)
    assert next(reply(chat, HI)) == "Hello."
    server.stop()
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            server.start()

    monkeypatch.setattr(time, "sleep", sleep)
    *_, whole = reply(chat, HI)
    assert isinstance(whole, Reply)
    assert whole.call.usage.requests == 4


@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_that_does_not_fit_is_an_error_of_its_own(serve: Serve, stream: bool) -> None:
    with pytest.raises(ContextTooLong, match="maximum context length is 1 tokens"):
        ask(serve(context=1), stream=stream)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Say('{"name": "re', finish="length"), "truncated"),
        (Say("It is red."), "not JSON"),
        (Say('{"name": 1}'), "does not fit"),
        (Say(""), "not JSON"),
    ],
)
def test_an_answer_of_another_shape_says_why_and_what_it_was(
    serve: Serve, said: Say, reason: str
) -> None:
    with pytest.raises(StructuredOutputError) as caught:
        structured(open_chat(serve(said).url), HI, Colour)
    assert (caught.value.reason, caught.value.text) == (reason, said.text)


def test_a_shape_is_asked_for_by_its_schema(serve: Serve) -> None:
    server = serve(Say('{"name": "red"}'))
    assert structured(open_chat(server.url), HI, Colour) == Colour(name="red")
    asked = server.requests[0]["response_format"]["json_schema"]
    assert asked["schema"] == Colour.model_json_schema()


@pytest.mark.parametrize(
    ("path", "complaint"),
    [("/v2", "answers 404 when asked"), ("", "lists no model: load one there")],
)
def test_a_server_that_is_no_model_server_is_told_from_one(
    serve: Serve, path: str, complaint: str
) -> None:
    server = serve(models=() if not path else ("m",))
    with pytest.raises(ModelUnavailable, match=complaint):
        open_chat(f"{server.url.removesuffix('/v1')}{path or '/v1'}")


def test_a_url_nobody_answers_is_told_before_any_work() -> None:
    with pytest.raises(ModelUnavailable, match=r"no server answers at http://127\.0\.0\.1:9"):
        open_chat("http://127.0.0.1:9/v1")


def test_a_key_is_sent(serve: Serve) -> None:
    server = serve(api_key="secret")
    assert ask(server, api_key="secret")[0] == "Hello."
    with pytest.raises(ModelUnavailable, match="401"):
        open_chat(server.url)


def test_parent_and_forked_child_each_get_their_own_answers(serve: Serve) -> None:
    server = serve()
    server.script = lambda request: Say(request["messages"][-1]["content"])
    chat = open_chat(server.url)

    def talk(name: str) -> list[str]:
        async def atalk() -> list[str]:
            answers = [(await chat.ainvoke(f"{name} async {n}")).text for n in range(8)]
            await close_connections()
            return answers

        return [chat.invoke(f"{name} {n}").text for n in range(8)] + asyncio.run(atalk())

    def said(name: str) -> list[str]:
        return [f"{name} {n}" for n in range(8)] + [f"{name} async {n}" for n in range(8)]

    assert talk("before") == said("before")
    begun = chat.stream("a stream under way")
    words = [next(begun).text]
    children = [Child(lambda _, name=name: talk(name)) for name in ("one", "two")]
    assert talk("parent") == said("parent")
    assert [child.result() for child in children] == [said("one"), said("two")]
    assert "".join([*words, *(chunk.text for chunk in begun)]) == "a stream under way"
