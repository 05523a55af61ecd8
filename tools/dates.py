"""Date tools: today, the weekday, the days between two dates, and a date some time later."""

import calendar
import re
from collections.abc import Callable
from datetime import MAXYEAR, MINYEAR, date, timedelta
from typing import Annotated

from langchain_core.tools import BaseTool

from memagent.errors import InvalidInput
from memagent.tools.base import make_tool

_MONTHS = (
    "january february march april may june july august september october november december"
).split()
_RELATIVE = {"yesterday": -1, "today": 0, "tomorrow": 1}
_WEEKDAY = re.compile(r"^(?:mon|tues|wednes|thurs|fri|satur|sun)day,?\s+")
_NAMED = (
    re.compile(r"(?P<day>\d{1,2})(?:st|nd|rd|th)?(?: of)? (?P<month>[a-z]+)\.?,? (?P<year>\d{4})"),
    re.compile(r"(?P<month>[a-z]+)\.? (?P<day>\d{1,2})(?:st|nd|rd|th)?,? (?P<year>\d{4})"),
)
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})")


def read_date(text: str, today: date) -> date:
    """Parse a date: ISO, with the month's name, or a word such as "today".

    "3/4/2024" is ambiguous and refused; "25/4/2024" and "4/25/2024" are not. With dots the day
    comes first.

    Raises:
        InvalidInput: the text is no date, or is ambiguous.
    """
    spelling = _WEEKDAY.sub("", " ".join(text[:60].lower().split()))
    if spelling in _RELATIVE:
        return today + timedelta(days=_RELATIVE[spelling])
    if found := _YEAR_FIRST.fullmatch(spelling):
        year, month, day = map(int, found.groups())
        return _date(text, year, month, day)
    if found := _YEAR_LAST.fullmatch(spelling):
        return _date(text, int(found[4]), *_month_and_day(text, found))
    for pattern in _NAMED:
        if found := pattern.fullmatch(spelling):
            return _date(text, int(found["year"]), _month(text, found["month"]), int(found["day"]))
    raise InvalidInput(f"{text[:60]!r} is no date that can be read: write it as 2024-02-29")


def _date(text: str, year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError as error:
        raise InvalidInput(f"there is no date {text[:60]!r}: {error}") from error


def _month(text: str, name: str) -> int:
    """Return the number of a month by its name, or by its first three letters or more."""
    found = [number for number, month in enumerate(_MONTHS, 1) if month.startswith(name)]
    if len(name) < 3 or not found:
        raise InvalidInput(f"{text[:60]!r} names no month: write it as 2024-02-29")
    return found[0]


def _month_and_day(text: str, found: re.Match[str]) -> tuple[int, int]:
    first, second = int(found[1]), int(found[3])
    if found[2] == "." or first > 12 or first == second:
        return second, first
    if second > 12:
        return first, second
    raise InvalidInput(f"{text[:60]!r} can be two dates: write it as 2024-02-29")


Day = Annotated[str, "a date such as 2024-02-29, '29 February 2024' or 'today'"]


def date_tools(today: Callable[[], date] = date.today) -> list[BaseTool]:
    """Return `today`, `weekday`, `date_difference` and `date_add`; `today` is the clock."""

    def say_today() -> str:
        """Say today's date."""
        return _formatted(today())

    def weekday(date: Day) -> str:
        """Say which day of the week a date is."""
        return _formatted(read_date(date, today()))

    def date_difference(first: Day, second: Day) -> str:
        """Count the days from one date to another."""
        now = today()
        return difference(read_date(first, now), read_date(second, now))

    def date_add(date: Day, years: int = 0, months: int = 0, weeks: int = 0, days: int = 0) -> str:
        """Say which date is so many years, months, weeks and days later, or earlier if negative."""
        start = read_date(date, today())
        return _formatted(shifted(start, years=years, months=months, weeks=weeks, days=days))

    return [
        make_tool("today", say_today),
        make_tool("weekday", weekday),
        make_tool("date_difference", date_difference),
        make_tool("date_add", date_add),
    ]


def shifted(start: date, *, years: int = 0, months: int = 0, weeks: int = 0, days: int = 0) -> date:
    """Return a date some time later: first by the calendar's years and months, then by days.

    Where the month is too short, its last day counts: a month after 31 January is 28 or 29
    February.

    Raises:
        InvalidInput: the date is before the year 1 or after the year 9999.
    """
    month = start.year * 12 + start.month - 1 + years * 12 + months
    year, month = month // 12, month % 12 + 1
    if not MINYEAR <= year <= MAXYEAR:
        raise InvalidInput(f"the year {_brief(year)} is outside of {MINYEAR} to {MAXYEAR}")
    day = min(start.day, calendar.monthrange(year, month)[1])
    try:
        return date(year, month, day) + timedelta(weeks=weeks, days=days)
    except OverflowError as error:
        raise InvalidInput(f"the date is outside of the years {MINYEAR} to {MAXYEAR}") from error


def difference(first: date, second: date) -> str:
    """Describe the time from one date to another: in days, in weeks and by the calendar."""
    if first == second:
        return f"0 days: both are {_formatted(first)}"
    early, late = min(first, second), max(first, second)
    days = (late - early).days
    parts = [_joined((days // 7, "week"), (days % 7, "day"))] if days >= 7 else []
    months = (late.year - early.year) * 12 + late.month - early.month
    if shifted(early, months=months) > late:
        months -= 1
    rest = (late - shifted(early, months=months)).days
    if months:
        parts.append(_joined((months // 12, "year"), (months % 12, "month"), (rest, "day")))
    more = f" ({'; '.join(parts)})" if parts else ""
    order = "after" if second > first else "before"
    return f"{_joined((days, 'day'))}{more}: {_formatted(second)} is {order} {_formatted(first)}"


def _formatted(day: date) -> str:
    return f"{day.isoformat()} ({calendar.day_name[day.weekday()]})"


def _joined(*parts: tuple[int, str]) -> str:
    texts = [f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in parts if count]
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if texts[1:] else texts)


def _brief(year: int) -> str:
    return str(year) if abs(year) < 10**9 else "asked for"
