"""What came before or after, where texts say themselves when it was ("yesterday", "tonight")."""

from dataclasses import dataclass, replace
from datetime import datetime

from memagent.looking import Goal, Trail
from memagent.questions import covers
from memagent.stores.banks.episodic import EpisodicBank
from memagent.stores.database.filters import Filter
from memagent.text.english import content_words, names, words
from memagent.told_time import told_time
from memagent.types import Hit, Hits, Record


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
                one for one in told if _beside(one, point, turn.side) and goal.reached(one.value)
            ]
            if side:
                next_to = side[-1] if turn.side == "before" else side[0]
                anchor = replace(found[0], record=point, key=point.keys[0], why={"look": 2.0})
                return Passage(anchor=anchor, trail=Trail().on(topic, next_to, anchor.score, 2))
        return None


def _when(record: Record) -> tuple[datetime, datetime, int]:
    told, seq = record.moment
    return told_time(record.value, told) or told, told, seq


def _dated(record: Record) -> bool:
    return told_time(record.value, record.moment[0]) is not None


def _beside(one: Record, point: Record, side: str) -> bool:
    return _when(one) < _when(point) if side == "before" else _when(one) > _when(point)
