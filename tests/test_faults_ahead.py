"""A clock that was ahead once, by more than a day: it is believed again, and the order stays."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from clocks import Clock, shown, values

from memagent import Memory, Scope
from memagent.stores.sqlite import BRIDGE
from memagent.testing import HashEmbedder

AHEAD = (timedelta(days=2), timedelta(days=365), timedelta(days=15 * 365))
ahead = pytest.mark.parametrize("ahead", AHEAD, ids=lambda ahead: f"{ahead.days} days")


def near(moment: datetime, clock: Clock) -> bool:
    return abs(clock.at - moment) < timedelta(minutes=5)


@ahead
def test_what_is_told_after_the_clock_was_put_right_is_dated_right(
    memory: Memory, ada: Scope, clock: Clock, ahead: timedelta
) -> None:
    memory.add("told before", scope=ada)
    clock.at += ahead
    wrong = [memory.add(f"told ahead {n}", scope=ada) for n in range(3)]
    clock.at -= ahead
    right = [memory.add(f"told after {n}", scope=ada) for n in range(3)]
    assert all(near(one.created - ahead, clock) for one in wrong)
    assert all(near(one.created, clock) for one in right)
    assert [one.created for one in right] == sorted({one.created for one in right})


@ahead
def test_an_affirmation_ahead_of_time_does_not_date_what_comes_after_it(
    memory: Memory, ada: Scope, clock: Clock, ahead: timedelta
) -> None:
    memory.add("tea is hot", scope=ada)
    clock.at += ahead
    memory.add("tea is hot", scope=ada)
    clock.at -= ahead
    assert near(memory.add("tea is cold", scope=ada).created, clock)
    assert near(memory.add("tea is hot", scope=ada).affirmed or clock.at - ahead, clock)


@pytest.mark.parametrize(
    ("back", "bridged"),
    [(BRIDGE - timedelta(minutes=5), True), (BRIDGE + timedelta(minutes=5), False)],
    ids=["just within", "just beyond"],
)
def test_up_to_a_day_is_bridged_and_no_more(
    memory: Memory, ada: Scope, clock: Clock, back: timedelta, bridged: bool
) -> None:
    first = memory.add("told first", scope=ada)
    clock.at -= back
    second = memory.add("told second", scope=ada)
    assert (second.created - first.created == timedelta(microseconds=1)) == bridged
    assert near(second.created, clock) == (not bridged)


@ahead
def test_a_small_step_back_is_bridged_though_something_is_dated_far_ahead(
    memory: Memory, ada: Scope, clock: Clock, ahead: timedelta
) -> None:
    clock.at += ahead
    memory.add("told ahead", scope=ada)
    memory.add("told ahead", scope=ada)
    clock.at -= ahead
    first = memory.add("Mary moved to the bathroom.", scope=ada)
    clock.at -= timedelta(hours=2)
    second = memory.add("Mary moved to the kitchen.", scope=ada)
    assert second.created - first.created == timedelta(microseconds=1)
    assert shown(memory, "Where is Mary?", ada) == ["Mary moved to the kitchen."]


@ahead
def test_the_order_of_writing_stays_in_lists_numbers_and_exports(
    tmp_path: Path, ada: Scope, clock: Clock, ahead: timedelta
) -> None:
    with Memory.open(tmp_path / "a", embedder=HashEmbedder()) as memory:
        for batch in range(4):
            memory.add_many([f"note {batch} {part}" for part in range(5)], scope=ada)
            clock.at += ahead if batch == 1 else -ahead if batch == 2 else timedelta()
        records = memory.list(scope=ada)
        assert len({record.id for record in records}) == 20
        assert values(memory, ada) == [f"note {n // 5} {n % 5}" for n in range(19, -1, -1)]
        assert [one.seq for one in records] == sorted((one.seq for one in records), reverse=True)
        assert memory.verify() == ()
        lines = list(memory.export(scope=ada))
    with Memory.open(tmp_path / "b", embedder=HashEmbedder()) as other:
        assert other.import_(lines) == 20
        assert list(other.export(scope=ada)) == lines
        assert near(other.add("told after the import", scope=ada).created, clock)


@ahead
def test_of_records_of_one_moment_the_one_written_last_is_the_newest(
    memory: Memory, ada: Scope, clock: Clock, ahead: timedelta
) -> None:
    """The number of writing decides between equal times, however the clock goes."""
    clock.at += ahead
    memory.add("told ahead", scope=ada)
    clock.at -= ahead
    since = clock.at
    for town in ("Porto", "Lisbon", "Faro"):
        memory.add(f"Zoe lives in {town}.", scope=ada, keys=["Zoe lives"], valid_from=since)
    hits = memory.search("Zoe lives", scope=ada, k=3)
    assert len({round(hit.score, 6) for hit in hits}) == 1
    assert [hit.record.value[13:-1] for hit in hits] == ["Faro", "Lisbon", "Porto"]


@ahead
def test_a_new_version_closes_one_that_was_dated_ahead(
    memory: Memory, ada: Scope, clock: Clock, ahead: timedelta
) -> None:
    clock.at += ahead
    old = memory.add("I live in Porto.", scope=ada)
    clock.at -= ahead
    new = memory.update(old.id, "I live in Lisbon.", scope=ada)
    assert near(new.valid_from, clock)
    for asked in (None, new.valid_from, old.valid_from, old.valid_from + ahead):
        held = memory.search("live", scope=ada, as_of=asked)
        assert [hit.record.id for hit in held] == [new.id], asked
    assert shown(memory, "Where do I live?", ada) == ["I live in Lisbon."]
    assert [event.action for event in memory.history(new.id, scope=ada)] == [
        "add",
        "supersede",
        "add",
    ]
    assert memory.verify() == ()


@ahead
def test_what_happened_to_a_record_is_told_in_order(
    memory: Memory, ada: Scope, clock: Clock, ahead: timedelta
) -> None:
    record = memory.add("tea is hot", scope=ada, who="first")
    for who, step in (("second", ahead), ("third", -ahead), ("fourth", timedelta())):
        clock.at += step
        memory.add("tea is hot", scope=ada, who=who)
    events = memory.history(record.id, scope=ada)
    assert [event.who for event in events] == ["first", "second", "third", "fourth"]
    assert [event.at for event in events] == sorted(event.at for event in events)


@ahead
def test_what_was_dated_ahead_counts_as_newest_until_it_is_told_again(
    memory: Memory, ada: Scope, clock: Clock, ahead: timedelta
) -> None:
    """The price: by its date nothing told now is newer; a new version or telling it again helps."""
    clock.at += ahead
    memory.add("Mary moved to the bathroom.", scope=ada)
    clock.at -= ahead
    memory.add("Mary moved to the kitchen.", scope=ada)
    assert shown(memory, "Where is Mary?", ada) == ["Mary moved to the bathroom."]
    memory.add("Mary moved to the bathroom.", scope=ada)
    memory.add("Mary moved to the kitchen.", scope=ada)
    assert shown(memory, "Where is Mary?", ada) == ["Mary moved to the kitchen."]
