from contextlib import suppress
from datetime import date, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from langchain_core.tools import BaseTool

from memagent.errors import InvalidInput
from memagent.tools.dates import date_tools, difference, read_date, shifted
from memagent.tools.execute import run_tool

NOW = date(2024, 2, 29)
DATES = st.dates(date(1000, 1, 1), date(3000, 1, 1))


@pytest.fixture
def tools() -> dict[str, BaseTool]:
    return {tool.name: tool for tool in date_tools(lambda: NOW)}


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-29",
        "2024/2/29",
        "29.2.2024",
        "29/02/2024",
        "2/29/2024",
        "29 February 2024",
        "29 Feb. 2024",
        "29th of February, 2024",
        "February 29, 2024",
        "feb 29 2024",
        "Thursday, 29 February 2024",
        " Today ",
    ],
)
def test_usual_spellings_are_read(text: str) -> None:
    assert read_date(text, NOW) == NOW


def test_days_beside_today_are_read() -> None:
    assert read_date("yesterday", NOW) == date(2024, 2, 28)
    assert read_date("tomorrow", NOW) == date(2024, 3, 1)
    assert read_date("5/5/2024", NOW) == date(2024, 5, 5)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("3/4/2024", "can be two dates"),
        ("2023-02-29", "there is no date"),
        ("32.1.2024", "there is no date"),
        ("29 Fe 2024", "names no month"),
        ("29 Brumaire 2024", "names no month"),
        ("next week", "no date that can be read"),
        ("2024-02-29T10:00", "no date that can be read"),
        ("0000-01-01", "there is no date"),
        ("", "no date that can be read"),
        ("9" * 10**6, "no date that can be read"),
    ],
)
def test_what_is_no_date_or_two_is_told(text: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        read_date(text, NOW)


@given(st.text(max_size=80))
def test_no_text_breaks_the_reading(text: str) -> None:
    with suppress(InvalidInput):
        assert read_date(text, NOW).year


@given(DATES)
def test_what_is_written_is_read_back(day: date) -> None:
    for spelling in ("%Y-%m-%d", "%d.%m.%Y", "%d %B %Y", "%b %d, %Y"):
        text = day.strftime(spelling).replace(day.strftime("%Y"), f"{day.year:04}")
        assert read_date(text, NOW) == day


@given(DATES, st.integers(-2000, 2000), st.integers(-20000, 20000))
def test_months_keep_the_day_and_days_are_days(day: date, months: int, days: int) -> None:
    assume(1 <= (day.year * 12 + months) // 12 < 9000)
    later = shifted(day, months=months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    after = later + timedelta(days=1)
    assert later.day == day.day or (later.day < day.day and after.day == 1)
    assert shifted(day, days=days) - day == timedelta(days=days)
    assert shifted(day, weeks=days) - day == timedelta(weeks=days)


def test_the_end_of_a_month_stays_the_end() -> None:
    assert shifted(date(2024, 1, 31), months=1) == NOW
    assert shifted(NOW, years=1) == date(2025, 2, 28)
    assert shifted(NOW, years=-4) == date(2020, 2, 29)
    assert shifted(date(2023, 11, 30), months=3, days=1) == date(2024, 3, 1)


@pytest.mark.parametrize(
    "far", [{"years": 10**30}, {"months": -(10**6)}, {"days": 10**30}, {"weeks": -(10**6)}]
)
def test_dates_beyond_the_calendar_are_told(far: dict[str, int]) -> None:
    with pytest.raises(InvalidInput, match="outside of"):
        shifted(NOW, **far)


def test_differences_are_told_in_days_weeks_and_by_the_calendar() -> None:
    first = date(2023, 1, 31)
    assert difference(first, NOW) == (
        "394 days (56 weeks and 2 days; 1 year and 1 month):"
        " 2024-02-29 (Thursday) is after 2023-01-31 (Tuesday)"
    )
    assert "(3 weeks and 1 day)" in difference(date(2024, 2, 7), NOW)
    assert "; 1 year, 2 months and 3 days)" in difference(date(2022, 12, 26), NOW)
    assert "; 1 month and 1 day)" in difference(date(2024, 1, 30), date(2024, 3, 1))
    assert difference(NOW, date(2024, 2, 28)).startswith("1 day: 2024-02-28 (Wednesday) is before")
    assert difference(NOW, NOW) == "0 days: both are 2024-02-29 (Thursday)"


@given(DATES, DATES)
def test_the_calendar_s_parts_add_up(first: date, second: date) -> None:
    early, late = min(first, second), max(first, second)
    told = difference(first, second)
    assert told.startswith(f"{(late - early).days} day")
    assume("; " in told)
    parts = dict.fromkeys(("years", "months", "days"), 0)
    for part in told.split("; ")[1].split(")")[0].replace(" and ", ", ").split(", "):
        count, noun = part.split()
        parts[noun.removesuffix("s") + "s"] = int(count)
    assert (
        shifted(shifted(early, years=parts["years"], months=parts["months"]), days=parts["days"])
        == late
    )


def test_the_tools_go_by_the_clock_they_were_given(tools: dict[str, BaseTool]) -> None:
    assert set(tools) == {"today", "weekday", "date_difference", "date_add"}
    assert run_tool(tools["today"], {}).text == "2024-02-29 (Thursday)"
    assert run_tool(tools["weekday"], {"date": "1 Jan 2000"}).text == "2000-01-01 (Saturday)"
    added = run_tool(tools["date_add"], {"date": "today", "months": 1, "days": -1})
    assert added.text == "2024-03-28 (Thursday)"
    between = run_tool(tools["date_difference"], {"first": "yesterday", "second": "tomorrow"})
    assert between.text.startswith("2 days")
    wrong = run_tool(tools["weekday"], {"date": "someday"})
    assert wrong.error
    assert "write it as 2024-02-29" in wrong.text


def test_every_tool_says_in_a_sentence_what_it_does(tools: dict[str, BaseTool]) -> None:
    for tool in tools.values():
        assert tool.description.count(".") == 1
        assert tool.description.endswith(".")
