"""A clock that the tests set, and what they ask of a memory then."""

from datetime import UTC, datetime, timedelta, tzinfo

import uuid_utils

from memagent import Memory, Scope

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    """What every module takes for the time: it goes on by a second whenever it is read."""

    def __init__(self) -> None:
        self.at = START
        self.reads = 0

    def read(self, zone: tzinfo | None = None) -> datetime:
        self.reads += 1
        self.at += timedelta(seconds=1)
        return self.at.astimezone(zone)

    def id(self) -> uuid_utils.UUID:
        """A time-ordered id, as the clock tells the time."""
        return uuid_utils.uuid7(int(self.at.timestamp()))


def values(memory: Memory, scope: Scope) -> list[str]:
    return [record.value for record in memory.list(scope=scope)]


def shown(memory: Memory, question: str, scope: Scope) -> list[str]:
    return [hit.record.value for hit in memory.recall(question, scope=scope).hits]
