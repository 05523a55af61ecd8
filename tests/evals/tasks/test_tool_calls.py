"""The 40 requests of `tool-calls`, asked of a model of every family."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from call_families import FAMILIES
from langchain_core.messages import BaseMessage
from langchain_core.utils.function_calling import convert_to_openai_tool
from tool_models import Script, python, question_of, reply

from memagent import Memory, open_chat
from memagent.errors import InvalidInput
from memagent.evals.arm import ArmName, Parts, Reply
from memagent.evals.metrics.answers import contained
from memagent.evals.score import Score
from memagent.evals.task import Task
from memagent.evals.tasks.tool_calls.arm import ToolArm
from memagent.evals.tasks.tool_calls.requests import KINDS, Request, requests, tasks
from memagent.evals.tasks.tool_calls.suite import NAME, SUITE
from memagent.testing import HashEmbedder, Say, ScriptedChat, StubServer
from memagent.testing.stub_wire import Action
from memagent.text.raw_calls import RawCall, Schemas, read_call
from memagent.tools.calculator import calculator
from memagent.tools.dates import date_tools

SCRIPT: Script = {
    request.question: (request.calls, "The result:" if request.calls else f"{request.gold[0]}.")
    for request in requests()
}
TASKS = {task.name.removeprefix(f"{NAME}/"): task for task in tasks([*KINDS], NAME)}
Serve = Callable[..., StubServer]


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    """Schemas of the tools that serve the requests."""
    tools = [calculator(), *date_tools(), python()]
    described = [convert_to_openai_tool(tool)["function"] for tool in tools]
    search = {"properties": {"query": {"type": "string"}}}
    return {one["name"]: one["parameters"] for one in described} | {"memory_search": search}


def speaker(family: str) -> ScriptedChat:
    """A model that is held to no schema, and calls tools in its family's form."""

    def said(messages: Sequence[BaseMessage]) -> str:
        users = [str(message.content) for message in messages if message.type == "human"]
        results = [text for text in users if text.startswith("<result ")]
        question = question_of(next(text for text in users if text not in results))
        return reply(
            question,
            [text.partition("\n")[2].rpartition("\n")[0] for text in results],
            SCRIPT,
            FAMILIES[family],
        )

    return ScriptedChat(said)


def ask(arm: ToolArm, request: Request) -> Reply:
    """Ask a request, and check what holds of every family: the right tools ran, and no others."""
    answered = arm.ask(request)
    said = answered.answer.answer
    assert [line.partition("(")[0] for line in answered.shown] == [
        name for name, _ in request.calls
    ]
    assert contained(said, request.gold), (request.question, said)
    assert "{" not in said
    return answered


def arm_of(task: Task, memory: Memory, model: Any) -> ToolArm:
    parts = Parts(memory=memory, embedder=HashEmbedder(), model=model)
    return ToolArm(ArmName.parse("tools+0"), task, parts, python=python())


def test_there_are_forty_requests_of_which_ten_need_no_tool() -> None:
    assert len(requests()) == len(SCRIPT) == 40
    assert [len(TASKS[kind].asked) for kind in KINDS] == [10, 9, 9, 7, 5]
    for request in requests():
        assert bool(request.calls) == bool(request.tools)
        assert {name for name, _ in request.calls} <= request.tools
        told = [text for _, text in request.facts]
        assert bool(contained("\n".join(told), request.gold)) == (request.kind == "none")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_calls_what_each_of_them_takes(family: str, schemas: Schemas) -> None:
    for request in requests():
        for name, arguments in request.calls:
            found = read_call(FAMILIES[family](name, arguments), schemas)
            assert found == RawCall(name, arguments)
        assert read_call(f"{request.gold[0]}.", schemas) is None


@pytest.mark.parametrize("kind", KINDS)
def test_each_of_them_is_answered_by_its_tool_and_no_other(kind: str, memory: Memory) -> None:
    """Asked of the families in turn."""
    first = [*KINDS].index(kind) * 8
    for number, request in enumerate(TASKS[kind].asked, start=first):
        family = [*FAMILIES][number % len(FAMILIES)]
        ask(arm_of(TASKS[kind], memory, speaker(family)), cast(Request, request))


def served(family: str) -> Callable[[dict[str, Any]], Action]:
    """A server whose parser reads the check of the tools, and none of the calls that follow."""

    def said(request: dict[str, Any]) -> Action:
        messages = request["messages"]
        if messages[-1]["content"].startswith("Call the tool report"):
            return Say(calls=[("report", '{"status": "ok"}')])
        if "response_format" in request:  # whether it can name what is missing
            return Say("No.")
        question = question_of(next(one["content"] for one in messages if one["role"] == "user"))
        results = [one["content"] for one in messages if one["role"] == "tool"]
        return Say(reply(question, results, SCRIPT, FAMILIES[family]))

    return said


@pytest.mark.wire
@pytest.mark.parametrize(("number", "family"), [*enumerate(FAMILIES)])
def test_every_family_answers_through_a_server_that_does_not_read_its_calls(
    number: int, family: str, memory: Memory
) -> None:
    with StubServer(served(family)) as server:
        needing = [request for request in requests() if request.calls]
        task = TASKS[needing[number].kind]
        ask(arm_of(task, memory, open_chat(server.url)), needing[number])


def test_an_arm_without_tools_offers_none(memory: Memory) -> None:
    task = TASKS["none"]
    chat = ScriptedChat(lambda messages: str(len(messages)))
    parts = Parts(memory=memory, embedder=HashEmbedder(), model=chat)
    ToolArm(ArmName.parse("no-tools+0"), task, parts, python=python()).ask(task.asked[0])
    assert "tool" not in str(chat.requests[0])
    for name in ("tools+3", "tools:2+0", "memory+0"):
        with pytest.raises(InvalidInput):
            ToolArm(ArmName.parse(name), task, parts, python=python())


def test_a_model_that_gives_no_answer_is_measured_by_its_calls(memory: Memory) -> None:
    task = TASKS["none"]
    chat = ScriptedChat(lambda _: FAMILIES["memagent"]("today", {}))
    answered = arm_of(task, memory, chat).ask(task.asked[0])
    assert (answered.answer.answer, answered.shown) == ("", ("today({})",) * 3)
    assert answered.answer.usage.requests == 5


def score(kind: str, prediction: str, correct: bool, *calls: str) -> Score:
    request = TASKS[kind].asked[0]
    return Score(
        id=request.id,
        task=f"{NAME}/{kind}",
        arm="tools+0",
        question=request.question,
        gold=request.gold,
        prediction=prediction,
        correct=correct,
        shown=calls,
    )


def test_the_table_counts_needless_calls_and_calls_as_answers() -> None:
    scores = [
        score("none", "Graz.", True),
        score("none", '{"tool": "today", "arguments": {}}', False, "today({})"),
        score("calculator", "3901", True, 'python({"code": "47 * 83"})'),
        score("search", "", False, 'memory_add({"text": "heron72"})'),
    ]
    rows = SUITE.tables([*TASKS.values()], [ArmName.parse("tools+0")], scores)[NAME]
    assert {row["measure"]: (row["count"], row["n"]) for row in rows} == {
        "right": (2, 4),
        "right tool": (2, 4),
        "needless": (1, 2),
        "call as answer": (1, 4),
        "no answer": (1, 4),
    }
