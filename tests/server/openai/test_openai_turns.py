"""Turns of the endpoint: tool loops, links between turns, contexts that are too small, leaving."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest
from served import Served, services

from memagent import Scope
from memagent.server.openai.conversation import conversation_of
from memagent.server.openai.recollections import Recollections
from memagent.testing import Cut, Fail, Hang, Say, StubServer
from memagent.types import Recollection

pytestmark = pytest.mark.wire
ANNA = "Anna lives in Turin."
WHERE = {"role": "user", "content": "Where does Anna live?"}


@pytest.fixture
def stub() -> Iterator[StubServer]:
    with StubServer([Say("In Turin.")]) as server:
        yield server


@pytest.fixture
def served(stub: StubServer) -> Iterator[Served]:
    with Served(services(model=stub.url)) as server:
        yield server


def ask(served: Served, *messages: Any, stream: bool = False, **options: Any) -> Any:
    """Send messages, and wait until the turn is written."""
    said: Any = [
        {"role": "user", "content": one} if isinstance(one, str) else one for one in messages
    ]
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as client:
        reply: Any = client.chat.completions.create(
            model="stub-model", messages=said, stream=stream, **options
        )
        reply = list(reply) if stream else reply
    settled(served)
    return reply


def settled(served: Served, done: Callable[[], bool] = lambda: True) -> None:
    """Wait until nothing is being written, and a condition holds."""
    until = time.monotonic() + 10
    while time.monotonic() < until and (served.app.state.remembering or not done()):
        time.sleep(0.01)
    assert done()


def texts(served: Served) -> list[str]:
    return [record.text for record in reversed(served.memory.list(scope="me"))]


def sent(stub: StubServer) -> str:
    """Return the text of the first message of the last request."""
    content: str = stub.requests[-1]["messages"][0]["content"]
    return content


def test_the_prompt_stays_the_same_over_a_tool_loop(served: Served, stub: StubServer) -> None:
    served.memory.add(ANNA, scope="me")
    stub.script = [Say(calls=[("weather", '{"city": "Turin"}')]), Say("Sunny.")]
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
    reply = ask(served, "How is the weather where Anna lives?", tools=tools)
    before = sent(stub)
    assert ANNA in before
    served.memory.add("Anna lives where the weather is good.", scope="me")  # would be recalled, too
    (call,) = reply.choices[0].message.tool_calls
    history = [
        {"role": "user", "content": "How is the weather where Anna lives?"},
        {"role": "assistant", "content": None, "tool_calls": [call.model_dump()]},
        {"role": "tool", "tool_call_id": call.id, "content": "sun"},
    ]
    assert ask(served, *history, tools=tools).choices[0].message.content == "Sunny."
    assert sent(stub) == before
    assert texts(served).count("How is the weather where Anna lives?") == 1
    assert texts(served)[-1] == "Sunny."


def test_what_was_forgotten_is_not_shown_again(served: Served, stub: StubServer) -> None:
    record = served.memory.add(ANNA, scope="me")
    ask(served, WHERE)
    assert ANNA in sent(stub)
    served.memory.forget(record.id, scope="me")
    ask(served, WHERE)
    assert sent(stub) == WHERE["content"]


def test_a_reply_is_forgotten_with_what_an_earlier_prompt_held(
    served: Served, stub: StubServer
) -> None:
    record = served.memory.add(ANNA, scope="me")
    stub.script = [Say("In Turin."), Say("In Piedmont.")]
    ask(served, WHERE)
    replied = {"role": "assistant", "content": "In Turin."}
    ask(served, WHERE, replied, "And in which region is that?")
    assert "In Piedmont." in texts(served)
    served.memory.forget(record.id, scope="me")
    assert not {"In Turin.", "In Piedmont.", ANNA} & set(texts(served))
    assert "And in which region is that?" in texts(served)


def test_a_note_does_not_repeat_the_conversation(served: Served, stub: StubServer) -> None:
    ask(served, ANNA)
    history = [{"role": "user", "content": ANNA}, {"role": "assistant", "content": "In Turin."}]
    ask(served, *history, WHERE)
    assert [message["content"] for message in stub.requests[-1]["messages"]] == [
        ANNA,
        "In Turin.",
        WHERE["content"],
    ]


def test_notes_that_find_no_room_are_left_out(served: Served, stub: StubServer) -> None:
    served.memory.add(ANNA, scope="me")
    stub.context = 6
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as client:
        reply = client.chat.completions.with_raw_response.create(
            model="stub-model",
            messages=[WHERE],  # type: ignore[list-item]
        )
    assert reply.parse().choices[0].message.content == "In Turin."
    assert reply.headers["x-memory-recalled"] == ""
    assert [len(request["messages"][0]["content"].split()) > 6 for request in stub.requests] == [
        True,
        False,
    ]


def test_a_conversation_that_finds_no_room_is_the_models_error(
    served: Served, stub: StubServer
) -> None:
    stub.context = 2
    with pytest.raises(openai.BadRequestError, match="maximum context length"):
        ask(served, WHERE)
    assert texts(served) == []  # the model's server refused it


def test_a_client_that_leaves_in_mid_stream_stops_the_model(
    served: Served, stub: StubServer
) -> None:
    stub.script = [Hang(words=3)]
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as client:
        stream = client.chat.completions.create(
            model="stub-model", messages=[{"role": "user", "content": ANNA}], stream=True
        )
        assert next(iter(stream)).choices[0].delta.content
        stream.close()
    assert stub.wait_for(lambda server: server.disconnects == 1)
    settled(served, lambda: texts(served) == [ANNA])


@pytest.mark.parametrize("streamed", [False, True])
def test_a_server_that_breaks_off_leaves_what_was_said(
    served: Served, stub: StubServer, streamed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    stub.script = [Cut()]
    with pytest.raises(openai.APIConnectionError if streamed else openai.InternalServerError):
        ask(served, ANNA, stream=streamed)
    settled(served, lambda: texts(served) == [ANNA])
    assert not [record for record in caplog.records if record.exc_info]


def test_a_server_that_fails_passes_its_error_and_keeps_what_was_said(
    served: Served, stub: StubServer
) -> None:
    stub.script = [Fail(500, "out of memory")]
    with pytest.raises(openai.InternalServerError, match="out of memory"):
        ask(served, ANNA)
    settled(served, lambda: texts(served) == [ANNA])


def test_options_of_a_request_pass_with_notes(served: Served, stub: StubServer) -> None:
    served.memory.add(ANNA, scope="me")
    options: dict[str, Any] = {
        "n": 2,
        "stop": ["x"],
        "logprobs": True,
        "seed": 7,
        "extra_body": {"min_p": 0.1},
    }
    ask(served, WHERE, response_format={"type": "json_object"}, **options)
    request = stub.requests[-1]
    assert (request["n"], request["stop"], request["logprobs"], request["seed"]) == (
        2,
        ["x"],
        True,
        7,
    )
    assert request["response_format"] == {"type": "json_object"}
    assert request["min_p"] == 0.1


@pytest.mark.parametrize(
    "body",
    [
        {"model": "stub-model", "messages": [{"role": "user", "content": 7}]},
        {"model": "stub-model", "messages": [{"role": ["user"], "content": "x"}]},
        {"model": "stub-model", "messages": []},
        {"model": "stub-model", "messages": [{"role": "user", "content": " \n"}]},
        {"model": "stub-model", "messages": [{"role": "user", "content": "half \ud83d"}]},
        {"model": "stub-model", "messages": [{"role": "user", "content": [{"text": 3}, "x"]}]},
    ],
)
def test_what_is_no_conversation_passes_as_it_is(
    served: Served, stub: StubServer, body: dict[str, Any]
) -> None:
    url, raw = f"{served.url}/v1/chat/completions", json.dumps(body)
    reply = httpx.post(url, content=raw, headers={"content-type": "application/json"})
    assert reply.status_code == 200
    assert stub.requests[-1] == body


def test_a_giant_body_is_refused_in_openais_shape() -> None:
    from memagent.server.services import ServeOptions

    with StubServer() as stub:
        limited = services(model=stub.url, options=ServeOptions(max_body=1_000))
        with Served(limited) as served:

            async def pieces() -> Any:
                for _ in range(3):
                    yield b" " * 500

            async def send() -> httpx.Response:
                async with httpx.AsyncClient() as client:
                    url = f"{served.url}/v1/chat/completions"
                    headers = {"content-type": "application/json"}
                    return await client.post(url, content=pieces(), headers=headers)

            reply = asyncio.run(send())
        assert reply.status_code == 413
        assert "1,000 bytes" in reply.json()["error"]["message"]
        assert stub.requests == []


def test_an_unknown_mode_is_refused(served: Served) -> None:
    with pytest.raises(openai.UnprocessableEntityError, match="on, read, off"):
        ask(served, ANNA, extra_headers={"X-Memory": "maybe"})


def test_turns_are_told_apart_by_what_was_said_and_replied() -> None:
    def turns(*spoken: tuple[str, str]) -> list[str]:
        messages = [{"role": role, "content": text} for role, text in spoken]
        _, found = conversation_of("chat/completions", json.dumps({"messages": messages}).encode())
        assert found is not None
        return [turn.id for turn in found.turns]

    first, second = ("user", "Hello"), ("user", "Thanks")
    one, two = turns(first, ("assistant", "A"), second)
    assert turns(("system", "It is noon."), first) == [one]
    assert turns(first, ("assistant", "B"), second) != [one, two]
    assert turns(first, ("assistant", ""), ("assistant", "A"), second) == [one, two]


def test_recollections_end_with_their_time() -> None:
    from memagent import Memory
    from memagent.testing import HashEmbedder

    times = [0.0, 0.0, 800.0, 1_000.0, 1_000.0]
    kept, calls = Recollections(lambda: times.pop(0)), list[int]()

    def recall() -> Recollection:
        calls.append(1)
        return Recollection()

    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        for _ in range(3):
            kept.get("turn", memory, Scope(user="me"), recall)
    assert len(calls) == 2
