"""Past turns: what a model that copies its replies is shown of them, and how that is found out."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage

from memagent import Agent, Memory, Scope, open_chat
from memagent.agent.adaptation.budget import Budget
from memagent.agent.adaptation.past_turns import CASES, FILE, focused
from memagent.agent.conversation import Conversation
from memagent.models import capabilities
from memagent.prompts import ASSISTANT, SHORT_ANSWER, render
from memagent.testing import Fail, Say, ScriptedChat, StubServer
from memagent.testing.stub_wire import Action
from memagent.types import Hit, Recollection

Serve = Callable[..., StubServer]
CASE_OF = {
    str(render(question, notes, instructions=ASSISTANT)[-1].content): word
    for _, question, notes, word in CASES
}
"""The word that is right, by the last message of each case of the check."""
KEY = "The spare key hangs in the pantry."
CONCERT = "The concert is in Cardiff on Saturday."


class Server(ScriptedChat):
    """Scripted model that has what a model of a server has, so that it is checked."""

    temperature: float = 0.0
    model_name: str = "scripted"

    def __init__(self, script: Any) -> None:  # a type checker would see the fields
        super().__init__(script)

    def bind_tools(self, tools: Any, **options: Any) -> Any:
        raise NotImplementedError


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capabilities, "_known", {})


def copying(messages: Sequence[BaseMessage]) -> str:
    """Reply what was replied last, else something new."""
    replied = [str(message.content) for message in messages if isinstance(message, AIMessage)]
    return replied[-1] if replied else f"I heard: {str(messages[-1].content)[-40:]}"


def reading(messages: Sequence[BaseMessage]) -> str:
    """Reply what the check takes for right, else the same as ever."""
    return f"That is {CASE_OF.get(str(messages[-1].content), 'fine')}."


def talk(memory: Memory, script: Any, **options: Any) -> tuple[Conversation, Server]:
    chat = Server(script)
    agent = Agent(memory=memory, model=chat, hops=0)
    return Conversation(agent, Scope(user="ada"), **options), chat


def say(conversation: Conversation, *texts: str) -> None:
    for text in texts:
        list(conversation.say(text))


def shown(chat: Server) -> list[str]:
    return [str(message.content) for message in chat.requests[-1]]


def test_a_model_that_copies_its_replies_is_shown_none_and_short_instructions(
    memory: Memory,
) -> None:
    conversation, chat = talk(memory, copying)
    say(conversation, KEY, "It rains.", "Where does the spare key hang?")
    first, last = shown(chat)
    assert first == SHORT_ANSWER
    assert last == f"Notes:\n- {KEY}\n\nQuestion: Where does the spare key hang?"


def test_a_model_that_reads_past_turns_is_shown_them_as_they_were(memory: Memory) -> None:
    conversation, chat = talk(memory, reading)
    say(conversation, KEY, "It rains.", "Where does the spare key hang?")
    assert shown(chat)[:5] == [ASSISTANT, KEY, "That is fine.", "It rains.", "That is fine."]
    assert conversation.last is not None
    assert conversation.last.turns_left_out == 0


@pytest.mark.parametrize("show_turns", [True, False])
def test_a_caller_may_say_whether_past_turns_are_shown_and_nothing_is_checked(
    memory: Memory, show_turns: bool, tmp_path: Path
) -> None:
    conversation, chat = talk(memory, copying, show_turns=show_turns)
    say(conversation, KEY, "It rains.")
    assert len(chat.requests) == 2
    assert (KEY in shown(chat)[1:-1]) is show_turns
    assert not (tmp_path / "home" / FILE).exists()


def test_instructions_of_ones_own_stay_as_they_are(memory: Memory) -> None:
    chat = Server(copying)
    agent = Agent(memory=memory, model=chat, hops=0, instructions="Speak like a pirate.")
    say(Conversation(agent, Scope(user="ada")), KEY, "It rains.")
    assert shown(chat)[0] == "Speak like a pirate."


@pytest.mark.parametrize("script", [copying, reading])
def test_a_question_that_finds_nothing_is_searched_for_with_what_was_said_before(
    memory: Memory, script: Any
) -> None:
    conversation, chat = talk(memory, script)
    say(conversation, KEY, "I like plums.", CONCERT, "In which town would that be?")
    assert f"- {CONCERT}" in shown(chat)[-1]
    answer = conversation.last
    assert answer is not None
    assert answer.recollection.queries[1:] == (f"{CONCERT}\nIn which town would that be?",)


def test_what_is_stated_is_not_searched_for_with_what_was_said_before(memory: Memory) -> None:
    conversation, chat = talk(memory, copying)
    say(conversation, CONCERT, KEY, "Plums ripen in August.")
    assert shown(chat)[1] == "(No note is about this.)\n\nQuestion: Plums ripen in August."
    assert conversation.last is not None
    assert len(conversation.last.recollection.queries) == 1


def test_without_a_memory_a_model_that_copies_is_shown_what_the_user_said() -> None:
    chat = Server(copying)
    agent = Agent(memory=None, model=chat)
    turns = [(KEY, "Fine."), ("It rains.", "Fine.")]
    agent.ask("Where is the key?", scope=Scope(user="ada"), turns=turns)
    assert shown(chat)[1] == f"Notes:\n- {KEY}\n- It rains.\n\nQuestion: Where is the key?"


def replying(script: Callable[[str], str]) -> Callable[[Any], Action]:
    return lambda request: Say(script(str(request["messages"][-1]["content"])))


@pytest.mark.wire
@pytest.mark.parametrize("wrong", [None, *range(len(CASES))])
def test_a_model_is_checked_once_and_trusted_if_it_has_all_cases_right(
    memory: Memory, serve: Serve, tmp_path: Path, wrong: int | None
) -> None:
    bad = list(CASE_OF)[wrong] if wrong is not None else None
    server = serve()
    server.script = replying(
        lambda text: "Fine." if text == bad or text not in CASE_OF else f"In {CASE_OF[text]}."
    )
    conversation = Conversation(Agent(memory=memory, model=server.url, hops=0), Scope(user="ada"))
    say(conversation, KEY)
    assert len(server.requests) == 1  # there are no past turns yet
    say(conversation, "It rains.")
    checks = len(server.requests) - 2
    assert checks == (len(CASES) if wrong is None else wrong + 1)
    kept = json.loads((tmp_path / "home" / FILE).read_text())
    assert kept == {f"{server.url} stub-model": wrong is None}
    capabilities._known.clear()  # as in a new process
    say(conversation, "It snows.")
    assert len(server.requests) == 3 + checks


@pytest.mark.wire
def test_a_server_that_fails_in_the_check_breaks_no_turn(
    memory: Memory, serve: Serve, tmp_path: Path
) -> None:
    server = serve(Say("Fine."), Fail(503, "busy"), Say("Good."))
    agent = Agent(memory=memory, model=open_chat(server.url, retries=0), hops=0)
    conversation = Conversation(agent, Scope(user="ada"))
    say(conversation, KEY, "It rains.")
    assert conversation.last is not None
    assert conversation.last.answer == "Good."
    assert len(server.requests[-1]["messages"]) == 4  # the past turn is shown
    assert not (tmp_path / "home" / FILE).exists()


def hit_of(memory: Memory, text: str, score: float, **why: float) -> Hit:
    record = memory.add(text, scope=Scope(user="ada"))
    return Hit(record=record, score=score, key=text, why=why)


def test_what_is_focused_is_nearly_as_good_as_the_best_and_not_an_older_version(
    memory: Memory,
) -> None:
    old = hit_of(memory, "The test is on Thursday.", 0.9, words=0.6, outdated=1.0)
    new = hit_of(memory, "The test is on Friday.", 0.8, words=0.6)
    far = hit_of(memory, "The car is red.", 0.3, words=0.1)
    beside = hit_of(memory, "When?", 0.0, context=1.0)
    found = Recollection(hits=(old, new, far, beside), candidates=4)
    assert focused(found, Budget(3, 60)).hits == (new,)
    apart = hit_of(memory, "The test is hard.", 0.85, words=0.6)
    found = Recollection(hits=(new, apart), candidates=2)
    assert focused(found, Budget(3, 60)).hits == (new, apart)
    assert focused(found, Budget(1, 60)).hits == (apart,)


def test_of_a_statement_only_what_holds_half_of_it_counts(memory: Memory) -> None:
    less = hit_of(memory, "Nora lives in Graz.", 0.8, words=0.4)
    more = hit_of(memory, "Nora lives in Linz.", 0.7, words=0.6)
    found = Recollection(hits=(less, more), candidates=2)
    assert focused(found, Budget(3, 60), stated=True).hits == (more,)
    assert focused(found, Budget(3, 60)).hits == (less, more)
