"""A date as people and models write it."""

import re
from datetime import date, timedelta

from memagent.errors import InvalidInput

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
    """Return the date that a text spells: ISO, with the month's name, or a word such as "today".

    "3/4/2024" is two dates, and refused; "25/4/2024" and "4/25/2024" are one. With dots the day
    comes first.

    Raises:
        InvalidInput: it is no date, or could be two.
    """
    said = _WEEKDAY.sub("", " ".join(text[:60].lower().split()))
    if said in _RELATIVE:
        return today + timedelta(days=_RELATIVE[said])
    if found := _YEAR_FIRST.fullmatch(said):
        year, month, day = map(int, found.groups())
        return _made(text, year, month, day)
    if found := _YEAR_LAST.fullmatch(said):
        return _made(text, int(found[4]), *_month_and_day(text, found))
    for spelling in _NAMED:
        if found := spelling.fullmatch(said):
            return _made(text, int(found["year"]), _month(text, found["month"]), int(found["day"]))
    raise InvalidInput(f"{text[:60]!r} is no date that can be read: write it as 2024-02-29")


def _made(text: str, year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError as error:
        raise InvalidInput(f"there is no date {text[:60]!r}: {error}") from error


def _month(text: str, name: str) -> int:
    """Return the number of a month: its name, or the beginning of it from three letters on."""
    found = [number for number, one in enumerate(_MONTHS, 1) if one.startswith(name)]
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
