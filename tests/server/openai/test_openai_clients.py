"""Clients of others at the endpoint: openai's Responses, LangChain with tools, and `llm`."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from served import Served, services

from memagent.server.openai.response_events import ResponseEvents
from memagent.testing import Cut, Events, Say, StubServer

pytestmark = pytest.mark.wire
ANNA = "Anna lives in Turin."
WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "description": "Tell the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}
CALL = Say("", calls=[("weather", '{"city": "Turin"}')])


@pytest.fixture
def stub() -> Iterator[StubServer]:
    with StubServer([Say("In Turin.")]) as server:
        yield server


@pytest.fixture
def served(stub: StubServer) -> Iterator[Served]:
    with Served(services(model=stub.url)) as server:
        server.memory.add(ANNA, scope="me")
        yield server


@pytest.fixture
def client(served: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as opened:
        yield opened


def remembered(served: Served) -> list[str]:
    async def wait() -> None:
        for _ in range(1_000):
            if not served.app.state.remembering:
                return
            await asyncio.sleep(0.01)

    asyncio.run(wait())
    return [record.text for record in reversed(served.memory.list(scope="me"))][1:]


def test_responses_of_a_server_that_has_them_pass_as_they_are(
    served: Served, stub: StubServer, client: openai.OpenAI
) -> None:
    body = {"id": "resp_1", "object": "response", "status": "completed", "x": 1.0, "output": []}
    said = {"type": "output_text", "text": "In Turin.", "annotations": []}
    message = {"type": "message", "id": "m", "role": "assistant", "status": "completed"}
    body["output"] = [{**message, "content": [said]}]
    stub.pages = {"/v1/responses": body}
    raw = client.responses.with_raw_response.create(
        model="stub-model", input="Where does Anna live?", store=False
    )
    assert raw.http_response.json() == body
    assert raw.parse().output_text == "In Turin."
    path, sent = stub.other_requests[-1]
    assert (path, sent["store"]) == ("/v1/responses", False)
    assert ANNA in sent["input"]
    assert sent["input"].endswith("\nWhere does Anna live?")
    assert remembered(served) == ["Where does Anna live?", "In Turin."]


def test_streamed_responses_pass_as_they_are(
    served: Served, stub: StubServer, client: openai.OpenAI
) -> None:
    lines = [
        'event: response.output_text.delta\ndata: {"type": "response.output_text.delta",'
        ' "delta": "In Turin.", "item_id": "m", "output_index": 0, "content_index": 0}',
        'event: response.completed\ndata: {"type": "response.completed", "response": {"id": "r"}}',
    ]
    stub.pages = {"/v1/responses": Events(lines)}
    items: Any = [{"role": "user", "content": [{"type": "input_text", "text": "Hello there"}]}]
    stream = client.responses.create(model="stub-model", input=items, stream=True)
    assert [event.type for event in stream] == [
        "response.output_text.delta",
        "response.completed",
    ]
    assert stub.other_requests[-1][1]["input"] == items  # nothing relevant is known
    assert remembered(served) == ["Hello there", "In Turin."]


def test_responses_are_translated_where_the_server_has_none(
    served: Served, stub: StubServer, client: openai.OpenAI
) -> None:
    reply = client.responses.create(
        model="stub-model",
        instructions="Be brief.",
        input="Where does Anna live?",
        max_output_tokens=9,
        reasoning={"effort": "low"},
        text={"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}},
        extra_body={"min_p": 0.1},
    )
    assert (reply.output_text, reply.status, reply.model) == (
        "In Turin.",
        "completed",
        "stub-model",
    )
    assert reply.usage is not None
    assert reply.usage.output_tokens == 2
    sent = stub.requests[-1]
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}
    assert ANNA in sent["messages"][1]["content"]
    assert (sent["max_tokens"], sent["reasoning_effort"], sent["min_p"]) == (9, "low", 0.1)
    schema = {"name": "n", "schema": {"type": "object"}}
    assert sent["response_format"] == {"type": "json_schema", "json_schema": schema}
    assert remembered(served) == ["Where does Anna live?", "In Turin."]
    client.responses.create(model="stub-model", input="Hello there")
    assert len(stub.other_requests) == 1  # it is not asked for them again


def test_translated_streams_hold_the_events_that_clients_read(
    served: Served, stub: StubServer, client: openai.OpenAI
) -> None:
    with client.responses.stream(model="stub-model", input="Where does Anna live?") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert kinds.count("response.output_text.delta") == 2
    assert (final.output_text, final.status) == ("In Turin.", "completed")
    assert final.usage is not None
    assert final.usage.total_tokens > 2
    assert remembered(served) == ["Where does Anna live?", "In Turin."]


@pytest.mark.parametrize("streamed", [False, True])
def test_tools_are_translated(
    served: Served, stub: StubServer, client: openai.OpenAI, streamed: bool
) -> None:
    stub.script = [CALL, Say("Sunny.")]
    question: Any = {"role": "user", "content": "How is the weather?"}

    def answer(items: Any) -> Any:
        if not streamed:
            return client.responses.create(model="stub-model", input=items, tools=[WEATHER])
        with client.responses.stream(model="stub-model", input=items, tools=[WEATHER]) as stream:
            return stream.get_final_response()

    (call,) = answer([question]).output
    assert (call.type, call.name, json.loads(call.arguments)) == (
        "function_call",
        "weather",
        {"city": "Turin"},
    )
    assert stub.requests[-1]["tools"][0]["function"]["name"] == "weather"
    done = {"type": "function_call", "call_id": call.call_id, "name": call.name}
    done |= {"arguments": call.arguments}
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "sun"}
    assert answer([question, done, output]).output_text == "Sunny."
    roles = [message["role"] for message in stub.requests[-1]["messages"]]
    assert roles == ["user", "assistant", "tool"]
    assert remembered(served) == ["How is the weather?", "Sunny."]


@pytest.mark.parametrize(
    "options",
    [
        {"previous_response_id": "resp_1"},
        {"tools": [{"type": "web_search"}]},
        {"input": [{"type": "item_reference", "id": "x"}]},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]},
    ],
)
def test_what_cannot_be_translated_is_refused_in_words(
    client: openai.OpenAI, options: dict[str, Any]
) -> None:
    with pytest.raises(openai.UnprocessableEntityError, match="the model's server"):
        client.responses.create(**{"model": "stub-model", "input": "Hello", **options})


def test_a_model_that_is_not_there_is_not_a_missing_interface(
    served: Served, stub: StubServer, client: openai.OpenAI
) -> None:
    from memagent.testing import Fail

    stub.pages = {"/v1/responses": Fail(404, "The model `x` does not exist.")}
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        client.responses.create(model="x", input="Hello")
    assert not served.app.state.upstream.lacks_responses


def test_a_translated_stream_that_breaks_off_has_failed(
    stub: StubServer, client: openai.OpenAI
) -> None:
    events = ResponseEvents({"model": "m"})
    events.feed(b'data: {"choices": [{"index": 0, "delta": {"content": "one"}}]}\r\n\r\n')
    assert b"event: response.failed" in events.end()
    assert events.end() == b""
    stub.script = [Cut()]
    stream = client.responses.create(model="stub-model", input="Hello", stream=True)
    assert [event.type for event in stream][-1] == "response.failed"


def test_events_do_not_depend_on_where_a_stream_is_cut() -> None:
    lines = ['{"choices": [{"index": 0, "delta": {"content": "é"}, "finish_reason": "length"}]}']
    raw = "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode()
    for size in (1, 7, len(raw)):
        events = ResponseEvents({})
        pieces = [events.feed(raw[at : at + size]) for at in range(0, len(raw), size)]
        found = b"".join([*pieces, events.end()])
        assert b'"delta": "\\u00e9"' in found
        assert found.count(b"event: response.incomplete") == 1
        assert b'"reason": "max_output_tokens"' in found


def test_the_asynchronous_client_streams(served: Served) -> None:
    async def talk() -> str:
        async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none") as client:
            stream = await client.chat.completions.create(
                model="stub-model",
                messages=[{"role": "user", "content": "Where does Anna live?"}],
                stream=True,
                stream_options={"include_usage": True},
            )
            chunks = [chunk async for chunk in stream]
            assert chunks[-1].usage is not None
            return "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])

    assert asyncio.run(talk()) == "In Turin."


def test_langchain_calls_tools_with_memory(served: Served, stub: StubServer) -> None:
    from langchain_core.messages import HumanMessage, ToolMessage
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    stub.script = [CALL, Say("Sunny.")]
    chat = ChatOpenAI(base_url=f"{served.url}/v1", api_key=SecretStr("none"), model="stub-model")
    function = {name: value for name, value in WEATHER.items() if name != "type"}
    bound = chat.bind_tools([{"type": "function", "function": function}])
    said = HumanMessage("How is the weather where Anna lives?")
    reply = bound.invoke([said])
    assert reply.tool_calls[0]["args"] == {"city": "Turin"}
    before = stub.requests[-1]["messages"][0]
    assert ANNA in before["content"]
    result = ToolMessage("sun", tool_call_id=reply.tool_calls[0]["id"])
    assert bound.invoke([said, reply, result]).text == "Sunny."
    assert stub.requests[-1]["messages"][0] == before
    assert remembered(served) == ["How is the weather where Anna lives?", "Sunny."]


@pytest.mark.parametrize("option", ["--no-stream", "--async"])
def test_llm_gets_a_memory_by_its_api_base(
    served: Served, stub: StubServer, tmp_path: Path, option: str
) -> None:
    pytest.importorskip("llm")
    model = f"- model_id: memory\n  model_name: stub-model\n  api_base: {served.url}/v1\n"
    (tmp_path / "extra-openai-models.yaml").write_text(model)
    environment = {**os.environ, "LLM_USER_PATH": str(tmp_path), "LLM_LOAD_PLUGINS": ""}
    command = [sys.executable, "-m", "llm", "-m", "memory", option, "Where does Anna live?"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == "In Turin.", done.stderr
    assert ANNA in stub.requests[-1]["messages"][-1]["content"]
