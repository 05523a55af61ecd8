"""English rules, made on bAbI's training stories: order by the times that texts name."""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from memagent.recall.rules.questions import Direction, covers
from memagent.recall.rules.trail import Goal, Trail
from memagent.stores.banks.episodic import EpisodicBank
from memagent.stores.database.filters import Filter
from memagent.text.english import content_words, names, words
from memagent.types import Hit, Hits, Record

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
"""The hour taken for a text that names a day but no part of it."""
MAX_DIGITS = 9
"""Digits of a count that are read: more years than that are out of every calendar anyway."""


def stated_time(text: str, written: datetime) -> datetime | None:
    """Return the approximate time that a text written at a known time names, None without one."""
    midnight = written.replace(hour=0, minute=0, second=0, microsecond=0)
    if ago := _AGO.search(text.lower()):
        count = _COUNTS.get(ago[1]) or (int(ago[1][:MAX_DIGITS]) if ago[1].isdigit() else 7)
        return _moved(midnight, days=-count * _DAYS_IN[ago[2]], hours=_WHOLE_DAY)
    found = _WHEN.search(text)
    if found is None:
        return None
    day = (found["day"] or found["near"] or "today").lower()
    part = (found["part"] or found["of"] or found["at"] or "").lower()
    if found["tonight"]:
        part = "night"
    hour = _HOURS.get(part, _WHOLE_DAY)
    return _moved(midnight, days=_DAYS[day], hours=hour)


def _moved(midnight: datetime, *, days: int, hours: int) -> datetime:
    """Return a time some days and hours from a midnight, within the years that a time can have."""
    try:
        return midnight + timedelta(days=days, hours=hours)
    except OverflowError:
        return (datetime.min if days < 0 else datetime.max).replace(tzinfo=midnight.tzinfo)


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """The record of the point in time that a question refers to, and the trail to its answer."""

    anchor: Hit
    trail: Trail


class Timeline:
    """Orders records about a topic by the times their texts name, not by when they were written."""

    def __init__(self, bank: EpisodicBank) -> None:
        self._bank = bank

    def passage(self, goal: Goal, where: Filter, found: Hits) -> Passage | None:
        """Return the nearest record before or after the time reference that reaches the goal.

        None if the record of that point names no time, or if no record lies on that side of it. The
        search is only made if any hit in `found` names a time.
        """
        reference = goal.time
        if reference is None or not any(_is_dated(hit.record) for hit in found):
            return None
        topic = [word for word in words(reference.topic) if word == "I"][:1]
        topic = topic or names(reference.topic) or content_words(reference.topic)
        records = sorted(self._bank.mentioning(where, topic), key=_time_of)
        points = [
            record
            for record in records
            if covers(record.keys[0], reference.anchor) and _is_dated(record)
        ]
        for point in reversed(points):
            side = [
                record
                for record in records
                if _is_beside(record, point, reference.direction) and goal.reached(record.text)
            ]
            if side:
                nearest = side[-1] if reference.direction == "before" else side[0]
                anchor = replace(found[0], record=point, key=point.keys[0], why={"hop": 2.0})
                trail = Trail().extended(topic, nearest, anchor.score, 2)
                return Passage(anchor=anchor, trail=trail)
        return None


def _time_of(record: Record) -> tuple[datetime, datetime, int]:
    written, seq = record.moment
    return stated_time(record.text, written) or written, written, seq


def _is_dated(record: Record) -> bool:
    return stated_time(record.text, record.moment[0]) is not None


def _is_beside(record: Record, point: Record, direction: Direction) -> bool:
    if direction == "before":
        return _time_of(record) < _time_of(point)
    return _time_of(record) > _time_of(point)
