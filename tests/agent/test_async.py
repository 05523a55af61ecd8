"""An agent over an `AsyncMemory`, in an event loop that nothing blocks."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from langchain_core.messages import BaseMessage
from langchain_core.tools import tool

from memagent import Agent, AsyncMemory, Example, Scope
from memagent.agent.conversation import Conversation
from memagent.agent.steps import Answered, Saved, TextChunk
from memagent.errors import InvalidInput
from memagent.learning.problems import Problem
from memagent.testing import HashEmbedder, ScriptedChat

ADA = Scope(user="ada")


class Loop:
    """An event loop that has to answer, from whatever thread it is called."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.called = 0

    def ticks(self) -> None:
        answered = threading.Event()
        self.loop.call_soon_threadsafe(answered.set)
        assert answered.wait(10), "the event loop is blocked"
        self.called += 1


class Embedder(HashEmbedder):
    """Embedder during whose work the event loop has to go on."""

    def __init__(self, loop: Loop) -> None:
        super().__init__()
        self.loop = loop

    def embed_query(self, text: str) -> list[float]:
        self.loop.ticks()
        return super().embed_query(text)


@pytest.fixture
async def loop() -> Loop:
    return Loop()


@pytest.fixture
async def memory(loop: Loop) -> AsyncIterator[AsyncMemory]:
    async with await AsyncMemory.in_memory(embedder=Embedder(loop), scope="ada") as opened:
        yield opened


def chat_of(loop: Loop, script: Sequence[str]) -> ScriptedChat:
    replies = iter(script)

    def reply(messages: Sequence[BaseMessage]) -> str:
        loop.ticks()
        return next(replies)

    return ScriptedChat(reply)


async def test_an_agent_over_an_async_memory_answers_and_remembers(
    memory: AsyncMemory, loop: Loop
) -> None:
    record = await memory.add("Mary moved to the bathroom.")
    agent = Agent(memory=memory, model=lambda: chat_of(loop, ["In the bathroom."] * 5))
    answers = [await agent.aask("Where is Mary?", remember=False)]
    answers.append(await agent.ainvoke("Where is Mary?", remember=False))
    steps = [step async for step in agent.arun("Where is Mary?", remember=False)]
    steps += [step async for step in agent.astream("Where is Mary?")]
    answers += [step.answer for step in steps if isinstance(step, Answered | Saved)]
    assert [answer.memories for answer in answers] == [[record.id]] * 5
    assert await memory.count() == 3
    assert loop.called


async def test_examples_and_tools_are_used_beside_the_loop(memory: AsyncMemory, loop: Loop) -> None:
    def examples(question: str, evidence: Sequence[str]) -> Sequence[Example]:
        loop.ticks()
        return [Example(evidence=(), question="What is 1 + 1?", answer="2")]

    @tool
    def double(number: int) -> str:
        """Double a number."""
        loop.ticks()
        return str(2 * number)

    script = ['{"tool": "double", "arguments": {"number": 4}}', '{"answer": "8"}']
    agent = Agent(memory=memory, model=chat_of(loop, script), examples=examples, tools=[double])
    assert (await agent.aask("What is twice four?")).answer == "8"


async def test_feedback_and_learning_can_be_awaited(memory: AsyncMemory, loop: Loop) -> None:
    agent = Agent(memory=memory, model=chat_of(loop, ["Porto.", *["2 and 2 are 4. So, 4."] * 20]))
    answer = await agent.aask("Where do I live?")
    reflected = await agent.afeedback(answer, correction="I live in Faro.")
    assert reflected.lesson is not None
    assert "Faro" in reflected.lesson.text

    def check(problem: Problem, given: str) -> bool:
        loop.ticks()
        return "4" in given

    learned = await agent.alearn([Problem(question="How much is 2 + 2?", answer="4")], check)
    assert learned.solved == 1


async def test_what_is_said_in_a_conversation_can_be_awaited(
    memory: AsyncMemory, loop: Loop
) -> None:
    chat = chat_of(loop, ["Nice.", "In Porto, you said."])
    conversation = Conversation(Agent(memory=memory, model=chat), ADA)
    assert [type(step) for step in [step async for step in conversation.asay("I live in Porto.")]][
        -2:
    ] == [Answered, Saved]
    pieces = [step async for step in conversation.asay("Where do I live?", stream=True)]
    said = "".join(step.text for step in pieces if isinstance(step, TextChunk))
    assert said == "In Porto, you said."
    assert conversation.turns == [
        ("I live in Porto.", "Nice."),
        ("Where do I live?", "In Porto, you said."),
    ]
    assert all(len(turn.records) == 2 for turn in conversation.turns)
    assert conversation.last is not None
    assert "I live in Porto." in str(chat.requests[1])
    with pytest.raises(InvalidInput, match="empty"):
        await anext(conversation.asay(" "))


async def test_what_was_said_in_a_turn_that_is_cut_short_is_kept_when_awaited(
    memory: AsyncMemory, loop: Loop
) -> None:
    conversation = Conversation(Agent(memory=memory, model=chat_of(loop, ["One two three."])), ADA)
    steps = conversation.asay("Count.", stream=True)
    async for step in steps:
        if isinstance(step, TextChunk):
            break
    await steps.aclose()
    assert conversation.turns == []
    assert conversation.last is not None
    assert conversation.last.answer == ""
    assert [record.text for record in await memory.list()] == ["Count."]


async def test_turns_that_go_on_at_once_keep_their_own_records(
    memory: AsyncMemory, loop: Loop
) -> None:
    def reply(messages: Sequence[BaseMessage]) -> str:
        return str(messages[-1].content).partition("Question: ")[2] or str(messages[-1].content)

    conversation = Conversation(Agent(memory=memory, model=ScriptedChat(reply)), ADA)

    async def say(text: str) -> None:
        async for _ in conversation.asay(text):
            await asyncio.sleep(0)

    texts = [f"I own {number} cats." for number in range(5)]
    await asyncio.gather(*map(say, texts))
    assert sorted(said for said, _ in conversation.turns) == texts
    for turn in conversation.turns:
        records = memory.sync.engine.store.read.records(turn.records)
        assert [record.text for record in records] == list(turn)


async def test_a_memory_that_is_none_is_refused_in_one_line() -> None:
    not_a_memory: Any = HashEmbedder()
    with pytest.raises(InvalidInput, match="a Memory or an AsyncMemory is wanted"):
        Agent(memory=not_a_memory)
