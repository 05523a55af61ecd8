import pytest

from memagent.recall.rules.question_forms import (
    Listing,
    asks_possession,
    asks_why,
    gives_reason,
    listing_of,
    opens_with,
    states_condition,
    things,
)


def test_what_is_to_be_listed_or_counted() -> None:
    assert listing_of("What is Zoe wearing?") == Listing(
        about=("zoe",), verb="wearing", noun=None, past=False
    )
    assert listing_of("How many books did I buy?") == Listing(
        about=("I",), verb="buy", noun="books", past=True
    )
    assert listing_of("What do I own?") == Listing(about=("I",), verb="own", noun=None, past=False)


@pytest.mark.parametrize(
    "question",
    [
        "What did Zoe say?",
        "What is Zoe afraid of?",
        "What is a boat?",
        "Where is Zoe sleeping?",
        "What do you recommend?",
        "What should I cook?",
        "What did Zoe give to Eva?",
    ],
)
def test_what_asks_for_no_list(question: str) -> None:
    assert listing_of(question) is None


def test_whose_reason_a_question_asks_for() -> None:
    assert asks_why("Why did my sister leave?") == "sister"
    assert asks_why("How come I was late?") == "I"
    assert asks_why("How did I come here?") is None


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("I bought a lamp and two chairs.", ["lamp", "chairs"]),
        ("Zoe went to the harbour.", []),
        ("Zoe put the ring in the box.", ["ring"]),
        ("I like jazz.", []),
    ],
)
def test_things_are_distinguished_from_places(text: str, held: list[str]) -> None:
    assert things(text) == held


@pytest.mark.parametrize(
    ("text", "who", "yes"),
    [
        ("I am very ill.", "I", True),
        ("Zoe felt lonely and went out.", "zoe", True),
        ("My sister had a cold.", "sister", True),
        ("Zoe is a nurse.", "Zoe", False),
        ("Zoe is in Porto.", "Zoe", False),
        ("Zoe sold the car that was old.", "Zoe", False),
        ("Zoe sang.", "Zoe", False),
    ],
)
def test_a_condition_is_neither_a_kind_nor_a_place(text: str, who: str, yes: bool) -> None:
    assert states_condition(text, who) is yes


def test_having_is_distinguished_from_needing() -> None:
    assert asks_possession("What do I own?")
    assert asks_possession("What does Zoe have?")
    assert asks_possession("What is Zoe carrying?")
    assert not asks_possession("What does Zoe drink?")
    assert not asks_possession("What do I need?")


def test_a_reason_in_so_many_words() -> None:
    assert gives_reason("I left because of the rain.")
    assert not gives_reason("I left in the rain.")


def test_of_whom_a_text_speaks_first() -> None:
    assert opens_with("Zoe met Eva.", "zoe")
    assert not opens_with("Eva met Zoe.", "Zoe")
    assert opens_with("Then I slept.", "I")
