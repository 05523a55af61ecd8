"""What came before or after, where texts say themselves when it was ("yesterday", "tonight")."""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from memagent.recall.multi_hop import Goal, Trail
from memagent.recall.rules.questions import covers
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """The record of the point in time that a question asks by, and the trail on to its answer."""

    anchor: Hit
    trail: Trail


class Chronicle:
    """Orders what was told of somebody by the times that the texts name, not by when told."""

    def __init__(self, bank: EpisodicBank) -> None:
        self._bank = bank

    def passage(self, goal: Goal, where: Filter, found: Hits) -> Passage | None:
        """Return what was next on the side that a question names of its point in time.

        None where that point is told of without a time of its own, or nothing lies beside it; it is
        looked for only if anything `found` names a time.
        """
        turn = goal.turn
        if turn is None or not any(_dated(hit.record) for hit in found):
            return None
        topic = [word for word in words(turn.topic) if word == "I"][:1]
        topic = topic or names(turn.topic) or content_words(turn.topic)
        told = sorted(self._bank.mentioning(where, topic), key=_when)
        points = [one for one in told if covers(one.keys[0], turn.anchor) and _dated(one)]
        for point in reversed(points):
            side = [
                one for one in told if _beside(one, point, turn.side) and goal.reached(one.text)
            ]
            if side:
                next_to = side[-1] if turn.side == "before" else side[0]
                anchor = replace(found[0], record=point, key=point.keys[0], why={"hop": 2.0})
                return Passage(anchor=anchor, trail=Trail().on(topic, next_to, anchor.score, 2))
        return None


def _when(record: Record) -> tuple[datetime, datetime, int]:
    told, seq = record.moment
    return told_time(record.text, told) or told, told, seq


def _dated(record: Record) -> bool:
    return told_time(record.text, record.moment[0]) is not None


def _beside(one: Record, point: Record, side: str) -> bool:
    return _when(one) < _when(point) if side == "before" else _when(one) > _when(point)
