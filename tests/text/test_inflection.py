import pytest

from memagent.text.english import forms, lemma, lemmas


@pytest.mark.parametrize(
    ("one", "other"),
    [("knife", "knives"), ("Mouse", "mice"), ("child", "Children"), ("dog", "dogs")],
)
def test_the_forms_of_a_word_have_one_lemma(one: str, other: str) -> None:
    assert lemma(one) == lemma(other)
    assert lemma(one) != lemma("house")


def test_only_irregular_words_are_looked_for_in_another_form() -> None:
    assert forms("wives") == ["wives", "wife"]
    assert forms("Leaf") == ["leaf", "leaves"]
    assert forms("dogs") == ["dogs"]


def test_a_text_has_each_lemma_once() -> None:
    assert lemmas("The children saw a child with two knives.") == ["child", "saw", "two", "knife"]
