import pytest

from memagent.recall.rules.relations import in_role


@pytest.mark.parametrize(
    ("question", "text", "yes"),
    [
        ("Who wrote to Eva?", "Zoe wrote to Eva.", True),
        ("Who wrote to Eva?", "Eva wrote to Zoe.", False),
        ("Who did Eva write to?", "Eva wrote to Zoe.", True),
        ("Who did Eva write to?", "Zoe wrote to Eva.", False),
        ("What did Eva send to Zoe?", "Eva sent a card to Zoe.", True),
        ("What did Eva send to Zoe?", "Zoe sent a card to Eva.", False),
        ("Who wrote?", "Zoe wrote to Eva.", True),
        ("Where is Eva?", "Zoe met Eva.", True),
    ],
)
def test_roles_are_told_by_order(question: str, text: str, yes: bool) -> None:
    assert in_role(text, question) is yes
