"""Questions: told by the question marks of every script."""

import sys
import unicodedata

import pytest

from memagent.text.questions import asks, has_question_mark
from memagent.text.sentences import QUESTION_MARKS


@pytest.mark.parametrize(
    "text",
    [
        "Where do I live?",
        "Hey! Where does Lena live?",
        "Do you know Dr. Smith? Since when?!",
        "Wo wohnt Lena? Und seit wann?",
        "¿Dónde vivo?",
        "レナはどこに住んでいますか？",  # noqa: RUF001
        "你好！你住在哪里？",  # noqa: RUF001
        "你好!你住在哪里?",
        "هل أنت هنا؟",
        "Πού μένεις;",
        "तुम कहाँ रहते हो?",
        "የት ነው፧",
        "He said “Where is Zoe?” \U0001f600",
    ],
)
def test_a_text_of_questions_alone_asks(text: str) -> None:
    assert asks(text)


@pytest.mark.parametrize(
    "text",
    [
        "I live in Graz.",
        "I adopted a cat last week. What about you?",
        "i moved to graz. what about you?",
        "Ich wohne jetzt in Graz. Und du?",
        "レナはベルリンに住んでいます。あなたは？",  # noqa: RUF001
        "我上周领养了一只猫。你呢？",  # noqa: RUF001
        "मैं दिल्ली में रहता हूँ। तुम कहाँ रहते हो?",
        "Μένω στο Γκρατς. Πού μένεις;",
        "Vivo en Graz; me gusta.",
        "We painted the fence\nWhat colour is yours?",
        "Where do you live",
        "",
    ],
)
def test_a_text_that_states_something_does_not(text: str) -> None:
    assert not asks(text)


def test_all_question_marks_of_unicode_are_known() -> None:
    names = ((char, unicodedata.name(char, "")) for char in map(chr, range(sys.maxunicode + 1)))
    marks = {
        char
        for char, name in names
        if ("QUESTION" in name and "MARK" in name) or "INTERROBANG" in name
    }
    assert marks <= set(QUESTION_MARKS)
    for mark in marks:
        assert has_question_mark(f"Zoe{mark}")
        assert asks(f'我們 "Zoe{mark}"')
