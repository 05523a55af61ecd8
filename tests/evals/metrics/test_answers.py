"""Scores of answers in any language, against all references."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memagent.evals.metrics.answers import contained, exact, f1, token_f1, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The U.S. Senate, an ox!", ["us", "senate", "ox"]),
        ("Él vive en «Graz».", ["él", "vive", "en", "graz"]),
        ("它叫小黑,5岁。", ["它", "叫", "小", "黑", "5", "岁"]),
        ("猫のタマです", ["猫", "の", "タ", "マ", "で", "す"]),
        ("ที่นี่", ["ที่", "นี่"]),
    ],
)
def test_words_of_any_language(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(
    prediction=st.text("abc theAN.,' ", max_size=20), reference=st.text("abc theAN.,' ", min_size=1)
)
def test_in_plain_english_it_is_the_f1_of_squad(prediction: str, reference: str) -> None:
    assert token_f1(prediction, [reference]) == f1(prediction, reference)


def test_the_best_reference_counts() -> None:
    references = ["7 May 2023", "the seventh of May"]
    assert token_f1("Seventh of May", references) == exact("Seventh of May", references) == 1.0
    assert token_f1("in May", references) == pytest.approx(0.4)
    assert exact("May seventh of", references) == 0.0
    assert contained("It was the seventh of May, I think.", references) == 1.0
    assert contained("the seventh day of May", references) == 0.0
    assert token_f1("上海市", ["上海"]) == pytest.approx(0.8)


def test_no_reference_and_no_answer_are_never_right() -> None:
    for score in (token_f1, exact, contained):
        assert score("Graz", []) == score("", ["Graz"]) == score("", ["The"]) == 0.0
        assert score("", [""]) == score("Graz", [""]) == 0.0
        assert score("the", ["The"]) == score("$", ["$"]) == 1.0
