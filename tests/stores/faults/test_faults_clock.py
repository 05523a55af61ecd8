"""A clock that is set back between writes: what was told last stays what was told last."""

import sys
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from pathlib import Path

import pytest
import uuid_utils

from memagent import Agent, Memory, Scope
from memagent.testing import HashEmbedder, ScriptedChat

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
BACK = (timedelta(hours=1), timedelta(days=365), timedelta(days=15 * 365))
jumps = pytest.mark.parametrize("back", BACK, ids=lambda back: f"{back.days} days")


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


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()

    class AnyDatetime(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, datetime)

    class Faked(datetime, metaclass=AnyDatetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return fake.read(tz)

    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "memagent":
            if getattr(module, "datetime", None) is datetime:
                monkeypatch.setattr(module, "datetime", Faked)
            if hasattr(module, "uuid7"):
                monkeypatch.setattr(module, "uuid7", fake.id)
    return fake


def values(memory: Memory, scope: Scope) -> list[str]:
    return [record.text for record in memory.list(scope=scope)]


def shown(memory: Memory, question: str, scope: Scope) -> list[str]:
    return [hit.record.text for hit in memory.recall(question, scope=scope).hits]


@jumps
def test_ids_stay_unique_and_the_order_of_writing_stays(
    tmp_path: Path, ada: Scope, clock: Clock, back: timedelta
) -> None:
    with Memory.open(tmp_path / "a", embedder=HashEmbedder()) as memory:
        for batch in range(6):
            memory.add_many([f"note {batch} {part}" for part in range(20)], scope=ada)
            clock.at -= back if batch == 2 else timedelta()
        records = memory.list(scope=ada, limit=1000)
        assert len({record.id for record in records}) == 120
        assert values(memory, ada) == [f"note {n // 20} {n % 20}" for n in range(119, 19, -1)]
        assert [record.seq for record in records] == sorted(
            (record.seq for record in records), reverse=True
        )
        moments = [record.moment for record in records]
        assert moments == sorted(moments, reverse=True)
        assert len(memory.search("note", scope=ada, k=1000)) > 20
        assert memory.maintenance.verify() == ()
        lines = list(memory.maintenance.export(scope=ada))
    with Memory.open(tmp_path / "b", embedder=HashEmbedder()) as other:
        assert other.maintenance.import_(lines) == 120
        assert list(other.maintenance.export(scope=ada)) == lines
        assert other.maintenance.verify() == ()
    assert clock.reads > 6
    print(f"set back by {back}: {len(records)} records, {clock.reads} readings of the clock")


@jumps
def test_the_last_told_is_recalled_as_the_newest(
    memory: Memory, ada: Scope, clock: Clock, back: timedelta
) -> None:
    memory.add("Mary moved to the bathroom.", scope=ada)
    clock.at -= back
    memory.add("Mary moved to the kitchen.", scope=ada)
    assert shown(memory, "Where is Mary?", ada)[-1:] == ["Mary moved to the kitchen."]
    clock.at -= back
    memory.add("Mary moved to the bathroom.", scope=ada)
    assert shown(memory, "Where is Mary?", ada)[-1:] == ["Mary moved to the bathroom."]
    clock.at -= back
    memory.add("Mary moved to the garden.", scope=ada)
    assert shown(memory, "Where is Mary?", ada)[-1:] == ["Mary moved to the garden."]


@jumps
def test_what_was_affirmed_before_the_clock_was_set_back_is_older(
    memory: Memory, ada: Scope, clock: Clock, back: timedelta
) -> None:
    memory.add("Mary moved to the bathroom.", scope=ada)
    memory.add("Mary moved to the kitchen.", scope=ada)
    clock.at += back
    again = memory.add("Mary moved to the bathroom.", scope=ada)
    clock.at -= back
    memory.add("Mary moved to the garden.", scope=ada)
    assert shown(memory, "Where is Mary?", ada)[-1:] == ["Mary moved to the garden."]
    memory.add("Mary moved to the bathroom.", scope=ada)
    events = memory.history(again.id, scope=ada)
    assert [event.at for event in events] == sorted(event.at for event in events)


@jumps
def test_what_an_agent_is_told_last_is_the_newest(
    memory: Memory, ada: Scope, clock: Clock, back: timedelta
) -> None:
    agent = Agent(memory=memory, model=ScriptedChat(lambda _: "Noted."))
    agent.ask("Mary moved to the bathroom.", scope=ada, chat=True)
    clock.at -= back
    agent.ask("Mary moved to the kitchen.", scope=ada, chat=True)
    assert shown(memory, "Where is Mary?", ada)[-1:] == ["Mary moved to the kitchen."]


@jumps
def test_a_new_version_never_begins_before_the_one_it_supersedes(
    memory: Memory, ada: Scope, clock: Clock, back: timedelta
) -> None:
    versions = [memory.add("I live in Porto.", scope=ada)]
    for town in ("Lisbon", "Faro", "Braga"):
        clock.at -= back
        versions.append(memory.update(versions[-1].id, f"I live in {town}.", scope=ada))
    kept = memory.get([one.id for one in versions], scope=ada)
    for old, new in pairwise(kept):
        assert old.valid_from <= new.valid_from
        assert old.superseded
        assert old.valid_to == new.valid_from
        held = memory.search("live", scope=ada, as_of=new.valid_from)
        assert [hit.record.id for hit in held] == [new.id]
    assert [hit.record.id for hit in memory.search("live", scope=ada)] == [versions[-1].id]
    events = memory.history(versions[0].id, scope=ada)
    assert [event.action for event in events].count("supersede") == 3
    print(f"set back by {back} three times: {len(kept)} versions in order")


@jumps
def test_what_happened_is_told_in_the_order_in_which_it_happened(
    memory: Memory, ada: Scope, clock: Clock, back: timedelta
) -> None:
    record = memory.add("tea is hot", scope=ada, who="first")
    for who in ("second", "third"):
        clock.at -= back
        memory.add("tea is hot", scope=ada, who=who)
    events = memory.history(record.id, scope=ada)
    assert [event.who for event in events] == ["first", "second", "third"]
    assert [event.at for event in events] == sorted(event.at for event in events)


@jumps
def test_a_period_that_a_caller_gave_is_judged_by_the_clock_as_it_is(
    memory: Memory, ada: Scope, clock: Clock, back: timedelta
) -> None:
    memory.add("I live in a tent.", scope=ada, valid_from=START, valid_to=START + back / 2)

    vector = HashEmbedder().embed_query("tent")

    def found() -> set[int]:
        by_meaning = memory.search(scope=ada, vector=vector)
        return {len(by_meaning), len(memory.search("tent", scope=ada)), len(memory.list(scope=ada))}

    assert found() == {1}
    clock.at += back
    assert found() == {0}
    clock.at -= back
    assert found() == {1}
