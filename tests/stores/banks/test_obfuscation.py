import pytest

from memagent.text.obfuscation import obfuscated


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "Weng earns $12 an hour. How much did Weng earn?",
            "someone earns some an hour. how much did someone earn?",
        ),
        (
            "Then Anna gave Bob 3 red pens, twice as many as Tom's.",
            "then someone gave someone some something, twice as many as someone.",
        ),
        ("He buys 2 large pizzas.", "he buys some something."),
        ("A store has a total of 1,250.50 dollars.", "a something has a total of some dollars."),
        ("José gives 2 figs to Zoë.", "someone gives some something to someone."),
        ("O'Brien's dog ate 1,000 bones.", "someone dog ate some something."),
        ("", ""),
    ],
)
def test_names_numbers_and_things_go_and_what_happens_to_them_stays(text: str, told: str) -> None:
    assert obfuscated(text) == told


def test_problems_that_differ_in_names_numbers_and_things_become_one() -> None:
    one = "Sam has 3 boxes. Each box has 4 pens. How many pens does Sam have?"
    other = "Ida has 9 bags. Each bag has 7 nuts. How many nuts does Ida have?"
    third = "Ida sold 9 bags and lost half of the money. How much is left?"
    assert obfuscated(one) == obfuscated(other)
    assert obfuscated(one) != obfuscated(third)
