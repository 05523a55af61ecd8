"""Sentences of several scripts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memagent.text.sentences import sentences


def pieces(text: str, *, any_case: bool = False) -> list[str]:
    return [span.of(text) for span in sentences(text, any_case=any_case)]


@pytest.mark.parametrize(
    "expected",
    [
        ["Dr. Bauer lives here.", "He has 3.5 acres!", '"Why?"', "Nobody knows."],
        ["Ich wohne in Graz.", "»Wirklich?«", "Ja …"],
        ["Я живу в Граце.", "Почти."],
        ["¿Dónde vives?", "¡Aquí!", "¿Y tú?"],
        ["मैं दिल्ली में रहता हूँ।", "तुम कहाँ रहते हो?"],
        ["أعيش في غراتس.", "أين تعيش؟", "هنا۔"],  # noqa: RUF001
    ],
)
def test_sentences_between_spaces(expected: list[str]) -> None:
    assert pieces(" ".join(expected)) == expected


@pytest.mark.parametrize(
    "expected",
    [
        ["我住在格拉茨。", "你呢？", "“好！”", "气温３．５度。"],  # noqa: RUF001
        ["レナは東京に住んでいます。", "「はい。」", "本当！？", "ええ"],  # noqa: RUF001
        ["你好!", "你住在哪里?"],
    ],
)
def test_sentences_without_spaces(expected: list[str]) -> None:
    assert pieces("".join(expected)) == expected


def test_a_small_letter_begins_a_sentence_where_it_may() -> None:
    text = "i moved to graz. what about you?"
    assert pieces(text) == [text]
    assert pieces(text, any_case=True) == ["i moved to graz.", "what about you?"]


@given(st.text('aZé?.!;。？।؟ \n"」»1', max_size=30))  # noqa: RUF001
def test_sentences_hold_all_of_a_text_but_spaces(text: str) -> None:
    assert "".join("".join(pieces(text)).split()) == "".join(text.split())
