import pytest

from memagent.stores.words import content_words, names, needs_context


def test_content_words_leave_out_grammar_and_repeated_stems() -> None:
    assert content_words("Where is the football? Footballs are there.") == ["footballs"]
    assert content_words("Where is it?") == []


def test_names_are_capitalised_words_that_carry_meaning() -> None:
    assert names("Then Mary and Daniel went to Paris. After that they left.") == [
        "Mary",
        "Daniel",
        "Paris",
    ]


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ("After that she went to the bedroom.", True),
        ("It was cold.", True),
        ("Mary said that she was tired.", False),
        ("The meeting is at ten.", False),
    ],
)
def test_a_pronoun_without_a_name_before_it_needs_context(text: str, needs: bool) -> None:
    assert needs_context(text) is needs
