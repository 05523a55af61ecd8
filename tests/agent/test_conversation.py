"""A turn that breaks off: what was said is kept, the reply is not."""

from typing import Any

import pytest
from langchain_core.tools import tool

from memagent import Agent, Memory, Scope
from memagent.agent import driver
from memagent.agent.conversation import Conversation
from memagent.agent.steps import Answered, Recalled, Saved, Step, TextChunk
from memagent.errors import InvalidInput, ModelUnavailable, NoAnswer, StoreError
from memagent.memory.memory import Memory as MemoryClass
from memagent.testing import ScriptedChat
from memagent.tools.memory import memory_tools

SAID = "My sister Lena lives in Graz."


def talk(memory: Memory | None, reply: Any, **options: Any) -> Conversation:
    def script(messages: Any) -> str:
        outcome = next(replies)
        if isinstance(outcome, BaseException):
            raise outcome
        return str(outcome)

    replies = iter(reply)
    return Conversation(Agent(memory=memory, model=ScriptedChat(script), **options), Scope("ada"))


def close_at(conversation: Conversation, text: str, kind: type[Step]) -> None:
    steps: Any = conversation.say(text, stream=True)
    for step in steps:
        if isinstance(step, kind):
            steps.close()


def roles(memory: Memory) -> list[tuple[str, str | None, bool]]:
    found = memory.list(scope=Scope("ada"))
    return [(record.text, record.role, record.evidence) for record in reversed(found)]


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        SystemExit(143),
        ModelUnavailable("the server is away"),
        RuntimeError("a bug"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_was_said_is_kept_whatever_ends_the_turn(memory: Memory, error: BaseException) -> None:
    conversation = talk(memory, [error, "In Graz."])
    with pytest.raises(type(error)):
        list(conversation.say(SAID))
    assert roles(memory) == [(SAID, "user", True)]
    list(conversation.say("Where does Lena live?"))
    assert conversation.last is not None
    assert SAID in conversation.last.recollection.texts


@pytest.mark.parametrize("kind", [Recalled, TextChunk])
def test_closing_the_steps_early_keeps_the_words_but_not_the_reply(
    memory: Memory, kind: type[Step]
) -> None:
    conversation = talk(memory, ["In Graz, I think.", "Good."])
    close_at(conversation, SAID, kind)
    assert roles(memory) == [(SAID, "user", True)]
    assert conversation.recent == []
    list(conversation.say("So it is."))
    assert [turn[0] for turn in conversation.recent] == ["So it is."]


def test_a_whole_answer_is_saved_though_the_steps_are_closed(memory: Memory) -> None:
    conversation = talk(memory, ["How nice."])
    close_at(conversation, SAID, Answered)
    assert roles(memory) == [(SAID, "user", True), ("How nice.", "assistant", False)]
    assert conversation.recent == [(SAID, "How nice.")]
    assert conversation.last is not None
    assert len(conversation.last.turn) == 2


def test_closing_after_the_turn_is_saved_writes_nothing_twice(memory: Memory) -> None:
    close_at(talk(memory, ["How nice."]), SAID, Saved)
    assert len(roles(memory)) == 2


def test_a_question_that_was_stopped_is_no_evidence(memory: Memory) -> None:
    close_at(talk(memory, ["A long story."]), "Where does Lena live?", TextChunk)
    assert roles(memory) == [("Where does Lena live?", "user", False)]


def test_the_last_turn_is_the_one_that_broke_off(memory: Memory) -> None:
    known = memory.add("Lena lives in Linz.", scope=Scope("ada"))
    conversation = talk(memory, ["Yes.", KeyboardInterrupt()])
    list(conversation.say("Is it late?"))
    with pytest.raises(KeyboardInterrupt):
        list(conversation.say("Where does Lena live?"))
    last = conversation.last
    assert last is not None
    assert (last.question, last.answer, last.memories) == ("Where does Lena live?", "", [known.id])
    with pytest.raises(InvalidInput, match="broke off"):
        conversation.judge("good")
    assert conversation.judge("bad") == 1
    lesson = conversation.correct("Lena lives in Graz.")
    (change,) = memory.changes.list(scope=Scope("ada"))
    assert (lesson.text, change.asked) == ("Lena lives in Graz.", "Where does Lena live?")


def test_it_is_stopped_while_it_recalls(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.add("Tea is hot.", scope=Scope("ada"))

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    conversation = talk(memory, [])
    with monkeypatch.context() as patch:
        patch.setattr(MemoryClass, "recall", interrupt)
        with pytest.raises(KeyboardInterrupt):
            list(conversation.say(SAID))
    assert (SAID, "user", True) in roles(memory)


def test_what_a_tool_wrote_before_the_stop_goes_with_what_it_was_made_from(
    memory: Memory,
) -> None:
    known = memory.add("The vault is in the cellar.", scope=Scope("ada"))
    call = '{"tool": "memory_add", "arguments": {"text": "The vault is below the house."}}'
    conversation = talk(
        memory, [call, KeyboardInterrupt()], tools=memory_tools(memory, Scope("ada"))
    )
    with pytest.raises(KeyboardInterrupt):
        list(conversation.say("Where is the vault?"))
    assert "The vault is below the house." in [text for text, _, _ in roles(memory)]
    memory.forget(known.id, scope=Scope("ada"))
    assert "The vault is below the house." not in [text for text, _, _ in roles(memory)]


def test_it_is_stopped_during_a_tool(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    @tool
    def shout(text: str) -> str:
        """Shout."""
        return text.upper()

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(driver, "run_tool", interrupt)
    conversation = talk(memory, ['{"tool": "shout", "arguments": {"text": "x"}}'], tools=[shout])
    with pytest.raises(KeyboardInterrupt):
        list(conversation.say(SAID))
    assert roles(memory) == [(SAID, "user", True)]


def test_no_answer_keeps_the_words_and_what_the_model_thought(memory: Memory) -> None:
    conversation = talk(memory, ["<think>Graz?</think>"])
    with pytest.raises(NoAnswer):
        list(conversation.say(SAID))
    assert roles(memory) == [(SAID, "user", True)]
    assert conversation.last is not None
    assert conversation.last.reasoning == "Graz?"


def test_what_cannot_be_said_is_no_turn(memory: Memory) -> None:
    conversation = talk(memory, ["Yes."])
    list(conversation.say("Hello."))
    last = conversation.last
    for text in ("  ", "half \ud800"):
        with pytest.raises(InvalidInput):
            list(conversation.say(text))
    assert conversation.last is last
    assert len(roles(memory)) == 2


def test_words_that_cannot_be_written_do_not_hide_why_the_turn_ended(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise StoreError("the disk is full")

    conversation = talk(memory, [ModelUnavailable("the server is away")])
    monkeypatch.setattr(type(memory.engine.bank), "write", full)
    with pytest.raises(ModelUnavailable):
        list(conversation.say(SAID))
    assert conversation.last is not None
    assert conversation.last.turn == ()


def test_an_agent_without_a_memory_has_nothing_to_keep() -> None:
    conversation = talk(None, [KeyboardInterrupt(), "Hello."])
    with pytest.raises(KeyboardInterrupt):
        list(conversation.say("Hi"))
    assert conversation.last is not None
    assert conversation.last.turn == ()
    list(conversation.say("Hi"))
    assert conversation.recent == [("Hi", "Hello.")]


def test_an_agent_alone_remembers_whole_turns_only(memory: Memory) -> None:
    agent = Agent(memory=memory, model=ScriptedChat(["How nice to hear."]))
    steps: Any = agent.run(SAID, scope=Scope("ada"), chat=True, stream=True)
    for step in steps:
        if isinstance(step, TextChunk):
            steps.close()
    assert roles(memory) == []


async def test_an_agent_alone_remembers_whole_turns_only_in_an_event_loop(memory: Memory) -> None:
    agent = Agent(memory=memory, model=ScriptedChat(["How nice to hear."]))
    steps: Any = agent.arun(SAID, scope=Scope("ada"), chat=True, stream=True)
    async for step in steps:
        if isinstance(step, TextChunk):
            break
    await steps.aclose()
    assert roles(memory) == []


def test_saving_is_told_so_that_nobody_interrupts_it(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation, seen = talk(memory, ["Yes.", KeyboardInterrupt()]), list[bool]()
    write = type(memory.engine.bank).write

    def watched(*arguments: Any, **options: Any) -> Any:
        seen.append(conversation.saving)
        return write(*arguments, **options)

    monkeypatch.setattr(type(memory.engine.bank), "write", watched)
    list(conversation.say(SAID))
    with pytest.raises(KeyboardInterrupt):
        list(conversation.say("Bye."))
    assert seen == [True, True]
    assert not conversation.saving


class Streaming(ScriptedChat):
    """A model whose stream says when it is closed."""

    def _stream(self, *arguments: Any, **options: Any) -> Any:
        try:
            yield from super()._stream(*arguments, **options)
        finally:
            EVENTS.append("closed")


EVENTS: list[str] = []


def test_the_model_stops_before_the_words_are_written(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = type(memory.engine.bank).write

    def watched(*arguments: Any, **options: Any) -> Any:
        EVENTS.append("written")
        return write(*arguments, **options)

    EVENTS.clear()
    monkeypatch.setattr(type(memory.engine.bank), "write", watched)
    agent = Agent(memory=memory, model=Streaming(["a long and winding reply"]))
    close_at(Conversation(agent, Scope("ada")), SAID, TextChunk)
    assert EVENTS == ["closed", "written"]
