"""What a turn does where a memory was searched and nothing relevant is known."""

from collections.abc import Sequence

import pytest
from langchain_core.messages import BaseMessage

from memagent import Agent, Memory, Scope
from memagent.agent.steps import Answered, Recalled, Saved, TextChunk
from memagent.errors import ContextTooLong
from memagent.prompts import NOTHING_RELEVANT
from memagent.testing import ScriptedChat

QUESTIONS = (
    "What colour is my car?",
    "Who wrote Hamlet?",
    "Welche Farbe hat mein Auto?",
    "私の車は何色ですか",
)


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_model_is_told_that_nothing_relevant_is_known_and_answers(
    memory: Memory, ada: Scope, question: str
) -> None:
    memory.add("zzz qqq", scope=ada)
    chat = ScriptedChat(["Blue."])
    answer = Agent(memory=memory, model=chat).ask(question, scope=ada)
    assert (answer.answer, answer.memories, len(answer.turn)) == ("Blue.", [], 2)
    assert answer.recollection.nothing_relevant
    asked = str(chat.requests[0][-1].content)
    assert asked == f"{NOTHING_RELEVANT}\n\nQuestion: {question}"


def test_with_an_empty_memory_or_none_the_prompt_is_the_bare_models(
    memory: Memory, ada: Scope
) -> None:
    memory.add("zzz qqq", scope="bob")
    bare, empty = ScriptedChat(["Blue."]), ScriptedChat(["Blue."])
    Agent(memory=None, model=bare).ask(QUESTIONS[0], scope=ada)
    answer = Agent(memory=memory, model=empty, abstain="No idea.").ask(QUESTIONS[0], scope=ada)
    assert bare.requests == empty.requests
    assert answer.answer == "Blue."
    assert not answer.recollection.nothing_relevant


def test_a_caller_may_choose_the_answer_which_then_takes_no_model(
    memory: Memory, ada: Scope
) -> None:
    memory.add("Mary moved to the bathroom.", scope=ada)

    def never() -> ScriptedChat:
        raise AssertionError("the model is opened")

    agent = Agent(memory=memory, model=never, abstain="No idea.", k=5, tokens=500)
    steps = list(agent.run("Qqq zzz?", scope=ada))
    assert [type(step) for step in steps] == [Recalled, TextChunk, Answered, Saved]
    assert isinstance(steps[-1], Saved)
    answer = steps[-1].answer
    assert (answer.answer, answer.usage.requests) == ("No idea.", 0)
    said = [(record.text, record.evidence) for record in memory.get(answer.turn, scope=ada)]
    assert said == [("Qqq zzz?", False), ("No idea.", False)]
    known = Agent(memory=memory, model=ScriptedChat(["In the bathroom."]), abstain="No idea.")
    assert known.ask("Where is Mary?", scope=ada).answer == "In the bathroom."


def test_memories_that_find_no_room_are_not_called_irrelevant(memory: Memory, ada: Scope) -> None:
    memory.add("Mary moved to the big blue bathroom upstairs.", scope=ada)

    def reply(messages: Sequence[BaseMessage]) -> str:
        if "bathroom" in str(messages[-1].content):
            raise ContextTooLong("too long")
        return "ok"

    chat = ScriptedChat(reply)
    answer = Agent(memory=memory, model=chat).ask("Where is Mary?", scope=ada)
    assert answer.recollection.left_out == 1
    assert str(chat.requests[-1][-1].content) == "Where is Mary?"
