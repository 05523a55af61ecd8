import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from langchain_core.tools import tool

from memagent import Agent, Memory, Scope
from memagent.agent.conversation import Conversation
from memagent.agent.steps import (
    Answered,
    InvalidCall,
    Recalled,
    Saved,
    TextChunk,
    ToolCalled,
    ToolReturned,
)
from memagent.errors import InvalidInput
from memagent.testing import HashEmbedder, ScriptedChat


@tool
def plus(a: int, b: int) -> int:
    """Add two numbers."""
    if a < 0:
        raise ValueError("too small")
    return a + b


def use(**arguments: int) -> str:
    return json.dumps({"tool": "plus", "arguments": arguments})


ANSWER = json.dumps({"answer": "Three."})


def kinds(steps: list[object]) -> list[type]:
    return [type(step) for step in steps]


def test_a_tool_is_used_and_what_it_gave_is_told_to_the_model(memory: Memory, ada: Scope) -> None:
    chat = ScriptedChat([use(a=1, b=2), ANSWER])
    agent = Agent(memory=memory, model=chat, tools=[plus])
    steps = list(agent.run("What is 1 plus 2?", scope=ada))
    assert kinds(steps) == [Recalled, ToolCalled, ToolReturned, TextChunk, Answered, Saved]
    assert isinstance(steps[2], ToolReturned)
    assert (steps[2].text, steps[2].failed) == ("3", False)
    assert "3" in str(chat.requests[1][-1].content)
    assert steps[-1].answer.answer == "Three."


async def test_awaited_it_takes_the_same_steps(memory: Memory, ada: Scope) -> None:
    script = [use(a=1, b=2), "not JSON", ANSWER]
    by_itself = Agent(memory=memory, model=ScriptedChat(script), tools=[plus])
    awaited = Agent(memory=memory, model=ScriptedChat(script), tools=[plus])
    steps = list(by_itself.run("Add.", scope=ada, remember=False))
    same = [step async for step in awaited.arun("Add.", scope=ada, remember=False)]
    assert (
        kinds(steps)
        == kinds(same)
        == [Recalled, ToolCalled, ToolReturned, InvalidCall, TextChunk, Answered]
    )
    assert [step.line() for step in steps if not isinstance(step, Recalled)] == [
        step.line() for step in same if not isinstance(step, Recalled)
    ]


async def test_pieces_come_as_they_are_said_also_when_awaited(memory: Memory, ada: Scope) -> None:
    agent = Agent(memory=memory, model=ScriptedChat(["In the bathroom.", "In the bathroom."]))
    said = list(agent.stream("Where?", {"configurable": {"user": "ada"}}))
    heard = [step async for step in agent.astream("Where?", {"configurable": {"user": "ada"}})]
    for steps in (said, heard):
        assert (
            "".join(one.text for one in steps if isinstance(one, TextChunk)) == "In the bathroom."
        )
        assert len([one for one in steps if isinstance(one, TextChunk)]) == 3


def test_a_tools_error_is_an_observation(memory: Memory, ada: Scope) -> None:
    agent = Agent(memory=memory, model=ScriptedChat([use(a=-1, b=2), ANSWER]), tools=[plus])
    (seen,) = [one for one in agent.run("Add.", scope=ada) if isinstance(one, ToolReturned)]
    assert seen.failed
    assert "too small" in seen.text


def test_the_third_identical_use_is_stopped(memory: Memory, ada: Scope) -> None:
    agent = Agent(memory=memory, model=ScriptedChat([use(a=1, b=2)] * 3 + [ANSWER]), tools=[plus])
    seen = [one for one in agent.run("Add.", scope=ada) if isinstance(one, ToolReturned)]
    assert [one.failed for one in seen] == [False, False, True]


def test_after_the_last_step_the_model_has_to_answer(memory: Memory, ada: Scope) -> None:
    chat = ScriptedChat([use(a=1, b=2), use(a=2, b=2), "Three."])
    agent = Agent(memory=memory, model=chat, tools=[plus], max_steps=2)
    assert agent.ask("Add.", scope=ada).answer == "Three."


def test_what_was_done_with_tools_is_kept_with_the_reply(memory: Memory, ada: Scope) -> None:
    agent = Agent(memory=memory, model=ScriptedChat([use(a=1, b=2), ANSWER]), tools=[plus])
    _, reply = memory.get(agent.ask("What is 1 plus 2?", scope=ada).turn, scope=ada)
    assert [one["step"] for one in reply.metadata["steps"]] == ["acted", "observed"]
    assert reply.metadata["steps"][0]["arguments"] == {"a": 1, "b": 2}


async def test_it_is_a_step_of_a_chain(memory: Memory) -> None:
    chat = ScriptedChat(["one", "two", "three", "four", "five"])
    agent = Agent(memory=memory, model=chat, scope=Scope(user="ada"))
    chain = agent | (lambda answer: answer.answer)
    assert chain.invoke("First?") == "one"
    assert await chain.ainvoke({"question": "Second?", "remember": False}) == "two"
    assert agent.batch(["Third?"], {"configurable": {"session": "s"}})[0].answer == "three"
    assert {one.scope.session for one in memory.list(scope=Scope(user="ada"))} == {None, "s"}
    with pytest.raises(InvalidInput, match="whose memory"):
        Agent(memory=memory, model=chat).invoke("Fourth?")


def test_a_model_may_be_opened_later_once_and_by_whom_it_is_wanted(
    memory: Memory, ada: Scope
) -> None:
    opened: list[ScriptedChat] = []

    def late() -> ScriptedChat:
        opened.append(ScriptedChat(["one", "two"]))
        return opened[-1]

    agent = Agent(memory=memory, model=late)
    assert (opened, agent.model_name) == ([], "not open")
    assert agent.open() is opened[0]
    assert [agent.ask("Hi", scope=ada, remember=False).answer for _ in "12"] == ["one", "two"]
    assert (len(opened), agent.model_name) == (1, "ScriptedChat")


def test_two_sessions_talk_at_once_on_one_store(tmp_path: Path) -> None:
    """Each in a thread and with a memory of its own, as two terminals would."""

    def talk(name: str) -> list[str]:
        chat = ScriptedChat(lambda messages: f"{name}: {messages[-1].content}")
        with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
            session = Conversation(
                Agent(memory=memory, model=chat), Scope(user="ada", session=name)
            )
            for number in range(20):
                list(session.say(f"I counted {number} sheep from the {name}."))
            return [said for said, _ in session.turns]

    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(talk, ("window", "door")))
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        for name, said in zip(("window", "door"), told, strict=True):
            records = memory.list(scope=Scope(user="ada", session=name))
            mine = [one.text for one in reversed(records) if one.metadata["role"] == "user"]
            assert mine == said
        assert memory.maintenance.verify() == ()


def test_a_verdict_that_is_none_is_refused(memory: Memory, ada: Scope) -> None:
    agent = Agent(memory=memory, model=ScriptedChat(["Yes."]))
    answer = agent.ask("Is tea hot?", scope=ada)
    with pytest.raises(InvalidInput, match="'good' or 'bad', not 'great'"):
        agent.feedback(answer, verdict="great", scope=ada)  # type: ignore[arg-type]
