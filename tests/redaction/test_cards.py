"""Card numbers: how they are written, and what only looks like one."""

import pytest

from memagent.redaction.cards import card_numbers

pytest.importorskip("pydantic_extra_types")

VISA = "4111 1111 1111 1111"
ARABIC = {ord("0") + value: chr(0x660 + value) for value in range(10)}


@pytest.mark.parametrize(
    "number",
    [
        VISA,
        VISA.replace(" ", ""),
        VISA.replace(" ", "-"),
        VISA.replace(" ", "\u00a0"),
        VISA.translate(ARABIC),
        "3782 822463 10005",
        "3056 930902 5904",
        "6011000990139424",
        "2221 0000 0000 0009",
        "4111 1111 1111 1111 003",  # valid, as its first sixteen digits are
    ],
)
@pytest.mark.parametrize(
    "text", ["{}", "Karte:{}.", "カード番号は{}です", "It is {} 04/29 123, ok?"]
)
def test_a_card_number_is_found_where_it_stands(number: str, text: str) -> None:
    whole = text.format(number)
    ((start, end, kind),) = card_numbers(whole)
    assert (whole[start:end], kind) == (number, "card")


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",  # Luhn's check fails
        "41111 11111 111111",  # not as a card prints it
        "4111 1111-1111 1111",
        "0000 0000 0000 0000",
        "1Z4111111111111111",
        "c0ffee-4111111111111111",
        "longitude 16.4111111111111111",
        "+4111111111111111",
        "41111111111111111111111111111111",
        "IBAN DE89 3704 0044 0532 0130 00",
        "1999 2004 2008 2012",
    ],
)
def test_another_number_is_left(text: str) -> None:
    assert list(card_numbers(text)) == []


def test_each_of_several_is_found() -> None:
    text = f"{VISA} and 5555 5555 5555 4444"
    assert [text[start:end] for start, end, _ in card_numbers(text)] == text.split(" and ")
