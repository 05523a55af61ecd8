"""A reply that the model loses itself in is cut, said to be so, and never remembered."""

import asyncio
import json
from collections.abc import Callable

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool

from memagent import Agent, Memory, Scope
from memagent.agent.conversation import Conversation
from memagent.agent.steps import Answered, TextChunk
from memagent.agent.tool_calling import Text, aact, act
from memagent.cli.chat.loop import converse
from memagent.errors import NoAnswer
from memagent.testing import ScriptedChat
from memagent.text.repetition import CUT

LOOP = "No, " + "no, " * 100
Command = Callable[..., tuple[int, str, str]]


@tool
def today() -> str:
    """Tell the date."""
    return "Monday"


def texts(memory: Memory, scope: Scope) -> list[str]:
    return [record.text for record in memory.list(scope=scope)]


def test_what_the_user_said_is_remembered_and_the_reply_is_not(memory: Memory, ada: Scope) -> None:
    agent = Agent(memory=memory, model=ScriptedChat([LOOP, LOOP]))
    answers = [
        agent.ask("I live in Graz.", scope=ada, chat=True),
        asyncio.run(agent.aask("I like tea.", scope=ada, chat=True)),
    ]
    assert [(answer.answer, answer.cut) for answer in answers] == [("No", CUT)] * 2
    assert [len(answer.turn) for answer in answers] == [1, 1]
    assert sorted(texts(memory, ada)) == ["I like tea.", "I live in Graz."]
    assert all(record.evidence for record in memory.list(scope=ada))


def test_a_whole_reply_says_nothing_of_it(memory: Memory, ada: Scope) -> None:
    answer = Agent(memory=memory, model=ScriptedChat(["No."])).ask("Hi", scope=ada)
    assert (answer.answer, answer.cut, len(answer.turn)) == ("No.", "", 2)


def test_a_model_that_repeats_itself_while_it_reasons_gives_no_answer(
    memory: Memory, ada: Scope
) -> None:
    agent = Agent(memory=memory, model=ScriptedChat(["<think>" + "But wait! " * 60]))
    with pytest.raises(NoAnswer, match="it repeated itself while it reasoned"):
        agent.ask("Hi", scope=ada)
    assert texts(memory, ada) == []


def test_a_conversation_does_not_show_the_reply_again(memory: Memory, ada: Scope) -> None:
    chat = ScriptedChat(["Hello.", LOOP, "Fine."])
    conversation = Conversation(Agent(memory=memory, model=chat), ada)
    for said in ("Hi.", "I live in Graz.", "How are you?"):
        list(conversation.say(said, stream=True))
    assert [turn[0] for turn in conversation.turns] == ["Hi.", "How are you?"]
    replies = [message.text for message in chat.requests[2] if isinstance(message, AIMessage)]
    assert replies == ["Hello."]
    resumed = Conversation(Agent(memory=memory, model=chat), conversation.scope)
    assert resumed.turns == conversation.turns


def test_feedback_on_a_reply_that_was_cut_counts(memory: Memory, ada: Scope) -> None:
    conversation = Conversation(Agent(memory=memory, model=ScriptedChat([LOOP])), ada)
    list(conversation.say("Where do I live?"))
    assert conversation.judge("bad") == 0
    assert "Graz" in conversation.correct("In Graz.").text


def test_the_pieces_end_with_the_loop(memory: Memory, ada: Scope) -> None:
    steps = list(Agent(memory=memory, model=ScriptedChat([LOOP])).run("Hi", scope=ada, stream=True))
    shown = "".join(step.text for step in steps if isinstance(step, TextChunk))
    (answer,) = [step.answer for step in steps if isinstance(step, Answered)]
    assert answer.answer == "No"
    assert LOOP.startswith(shown)
    assert len(shown) < 40


def test_the_chat_says_so_in_one_line(
    memory: Memory, ada: Scope, capsys: pytest.CaptureFixture[str]
) -> None:
    converse(Conversation(Agent(memory=memory, model=ScriptedChat([LOOP])), ada), lambda: iter("x"))
    out, err = capsys.readouterr()
    assert out.startswith("No, no")
    assert len(out) < 40
    assert err == f"memagent: {CUT}\n"


@pytest.mark.parametrize("chat", [ScriptedChat([LOOP, LOOP])])
def test_the_command_says_so_in_one_line(memagent: Command) -> None:
    assert memagent("ask", "Why?") == (0, "No\n", f"memagent: {CUT}\n")
    assert json.loads(memagent("ask", "Why?", "--json")[1])["cut"] == CUT


def test_an_answer_beside_tools_is_cut_too() -> None:
    chat, asked = ScriptedChat([json.dumps({"answer": LOOP})] * 2), [HumanMessage("Why?")]
    for decision in (act(chat, asked, [today]), asyncio.run(aact(chat, asked, [today]))):
        assert isinstance(decision, Text)
        assert (decision.text, decision.cut) == ("No", CUT)
