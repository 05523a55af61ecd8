import pytest

from memagent.text.identifiers import identifiers, share_identifier


def same(first: str, second: str) -> bool:
    return share_identifier(identifiers(first), identifiers(second))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("forget 5550104477", "Call me on (555) 010-4477."),
        ("+1 555 010 4477", "My number: 555.010.4477"),
        ("0049 30 5550447", "030/5550447 is the number"),
        ("０３０５５５０４４７", "+49 30 5550 447"),  # noqa: RUF001
        ("٠٣٠٥٥٥٠٤٤٧", "030 5550447"),
        ("DE89 3704 0044 0532 0130 00", "the account de89-3704-0044-0532-0130-00"),
        ("GB29 NWBK 6016 1331 9268 19", "GB29NWBK60161331926819"),
        ("ADA.LOVELACE@EXAMPLE.ORG", "Write to ada.lovelace (at) example (dot) org."),
        ("ada.lovelace[at]example.org", "ada dot lovelace at example dot org"),
        ("2024-05-03", "on 03.05.2024"),
        ("2024-05-03", "on 5/3/2024"),
        ("2024年5月3日", "2024/05/03"),
        ("B-KX 4821", "the plate bkx4821"),
        ("the plate b-kx-4821", "B KX 4821"),
        ("card 4111\u200b1111 1111 1234", "4111-1111-1111-1234"),
    ],
)
def test_two_spellings_of_one_thing_are_the_same(first: str, second: str) -> None:
    assert same(first, second)
    assert same(second, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("5550104477", "(555) 010-4478"),
        ("030 1234567", "040 1234567"),
        ("+49 30 1234567", "+49 40 1234567"),
        ("ada@example.org", "ada@example.com"),
        ("2024-05-03", "2024-05-04"),
        ("B-KX 4821", "S-KX 4821"),
        ("the year 2024", "in 2024"),
        ("at 10:30", "from 10:30"),
        ("my old address", "my old address"),
        ("look at example.com", "look at example.com"),
        ("what I said in 2024", "I earn 3,200 euros since 2024."),
    ],
)
def test_what_identifies_something_else_or_nothing_is_not_the_same(first: str, second: str) -> None:
    assert not same(first, second)


def test_a_day_that_there_is_not_is_no_date() -> None:
    assert not [found for found in identifiers("31.02.2024") if found.kind == "date"]
