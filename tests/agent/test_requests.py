"""What a user asks is never shown as something that is known; what a user states is."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memagent import Agent, Memory, Scope
from memagent.agent.conversation import Conversation
from memagent.agent.steps import Saved
from memagent.testing import HashEmbedder, ScriptedChat
from memagent.text.questions import has_question_mark

ADA = Scope(user="ada")
QUESTIONS = (
    "Where do I live?",
    "Wo wohne ich?!",
    "\u00bfD\u00f3nde vivo?",
    "\u4f60\u4f4f\u5728\u54ea\u91cc\uff1f",
    "\u0647\u0644 \u0623\u0646\u062a \u0647\u0646\u0627\u061f",
    "\u03a0\u03bf\u03cd \u03bc\u03ad\u03bd\u03b5\u03b9\u03c2\u037e",
    "\u03a0\u03bf\u03cd \u03bc\u03ad\u03bd\u03b5\u03b9\u03c2;",
    "\u0548\u0580\u057f\u0565\u055e\u0572 \u0565\u057d \u0561\u057a\u0580\u0578\u0582\u0574\u0589",
    "\u12e8\u1275 \u1290\u12cd\u1367",
    "Really\u203d",
    "He said \u201cWhere is Zoe?\u201d",
    "Where is Zoe? \U0001f600",
)
REQUESTS = (
    "Tell me everything about Biscuit",
    "Erz\u00e4hl mir von Biscuit.",
    "Cu\u00e9ntame de Biscuit",
    "Raconte-moi Biscuit",
    "\u0420\u0430\u0441\u0441\u043a\u0430\u0436\u0438 \u043f\u0440\u043e Biscuit",
    "Biscuit",
)
STATEMENTS = (
    "I live in Graz.",
    "i like tea",
    "Ich wohne jetzt in Graz",
    "Vivo en Graz; me gusta.",
    "\u6211\u4f4f\u5728\u683c\u62c9\u8328\u3002",
    "\u0410 \u0436\u0438\u0432\u0443 \u0432 \u0413\u0440\u0430\u0446\u0435.",
    "I have 3 cats",
)


@pytest.fixture
def memory() -> Memory:
    return Memory.in_memory(embedder=HashEmbedder(), scope=ADA)


def said(memory: Memory, text: str, reply: str) -> bool:
    """Say something in a chat; return whether it counts as evidence."""
    conversation = Conversation(Agent(memory=memory, model=ScriptedChat([reply])), ADA)
    (saved,) = [step for step in conversation.say(text) if isinstance(step, Saved)]
    return memory.get(saved.answer.turn[0])[0].evidence


@pytest.mark.parametrize("text", [*QUESTIONS, *REQUESTS, *STATEMENTS])
def test_what_an_agent_is_asked_is_never_evidence(memory: Memory, text: str) -> None:
    Agent(memory=memory, model=ScriptedChat(["Noted."])).ask(text)
    assert [record.evidence for record in memory.list()] == [False, False]
    assert memory.recall(text).hits == ()


@pytest.mark.parametrize("text", QUESTIONS)
def test_a_question_of_any_script_is_no_evidence_in_a_chat(memory: Memory, text: str) -> None:
    assert not said(memory, text, "I do not know.")


@pytest.mark.parametrize("text", REQUESTS)
def test_a_request_that_memories_answer_is_no_evidence(memory: Memory, text: str) -> None:
    memory.add("Biscuit is a ginger cat who hates rain.")
    assert not said(memory, text, "Biscuit is a ginger cat who hates rain.")
    shown = memory.recall("Who is Biscuit?").texts
    assert shown == ("Biscuit is a ginger cat who hates rain.",)


@pytest.mark.parametrize(
    ("memory_of", "request_for_it", "statement"),
    [
        (
            "Biscuit ist eine rote Katze, die Regen hasst.",
            "erzähl mir was von biscuit",
            "Biscuit schläft jetzt bei Anna.",
        ),
        (
            "ビスケットは雨が嫌いな茶色の猫です。",
            "ビスケットのことを教えて",
            "ビスケットは5歳になりました。",
        ),
    ],
    ids=["de", "ja"],
)
def test_requests_in_other_languages(
    memory: Memory, memory_of: str, request_for_it: str, statement: str
) -> None:
    memory.add(memory_of)
    assert not said(memory, request_for_it, memory_of)
    assert said(memory, statement, memory_of)


@pytest.mark.parametrize("reply", ["Noted.", "You live in Porto.", "You like coffee."])
@pytest.mark.parametrize("text", STATEMENTS)
def test_a_statement_stays_evidence_whatever_the_reply(
    memory: Memory, text: str, reply: str
) -> None:
    memory.add_many(["I live in Porto.", "I like coffee.", "I have 2 cats"])
    assert said(memory, text, reply)


@pytest.mark.parametrize("text", REQUESTS)
def test_a_request_is_not_shown_where_it_is_made_again(memory: Memory, text: str) -> None:
    assert said(memory, text, "I do not know.")  # nothing is known: as far as it goes, a statement
    assert memory.recall(text).hits == ()
    assert memory.recall(f"{text}!").hits == ()


def test_one_word_is_not_shown_as_what_is_known(memory: Memory) -> None:
    said(memory, "Biscuit", "Who is that?")
    assert memory.recall("Who is Biscuit?").hits == ()


@given(st.characters(codec="utf-8"), st.sampled_from(["Zoe", "\u6211\u5011", "\u0647\u0646\u0627"]))
def test_question_marks_are_known_by_their_names(mark: str, word: str) -> None:
    is_mark = "QUESTION MARK" in unicodedata.name(mark, "") and not mark.isalnum()
    if is_mark:
        assert has_question_mark(f"{word}{mark}")
        assert has_question_mark(f'{word}{mark}"')
    assert not has_question_mark(f"{word}.")
