"""The endpoint as OpenAI's clients use it, against a stub server."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from served import Served, services

from memagent import Memory, Scope
from memagent.testing import Fail, HashEmbedder, Say, StubServer

pytestmark = pytest.mark.wire
ME = Scope(user="me")


@pytest.fixture
def stub() -> Iterator[StubServer]:
    with StubServer([Say("In Turin.")]) as server:
        yield server


@pytest.fixture
def served(stub: StubServer) -> Iterator[Served]:
    with Served(services(model=stub.url)) as server:
        yield server


def client_of(served: Served, **options: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0, **options)


def ask(client: openai.OpenAI, text: str, **options: Any) -> Any:
    return client.chat.completions.create(
        model="stub-model", messages=[{"role": "user", "content": text}], **options
    )


def texts(served: Served, user: str = "me") -> list[str]:
    """Return what is stored of a user, oldest first, once the server has written it."""
    for _ in range(500):
        if served.memory.count(scope=user) and not served.app.state.remembering:
            break
        asyncio.run(asyncio.sleep(0.01))
    return [record.text for record in reversed(served.memory.list(scope=user))]


def test_a_turn_is_remembered_and_recalled(served: Served, stub: StubServer) -> None:
    client = client_of(served)
    ask(client, "My sister Anna lives in Turin.")
    assert texts(served) == ["My sister Anna lives in Turin.", "In Turin."]
    assert ask(client, "Where does my sister Anna live?").choices[0].message.content == "In Turin."
    sent = stub.requests[-1]["messages"]
    assert len(sent) == 1
    assert "- My sister Anna lives in Turin.\n" in sent[0]["content"]
    assert sent[0]["content"].endswith("\nWhere does my sister Anna live?")


def test_an_empty_memory_changes_no_byte(served: Served, stub: StubServer) -> None:
    bodies = [
        b'{"model": "stub-model",  "messages":[{"role":"user","content":"H\\u00e9llo"}], "x":1.0}',
        b'{"stream":true,"model":"stub-model","messages":[{"content":"Hi","role":"user"}]}',
    ]
    for body in bodies:
        bare = httpx.post(f"{stub.url}/chat/completions", content=body, headers=JSON)
        through = httpx.post(f"{served.url}/v1/chat/completions", content=body, headers=JSON)
        assert through.content == bare.content
        assert stub.requests[-1] == stub.requests[-2] == json.loads(body)
        served.memory.forget(scope="me", everything=True)


JSON = {"content-type": "application/json"}


def test_streams_come_in_pieces_and_are_remembered(served: Served) -> None:
    pieces = [
        chunk.choices[0].delta.content
        for chunk in ask(client_of(served), "Anna lives in Turin.", stream=True)
        if chunk.choices
    ]
    assert "".join(piece or "" for piece in pieces) == "In Turin."
    assert texts(served) == ["Anna lives in Turin.", "In Turin."]


def test_the_asynchronous_client_works(served: Served) -> None:
    async def talk() -> str | None:
        async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none") as client:
            reply = await client.chat.completions.create(
                model="stub-model", messages=[{"role": "user", "content": "Hello"}]
            )
            return reply.choices[0].message.content

    assert asyncio.run(talk()) == "In Turin."


def test_langchain_gets_a_memory_by_its_base_url(served: Served, stub: StubServer) -> None:
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    served.memory.add("Anna lives in Turin.", scope="me")
    chat = ChatOpenAI(
        base_url=f"{served.url}/v1", api_key=SecretStr("none"), model="stub-model", streaming=True
    )
    assert chat.invoke("Where does Anna live?").text == "In Turin."
    assert "Anna lives in Turin." in stub.requests[-1]["messages"][-1]["content"]


def test_models_are_those_of_the_server_behind(served: Served) -> None:
    assert [model.id for model in client_of(served).models.list()] == ["stub-model"]


def test_the_reply_says_what_was_recalled(served: Served) -> None:
    record = served.memory.add("Anna lives in Turin.", scope="me")
    raw = client_of(served).chat.completions.with_raw_response.create(
        model="stub-model", messages=[{"role": "user", "content": "Where does Anna live?"}]
    )
    assert raw.headers["x-memory-recalled"] == record.id


@pytest.mark.parametrize(("mode", "stored"), [("off", 1), ("read", 1), ("on", 3)])
def test_memory_can_be_switched_off_for_a_request(
    served: Served, stub: StubServer, mode: str, stored: int
) -> None:
    served.memory.add("Anna lives in Turin.", scope="me")
    ask(client_of(served), "Where does Anna live?", extra_headers={"X-Memory": mode})
    assert len(texts(served)) == stored
    shown = "Anna lives in Turin." in stub.requests[-1]["messages"][-1]["content"]
    assert shown == (mode != "off")


def test_a_request_sent_again_is_the_same_turn(served: Served) -> None:
    client = client_of(served)
    for _ in range(2):
        ask(client, "Anna lives in Turin.")
    assert texts(served) == ["Anna lives in Turin.", "In Turin."]


def test_only_the_last_turn_of_a_history_is_remembered(served: Served) -> None:
    history = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Good day."},
        {"role": "user", "content": "Anna lives in Turin."},
    ]
    client_of(served).chat.completions.create(model="stub-model", messages=history)  # type: ignore[arg-type]
    assert texts(served) == ["Anna lives in Turin.", "In Turin."]


def test_parts_of_a_message_are_kept(served: Served, stub: StubServer) -> None:
    served.memory.add("Anna lives in Turin.", scope="me")
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    content = [{"type": "text", "text": "Where does Anna live?"}, image]
    client_of(served).chat.completions.create(
        model="stub-model",
        messages=[{"role": "user", "content": content}],  # type: ignore[list-item,misc]
    )
    sent = stub.requests[-1]["messages"][0]["content"]
    assert sent[1:] == content
    assert "Anna lives in Turin." in sent[0]["text"]


def test_tools_pass_and_a_call_is_no_turn(served: Served, stub: StubServer) -> None:
    stub.script = [Say("", calls=[("weather", "{}")])]
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
    ask(client_of(served), "How is the weather in Turin?", tools=tools)
    assert stub.requests[-1]["tools"] == tools
    assert texts(served) == ["How is the weather in Turin?"]


def test_a_model_that_is_away_leaves_what_was_said(served: Served, stub: StubServer) -> None:
    client = client_of(served)
    ask(client, "Hello")
    stub.stop()
    with pytest.raises(openai.InternalServerError) as caught:
        ask(client, "Anna lives in Turin.")
    assert caught.value.status_code == 503
    assert "model's server" in str(caught.value)
    assert "Anna lives in Turin." in texts(served)


def test_errors_of_the_model_pass_unchanged(served: Served, stub: StubServer) -> None:
    with pytest.raises(openai.NotFoundError):
        client_of(served).chat.completions.create(
            model="another", messages=[{"role": "user", "content": "Hello"}]
        )


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"\xff", b""])
def test_a_body_that_is_no_object_is_refused(served: Served, body: bytes) -> None:
    reply = httpx.post(f"{served.url}/v1/chat/completions", content=body, headers=JSON)
    assert reply.status_code == 422
    assert "body" in reply.json()["error"]["message"]


def test_the_user_field_counts_where_the_key_may_speak_for_it(served: Served) -> None:
    one, several, reads = (
        served.key("ada"),
        served.key("ada", "bob"),
        served.key("ada", read_only=True),
    )
    for key in (one, several):
        client = client_of(served).with_options(api_key=key)
        ask(client, f"Hello from {key[:13]}", user="bob")
    assert len(texts(served, "ada")) == len(texts(served, "bob")) == 2
    with pytest.raises(openai.PermissionDeniedError):
        ask(client_of(served).with_options(api_key=several), "Hello", user="eve")
    ask(client_of(served).with_options(api_key=reads), "Never stored")
    assert "Never stored" not in texts(served, "ada")
    with pytest.raises(openai.AuthenticationError):
        ask(client_of(served), "Hello")


def test_a_client_that_leaves_keeps_what_it_said(stub: StubServer) -> None:
    from memagent.testing import Hang

    stub.script = [Hang()]
    with Served(services(model=stub.url)) as served:
        with pytest.raises(openai.APITimeoutError):
            ask(client_of(served, timeout=0.5), "Anna lives in Turin.")
        for _ in range(300):
            if texts(served):
                break
            asyncio.run(asyncio.sleep(0.01))
        assert texts(served) == ["Anna lives in Turin."]


def test_sessions_are_kept_apart_but_recalled_together(served: Served, stub: StubServer) -> None:
    client = client_of(served)
    ask(client, "Anna lives in Turin.", extra_headers={"X-Memory-Session": "a"})
    texts(served)
    ask(client, "Where does Anna live?", extra_headers={"X-Memory-Session": "b"})
    assert "Anna lives in Turin." in stub.requests[-1]["messages"][-1]["content"]
    texts(served)
    assert served.memory.sessions(scope=ME) == ("a", "b")


def test_a_server_that_refuses_for_now_passes_its_status(stub: StubServer) -> None:
    stub.script = [Fail(429, retry_after=7)]
    with Served(services(Memory.in_memory(embedder=HashEmbedder()), model=stub.url)) as served:
        with pytest.raises(openai.RateLimitError) as caught:
            ask(client_of(served), "Hello")
        assert caught.value.response.headers["retry-after"] == "7"
