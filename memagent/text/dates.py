"""Dates that a text names: years, months and days, in the languages whose months are known.

The names of the months stand in `months.json`, which `.ci/months.py` makes from the CLDR.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

from memagent.text.words import fold

CERTAIN = 4
"""Letters from which on the name of a month counts without a number beside it: "may" does not."""
_ISO = re.compile(r"(?<!\d)(\d{4})-(\d{1,2})(?:-(\d{1,2}))?(?!\d)")
_EAST_ASIAN = re.compile(
    r"(?:(\d{4})\s*[年년]\s*)?(\d{1,2})\s*[月월](?:\s*(\d{1,2})\s*[日号號일])?"
)
_TOKEN = re.compile(r"\d+|[^\W\d_]+[^\W_]*")
_YEAR = re.compile(r"(?:19|20)\d\d")


@dataclass(frozen=True, slots=True)
class NamedDate:
    """Date as far as a text names it."""

    year: int | None = None
    month: int | None = None
    day: int | None = None

    def matches(self, day: date) -> float:
        """Return which share of the named parts a day has, in [0, 1]."""
        parts = ((self.year, day.year), (self.month, day.month), (self.day, day.day))
        named = [(wanted, found) for wanted, found in parts if wanted is not None]
        return sum(wanted == found for wanted, found in named) / len(named) if named else 0.0


def named_dates(text: str) -> list[NamedDate]:
    """Return the dates that a text names: "2023-05-08", "8 de mayo de 2023", "Mai 2023", "2023"."""
    found: list[NamedDate] = []
    for pattern in (_ISO, _EAST_ASIAN):
        for match in pattern.finditer(text):
            year, month, day = (int(part) if part else None for part in match.groups())
            found.append(NamedDate(year, month, day))
        text = pattern.sub(" ", text)
    tokens = _TOKEN.findall(fold(text))
    for place, token in enumerate(tokens):
        month = _months().get(token)
        if month is not None:
            near = tokens[max(0, place - 3) : place] + tokens[place + 1 : place + 4]
            numbers = [int(each) for each in near if each.isascii() and each.isdigit()]
            if numbers or len(token) >= CERTAIN:
                found.append(_dated(month, numbers))
    if not found:
        found = [NamedDate(int(token)) for token in tokens if _YEAR.fullmatch(token)]
    return found


def _dated(month: int, numbers: Sequence[int]) -> NamedDate:
    years = [number for number in numbers if 1900 <= number < 2100]
    days = [number for number in numbers if 1 <= number <= 31]
    return NamedDate(years[0] if years else None, month, days[0] if days else None)


@cache
def _months() -> dict[str, int]:
    """Return the numbers of the months by their folded names."""
    text = files("memagent.text").joinpath("months.json").read_text(encoding="utf-8")
    months: dict[str, int] = json.loads(text)
    return months
