from datetime import date

import pytest

from memagent.text.dates import NamedDate, named_dates


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("What did Ann do on 8 May 2023?", NamedDate(2023, 5, 8)),
        ("Who came on May 7th?", NamedDate(None, 5, 7)),
        ("¿Qué pasó el 3 de mayo de 2022?", NamedDate(2022, 5, 3)),
        ("Wo war ich im März?", NamedDate(None, 3)),
        ("Что было 5 марта 2020?", NamedDate(2020, 3, 5)),
        ("2023年5月8日に何をしたか", NamedDate(2023, 5, 8)),
        ("5월 3일에 뭐 했어?", NamedDate(None, 5, 3)),
        ("the notes of 2024-02-03", NamedDate(2024, 2, 3)),
        ("Where did we go in 2021?", NamedDate(2021)),
    ],
)
def test_a_date_is_read_in_many_languages(text: str, named: NamedDate) -> None:
    assert named_dates(text) == [named]


@pytest.mark.parametrize("text", ["May I go?", "Room 12", "", "Mar adentro"])
def test_a_word_that_is_also_a_month_is_no_date(text: str) -> None:
    assert named_dates(text) == []


def test_a_day_matches_by_the_parts_that_are_named() -> None:
    day = date(2023, 5, 8)
    assert NamedDate(2023, 5, 8).matches(day) == 1
    assert NamedDate(2023, 5, 9).matches(day) == pytest.approx(2 / 3)
    assert NamedDate(2022).matches(day) == 0
    assert NamedDate().matches(day) == 0
