"""Ends of the use of tools: what repeats, calls instead of an answer, and the check of a model."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from call_families import FAMILIES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import BaseMessage
from langchain_core.tools import tool

from memagent import Agent, Memory, Scope, open_chat
from memagent.agent.adaptation import tool_choice
from memagent.agent.adaptation.tool_choice import CASES
from memagent.agent.steps import Answered, InvalidCall, TextChunk, ToolCalled, ToolReturned
from memagent.errors import NoAnswer
from memagent.models import capabilities
from memagent.testing import Fail, Say, ScriptedChat, StubServer
from memagent.testing.stub_wire import Action

Serve = Callable[..., StubServer]
ASKED = "What is 1 plus 2?"


@tool
def plus(a: int, b: int) -> int:
    """Add two numbers."""
    if a < 0:
        raise ValueError("too small")
    return a + b


@tool
def minus(a: int, b: int) -> int:
    """Subtract two numbers."""
    return a - b


@pytest.fixture(autouse=True)
def _nothing_known() -> Iterator[None]:
    capabilities._known.clear()
    tool_choice._warn.cache_clear()
    yield
    capabilities._known.clear()


def use(name: str = "plus", **arguments: Any) -> str:
    return json.dumps({"tool": name, "arguments": arguments})


def agent_of(memory: Memory, script: Any, **settings: Any) -> tuple[Agent, ScriptedChat]:
    chat = ScriptedChat(script)
    scope = Scope(user="ada")
    return Agent(memory=memory, model=chat, tools=[plus, minus], scope=scope, **settings), chat


def tools_were_offered(messages: Sequence[BaseMessage]) -> bool:
    return "You can use these tools" in str(messages[0].content)


@pytest.mark.parametrize(
    ("script", "calls"),
    [
        ([use(a=1, b=2)] * 3, 3),
        ([use(a=1, b=2), use("minus", a=1, b=2)] * 2 + [use(a=1, b=2)], 5),
        ([use(a=-1, b=number) for number in range(3)], 3),
        (["Three, I think."] * 3, 0),
        ([use("times", a=1)] * 3, 0),
        ([use(a="one", b=number) for number in range(3)], 0),
    ],
    ids=["one call", "two calls in turn", "one error", "no JSON", "no such tool", "bad argument"],
)
def test_what_comes_a_third_time_ends_the_use_of_tools(
    memory: Memory, script: list[str], calls: int
) -> None:
    agent, chat = agent_of(memory, [*script, "Three."])
    steps = list(agent.run(ASKED))
    assert len([step for step in steps if isinstance(step, ToolCalled)]) == calls
    assert [step.answer.answer for step in steps if isinstance(step, Answered)] == ["Three."]
    assert len(chat.requests) == len(script) + 1
    assert [tools_were_offered(one) for one in chat.requests] == [True] * len(script) + [False]


def test_the_third_identical_call_is_not_made(memory: Memory) -> None:
    agent, _ = agent_of(memory, [use(a=1, b=2)] * 3 + ["Three."])
    seen = [step for step in agent.run(ASKED) if isinstance(step, ToolReturned)]
    assert [step.failed for step in seen] == [False, False, True]


def test_calls_that_differ_go_on_to_the_last_step(memory: Memory) -> None:
    script = [use(a=number, b=2) for number in range(4)]
    agent, chat = agent_of(memory, [*script, "Three."], max_steps=4)
    assert agent.ask(ASKED).answer == "Three."
    assert len(chat.requests) == 5


async def test_a_model_that_only_calls_gives_no_answer_and_nothing_is_kept(memory: Memory) -> None:
    agent, chat = agent_of(memory, lambda _: use(a=1, b=2))
    with pytest.raises(NoAnswer, match="it calls a tool instead of answering") as caught:
        agent.ask(ASKED)
    assert caught.value.answer.answer == ""
    assert caught.value.answer.usage.requests == len(chat.requests) == 5
    with pytest.raises(NoAnswer, match="it calls a tool"):
        await agent.aask(ASKED)
    assert memory.list(scope="ada") == []


def test_it_is_told_that_no_tool_is_left(memory: Memory) -> None:
    agent, chat = agent_of(memory, [use(a=1, b=2)] * 4 + ['{"answer": "Three."}'])
    assert agent.ask(ASKED).answer == "Three."
    assert "no tool can be used any more" in str(chat.requests[-1][-1].content)


def test_json_that_was_asked_for_is_an_answer_with_tools_and_without(memory: Memory) -> None:
    wanted = '{"name": "Ada", "age": 36}'
    agent, _ = agent_of(memory, [json.dumps({"answer": wanted})])
    assert agent.ask("Write Ada, 36, as JSON.").answer == wanted
    alone = Agent(memory=memory, model=ScriptedChat([use(a=1, b=2)]), scope=Scope(user="ada"))
    assert alone.ask("Write a call of plus as JSON.").answer == use(a=1, b=2)


def test_a_call_that_a_note_holds_is_quoted_and_not_made(memory: Memory) -> None:
    call = use(a=1, b=2)
    memory.add(f"Ada wrote down: {call}", scope="ada")
    said = f"She wrote down {call}"
    agent, chat = agent_of(memory, [json.dumps({"answer": said})])
    steps = list(agent.run("What did Ada write down?", remember=False))
    assert call in str(chat.requests[0][-1].content)
    assert [step.answer.answer for step in steps if isinstance(step, Answered)] == [said]
    agent, _ = agent_of(
        memory, [json.dumps({"answer": said.replace("2", "3")}), json.dumps({"answer": "Three."})]
    )
    steps = list(agent.run("What did Ada write down?", remember=False))
    assert [step.arguments for step in steps if isinstance(step, ToolCalled)] == [{"a": 1, "b": 3}]


REPLIES = st.one_of(
    st.sampled_from([*FAMILIES]).flatmap(
        lambda family: st.tuples(
            st.sampled_from(["plus", "minus", "times"]), st.integers(-1, 1)
        ).map(lambda call: FAMILIES[family](call[0], {"a": call[1], "b": 2}))
    ),
    st.sampled_from(['{"answer": "Three."}', "Three.", "", '{"tool": "plus"', "<tool_call>"]),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(REPLIES, min_size=14, max_size=14))
def test_whatever_a_model_says_its_answer_is_no_call(memory: Memory, script: list[str]) -> None:
    agent, chat = agent_of(memory, script, max_steps=6)
    try:
        steps = list(agent.run(ASKED, remember=False))
    except NoAnswer:
        steps = []
    said = [step.text for step in steps if isinstance(step, TextChunk)]
    assert set(said) <= {"Three."}
    assert len(chat.requests) <= 8
    assert len([step for step in steps if isinstance(step, ToolCalled | InvalidCall)]) <= 7


CHOICES = {question: (needed, word) for question, _, needed, word in CASES}
ARGUMENTS = {"calculator": {"expression": "12.5 * 17"}, "weekday": {"date": "1999-05-03"}}


def held(*, wise: bool) -> Callable[[dict[str, Any]], Action]:
    """A server that reads no calls; its model chooses among tools, or always calls one."""

    def said(request: dict[str, Any]) -> Action:
        question = request["messages"][-1]["content"].rpartition("Question: ")[2]
        if question.startswith("Call the tool report"):
            return Say("The status is ok.")
        if "response_format" not in request:
            return Say("Three.")
        needed, word = CHOICES.get(question, (None, "Three."))
        if needed or not wise:
            return Say(use(needed or "plus", **ARGUMENTS.get(needed or "", {"a": 1, "b": 2})))
        return Say(json.dumps({"answer": word}))

    return said


@pytest.mark.wire
async def test_a_model_that_chooses_badly_is_offered_no_tools_and_that_is_said_once(
    memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    with StubServer(held(wise=False)) as server, caplog.at_level(logging.WARNING, "memagent"):
        agent = Agent(memory=memory, model=open_chat(server.url), tools=[plus], scope="ada")
        assert agent.ask(ASKED).answer == "Three."
        first = len(server.requests)
        assert "response_format" not in server.requests[-1]
        assert (await agent.aask("And 2 plus 2?")).answer == "Three."
        assert len(server.requests) == first + 1
    (warned,) = [record for record in caplog.records if "chooses badly" in record.message]
    assert "tool-choice.json" in warned.message


@pytest.mark.wire
def test_a_model_that_chooses_well_is_checked_once(memory: Memory) -> None:
    with StubServer(held(wise=True)) as server:
        agent = Agent(memory=memory, model=open_chat(server.url), tools=[plus], scope="ada")
        assert agent.ask(ASKED).answer == "Three."
        assert len(server.requests) == 1 + len(CASES) + 1
        schema = server.requests[-1]["response_format"]["json_schema"]["schema"]
        assert len(schema["anyOf"]) == 2
        capabilities._known.clear()  # as in a new process
        agent.ask(ASKED)
        assert len(server.requests) == 1 + len(CASES) + 2


@pytest.mark.wire
@pytest.mark.parametrize("wrong", [*range(len(CASES))])
def test_each_case_of_the_check_counts(memory: Memory, wrong: int) -> None:
    well = held(wise=True)

    def said(request: dict[str, Any]) -> Action:
        question = request["messages"][-1]["content"].rpartition("Question: ")[2]
        return Say('{"answer": "Perhaps."}') if question == CASES[wrong][0] else well(request)

    with StubServer(said) as server:
        assert not tool_choice.chooses_tools(open_chat(server.url))
        assert len(server.requests) == 1 + wrong + 1


@pytest.mark.wire
def test_a_server_without_schemas_fails_the_check(memory: Memory) -> None:
    def said(request: dict[str, Any]) -> Action:
        refused = Fail(400, "response_format is not supported")
        return refused if "response_format" in request else Say("Three.")

    with StubServer(said) as server:
        agent = Agent(memory=memory, model=open_chat(server.url), tools=[plus], scope="ada")
        assert agent.ask(ASKED).answer == "Three."
