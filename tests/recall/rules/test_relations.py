import pytest

from memagent.recall.rules.relations import in_role, relates, relation_of


@pytest.mark.parametrize(
    ("question", "text", "yes"),
    [
        ("What is the mill south of?", "The mill is south of the inn.", True),
        ("What is the mill south of?", "The inn is north of the mill.", True),
        ("What is the mill south of?", "The inn is south of the mill.", False),
        ("What is the mill south of?", "The mill is north of the inn.", False),
        ("What is the mill south of?", "The barn is south of the inn.", False),
        ("What is south of the mill?", "The inn is south of the mill.", True),
        ("What is south of the mill?", "The mill is north of the inn.", True),
        ("Who is older than Zoe?", "Zoe is younger than Eva.", True),
        ("Who is older than Zoe?", "Zoe is older than Eva.", False),
        ("Who is taller than Zoe?", "Eva is older than Zoe.", False),
        ("Who met Zoe?", "Eva is older than Zoe.", False),
    ],
)
def test_a_relation_is_found_from_either_end(question: str, text: str, yes: bool) -> None:
    assert relates(text, question) is yes


def test_a_question_that_names_no_end_is_related_to_nothing() -> None:
    assert relation_of("Which is bigger?") == "bigger"
    assert relation_of("Is the mill to the left of the inn?") == "left"
    assert relation_of("Who left early?") is None
    assert not relates("The mill is bigger than the inn.", "Which is bigger?")


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
def test_roles_follow_from_the_order_of_names(question: str, text: str, yes: bool) -> None:
    assert in_role(text, question) is yes
