"""Redactor: what is taken out of records, with a detector of one's own."""

import logging
import re
from collections.abc import Iterator, Mapping

import pytest

from memagent.errors import InvalidInput
from memagent.redaction.redactor import Redactor, Span, summary
from memagent.types import NewRecord


def pins(text: str) -> Iterator[Span]:
    """Find "pin" or "PIN", a colon, and what follows."""
    for match in re.finditer(r"(?i)\bpin: ?(\S+)", text):
        yield *match.span(1), "PIN"


@pytest.fixture
def told() -> list[Mapping[str, int]]:
    return []


@pytest.fixture
def redactor(told: list[Mapping[str, int]]) -> Redactor:
    return Redactor(pins, told.append)


def test_a_record_loses_its_secrets_everywhere(
    redactor: Redactor, told: list[Mapping[str, int]]
) -> None:
    record = NewRecord(
        text="My pin: 314159 is new.",
        keys=("pin: 314159", "the 314159"),
        sources=("note 314159",),
        metadata={"pin": "271828", "deep": [{"said": "314159 again"}], "page": 3, "314159": None},
    )
    (clean,) = redactor.records([record])
    assert clean.text == "My pin: [PIN removed] is new."
    assert clean.keys == ("pin: [PIN removed]", "the [PIN removed]")
    assert clean.sources == ("note [PIN removed]",)
    assert clean.metadata == {
        "pin": "[PIN removed]",
        "deep": [{"said": "[PIN removed] again"}],
        "page": 3,
        "[PIN removed]": None,
        "redacted": {"PIN": 2},
    }
    assert told == [{"PIN": 2}]
    assert redactor.records([clean]) == [clean]
    assert len(told) == 1


def test_a_reply_that_repeats_a_secret_loses_it_too(
    redactor: Redactor, told: list[Mapping[str, int]]
) -> None:
    said, replied, other = (
        NewRecord(text="pin: 314159"),
        NewRecord(text="Noted: 314159"),
        NewRecord(text="Hi"),
    )
    clean = redactor.records([said, replied, other])
    assert [record.text for record in clean] == ["pin: [PIN removed]", "Noted: [PIN removed]", "Hi"]
    assert clean[2] is other
    assert told == [{"PIN": 1}]


def test_a_short_secret_goes_only_where_it_is_marked(redactor: Redactor) -> None:
    (clean,) = redactor.records([NewRecord(text="pin: 12, and 12 eggs")])
    assert clean.text == "pin: [PIN removed] and 12 eggs"


def test_overlapping_spans_are_one() -> None:
    both = Redactor(lambda text: [(2, 6, "b"), (0, 4, "a"), (5, 8, "c")], lambda counts: None)
    assert both.texts(["0123456789"]) == ["[a removed]89"]


@pytest.mark.parametrize("span", [(0, 99, "a"), (0, 3, 5)])
def test_spans_that_do_not_fit_are_refused(span: Span) -> None:
    with pytest.raises(InvalidInput, match="redaction: no span of the text"):
        Redactor(lambda text: [span]).texts(["short"])


def test_an_id_is_refused_as_it_would_name_another(redactor: Redactor) -> None:
    with pytest.raises(InvalidInput, match="id: it holds a PIN"):
        redactor.records([NewRecord(text="tea", id="pin:314159")])


def test_the_log_says_what_kind_and_not_what(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="memagent"):
        assert Redactor(pins).text("pin: 314159") == "pin: [PIN removed]"
    assert [record.message for record in caplog.records] == [
        "a PIN was removed before this was stored"
    ]


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"card": 1}, "a card number was"),
        ({"token": 1}, "an access token was"),
        ({"password": 2}, "2 passwords were"),
        (
            {"card": 1, "password": 2, "token": 1},
            "a card number, 2 passwords and an access token were",
        ),
    ],
)
def test_counts_are_told_in_words(counts: Mapping[str, int], words: str) -> None:
    assert summary(counts) == words
