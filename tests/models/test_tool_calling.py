import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import BaseTool, tool

from memagent import open_chat
from memagent.agent.tool_calling import Action, Mistake, Text, aact, act, observed
from memagent.errors import ModelUnavailable
from memagent.models import capabilities
from memagent.models.server_chat import close_connections
from memagent.testing import Fail, Say, ScriptedChat, StubServer

ASKED = [SystemMessage("Be brief."), HumanMessage("What is 2 times 3?")]
REPORTED = Say(calls=[("report", '{"status": "ok"}')])


@tool
def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


@tool
def today() -> str:
    """Tell the date."""
    return "Monday"


TOOLS: list[BaseTool] = [multiply, today]


@pytest.fixture(autouse=True)
def _nothing_known() -> Iterator[None]:
    capabilities._known.clear()
    yield
    capabilities._known.clear()


def chosen(**reply: Any) -> str:
    return json.dumps(reply)


def test_a_model_without_tool_calls_chooses_by_json() -> None:
    chat = ScriptedChat([chosen(tool="multiply", arguments={"a": 2, "b": 3}), chosen(answer="6")])
    action = act(chat, ASKED, TOOLS)
    assert action == Action(name="multiply", arguments={"a": 2, "b": 3})
    more: list[BaseMessage] = [*ASKED, *observed(action, "6")]
    assert act(chat, more, TOOLS) == Text(text="6")
    system, _, said, result = chat.requests[1]
    assert chat.requests[0][0] == system
    assert str(system.content).startswith("Be brief.\n\nYou can use these tools:\n- multiply: ")
    assert '{"a": "integer", "b": "integer"}' in str(system.content)
    assert json.loads(str(said.content)) == {"tool": "multiply", "arguments": {"a": 2, "b": 3}}
    assert (result.type, result.content) == ("human", "<result tool='multiply'>\n6\n</result>")


async def test_the_asynchronous_step_is_the_same() -> None:
    chat = ScriptedChat([chosen(tool="today", arguments={}), chosen(answer="6")])
    assert await aact(chat, ASKED, TOOLS) == Action(name="today", arguments={})
    assert await aact(chat, ASKED, TOOLS) == Text(text="6")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("Six.", "the reply is not JSON"),
        ("[1]", "the reply is not a JSON object"),
        (chosen(tool="divide", arguments={}), "there is no tool 'divide', there are: multiply"),
        (chosen(tool="multiply"), "the arguments are no JSON object"),
        (chosen(tool="multiply", arguments={"a": 2}), "argument 'b': field required"),
        (chosen(tool="multiply", arguments={"a": "two", "b": 3}), "argument 'a': input should be"),
        ("{}", "there is no tool None"),
    ],
)
def test_what_is_no_step_comes_back_as_a_mistake_to_be_told_to_the_model(
    said: str, reason: str
) -> None:
    mistake = act(ScriptedChat([said]), ASKED, TOOLS)
    assert isinstance(mistake, Mistake)
    assert mistake.reason.startswith(reason)
    wrong, told = observed(mistake)
    assert wrong == AIMessage(said)
    assert str(told.content) == f"That could not be done: {mistake.reason}. Try again."


@pytest.mark.wire
def test_a_model_that_calls_tools_is_asked_once_whether_it_does(
    serve: Callable[..., StubServer], tmp_path: Path
) -> None:
    server = serve(REPORTED, Say(calls=[("multiply", '{"a": 2, "b": 3}')]), Say("6"))
    chat = open_chat(server.url)
    action = act(chat, ASKED, TOOLS)
    assert action == Action(name="multiply", arguments={"a": 2, "b": 3}, id="call-0")
    assert [one.type for one in observed(action, "6")] == ["ai", "tool"]
    assert isinstance(observed(action, "6")[1], ToolMessage)
    assert act(chat, [*ASKED, *observed(action, "6")], TOOLS) == Text(text="6")
    probe, first, second = server.requests
    assert probe["tools"][0]["function"]["name"] == "report"
    assert [one["function"]["name"] for one in first["tools"]] == ["multiply", "today"]
    assert [one["role"] for one in second["messages"]] == ["system", "user", "assistant", "tool"]
    kept = json.loads((tmp_path / "home" / "tool-calling.json").read_text())
    assert kept == {f"{server.url} stub-model": True}


