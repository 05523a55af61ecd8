import pytest

from memagent.recall.rules.pronouns import needs_context


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
