"""When a text says that something was, by the day it was told on: "yesterday", "this evening"."""

import re
from datetime import datetime, timedelta

_DAYS = {"yesterday": -1, "last": -1, "today": 0, "this": 0, "tomorrow": 1}
_HOURS = {"morning": 8, "noon": 12, "midday": 12, "afternoon": 15, "evening": 19, "night": 22}
_WHEN = re.compile(
    r"\b(?:(?P<day>yesterday|today|tomorrow)(?:\s+(?P<part>morning|afternoon|evening|night))?"
    r"|(?P<near>this|last)\s+(?P<of>morning|noon|afternoon|evening|night)"
    r"|at\s+(?P<at>noon|midday|night)|(?P<tonight>tonight))\b",
    re.IGNORECASE,
)
_AGO = re.compile(
    r"\b(\d+|an?|one|two|three|four|five|six|seven)\s+(day|week|month|year)s?\s+ago\b"
)
_COUNTS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_DAYS_IN = {"day": 1, "week": 7, "month": 30, "year": 365}
_WHOLE_DAY = 12
"""The hour of what is told of a day without its part."""


def told_time(text: str, told: datetime) -> datetime | None:
    """Return about when it was by a text that was told at a time, None if it does not say."""
    midnight = told.replace(hour=0, minute=0, second=0, microsecond=0)
    if ago := _AGO.search(text.lower()):
        count = _COUNTS.get(ago[1]) or (int(ago[1]) if ago[1].isdigit() else 7)
        return midnight - timedelta(days=count * _DAYS_IN[ago[2]]) + timedelta(hours=_WHOLE_DAY)
    found = _WHEN.search(text)
    if found is None:
        return None
    day = (found["day"] or found["near"] or "today").lower()
    part = (found["part"] or found["of"] or found["at"] or "").lower()
    if found["tonight"]:
        part = "night"
    hour = _HOURS.get(part, _WHOLE_DAY)
    return midnight + timedelta(days=_DAYS[day], hours=hour)