@pytest.mark.wire
@pytest.mark.parametrize(
    "answer",
    [
        Say("The status is ok."),
        Say(calls=[("report", "status ok")]),
        Say(calls=[("report", '{"state": "ok"}')]),
        Say('<tool_call>{"name": "report"'),
        Fail(400, '"auto" tool choice requires --enable-auto-tool-choice'),
        Fail(501, "tools param requires --jinja flag"),
    ],
)
def test_any_other_is_held_to_json_from_then_on_in_other_processes_too(
    serve: Callable[..., StubServer], answer: object
) -> None:
    server = serve(answer, Say(chosen(answer="6")))
    chat = open_chat(server.url, retries=0)
    assert act(chat, ASKED, TOOLS) == Text(text="6")
    capabilities._known.clear()  # as in a new process
    assert act(chat, ASKED, TOOLS) == Text(text="6")
    assert len(server.requests) == 3
    forms = server.requests[1]["response_format"]["json_schema"]["schema"]["anyOf"]
    assert [one["properties"].get("tool") for one in forms] == [
        {"const": "multiply"},
        {"const": "today"},
        None,
    ]


@pytest.mark.wire
@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Say(calls=[("multiply", '{"a": 2')]), "the arguments are not JSON"),
        (Say(calls=[("multiply", '"2,3"')]), "the call cannot be read"),
        (Say(calls=[("divide", "{}")]), "there is no tool 'divide', there are: multiply, today"),
        (Say(calls=[("multiply", '{"a": 2}')]), "argument 'b': field required"),
        (Say('<tool_call>{"name": "multiply"'), "the call cannot be read"),
    ],
)
def test_a_malformed_call_comes_back_as_a_mistake(
    serve: Callable[..., StubServer], said: Say, reason: str
) -> None:
    mistake = act(open_chat(serve(REPORTED, said).url), ASKED, TOOLS)
    assert isinstance(mistake, Mistake)
    assert mistake.reason == reason
    assert mistake.text != ""


@pytest.mark.wire
def test_json_that_was_cut_off_is_a_mistake(serve: Callable[..., StubServer]) -> None:
    server = serve(Say("no"), Say('{"answer": "si', finish="length"))
    mistake = act(open_chat(server.url), ASKED, TOOLS)
    assert isinstance(mistake, Mistake)
    assert (mistake.text, "cut off" in mistake.reason) == ('{"answer": "si', True)


@pytest.mark.wire
async def test_a_server_that_takes_no_tools_any_more_is_held_to_json(
    serve: Callable[..., StubServer],
) -> None:
    refusal = Fail(400, "tool choice needs a parser")
    server = serve(REPORTED, refusal, Say(chosen(answer="6")))
    chat = open_chat(server.url)
    assert await aact(chat, ASKED, TOOLS) == Text(text="6")
    assert await aact(chat, ASKED, TOOLS) == Text(text="6")
    assert len(server.requests) == 4
    await close_connections()


@pytest.mark.wire
def test_a_server_that_fails_otherwise_teaches_nothing(serve: Callable[..., StubServer]) -> None:
    server = serve(Fail(503, "loading"), REPORTED, Say("6"))
    chat = open_chat(server.url, retries=0)
    with pytest.raises(ModelUnavailable, match="loading"):
        act(chat, ASKED, TOOLS)
    assert act(chat, ASKED, TOOLS) == Text(text="6")


def test_a_file_of_something_else_is_as_none(tmp_path: Path) -> None:
    for held in ("not JSON", "[1]", '{"a": "yes"}'):
        (tmp_path / "held").write_text(held)
        assert capabilities._read(tmp_path / "held") == {}
