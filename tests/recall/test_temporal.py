from datetime import UTC, datetime, timedelta

import pytest

from memagent import Memory, Scope
from memagent.errors import InvalidInput

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def day(number: int) -> datetime:
    return NOON + timedelta(days=number)


def found(memory: Memory, scope: Scope, as_of: datetime | None = None) -> list[str]:
    return sorted(hit.record.text for hit in memory.search("live", scope=scope, as_of=as_of))


def test_a_new_version_closes_the_old_and_the_past_can_be_asked(memory: Memory, ada: Scope) -> None:
    old = memory.add("I live in Porto.", scope=ada, valid_from=day(0))
    new = memory.update(old.id, "I live in Lisbon.", scope=ada, valid_from=day(5))
    assert (new.supersedes, new.valid_from) == (old.id, day(5))
    assert found(memory, ada) == ["I live in Lisbon."]
    assert found(memory, ada, day(4)) == ["I live in Porto."]
    assert found(memory, ada, day(5)) == ["I live in Lisbon."]
    assert found(memory, ada, day(-1)) == []
    closed = memory.get([old.id], scope=ada)[0]
    assert (closed.text, closed.superseded, closed.valid_to) == ("I live in Porto.", True, day(5))
    assert [one.text for one in memory.list(scope=ada)] == ["I live in Lisbon."]
    assert len(memory.list(scope=ada, everything=True)) == 2


def test_recall_asks_the_past_too(memory: Memory, ada: Scope) -> None:
    old = memory.add("I live in Porto.", scope=ada, valid_from=day(0))
    memory.update(old.id, "I live in Lisbon.", scope=ada, valid_from=day(5))
    now = memory.recall("Where do I live?", scope=ada)
    then = memory.recall("Where do I live?", scope=ada, as_of=day(1))
    assert [hit.record.text for hit in now.hits] == ["I live in Lisbon."]
    assert [hit.record.text for hit in then.hits] == ["I live in Porto."]


def test_a_time_without_a_zone_is_local_time(memory: Memory, ada: Scope) -> None:
    naive = datetime(2024, 5, 1, 12)
    memory.add("I live in Porto.", scope=ada, valid_from=naive)
    assert found(memory, ada, naive) == ["I live in Porto."]
    assert found(memory, ada, naive - timedelta(seconds=1)) == []
    assert memory.list(scope=ada)[0].valid_from == naive.astimezone(UTC)


def test_what_has_run_out_is_left_out(memory: Memory, ada: Scope) -> None:
    memory.add("I live in a tent.", scope=ada, valid_from=day(0), valid_to=day(2))
    assert found(memory, ada) == []
    assert found(memory, ada, day(1)) == ["I live in a tent."]


def test_the_same_fact_in_two_periods_stays_two_facts(memory: Memory, ada: Scope) -> None:
    first = memory.add("I live in Porto.", scope=ada)
    memory.update(first.id, "I live in Lisbon.", scope=ada)
    again = memory.add("I live in Porto.", scope=ada)
    assert again.id != first.id
    assert found(memory, ada) == ["I live in Lisbon.", "I live in Porto."]


def test_updating_twice_is_once_and_an_old_version_is_not_updated(
    memory: Memory, ada: Scope
) -> None:
    old = memory.add("I live in Porto.", scope=ada)
    new = memory.update(old.id, "I live in Lisbon.", scope=ada)
    assert memory.update(old.id, "I live in Lisbon.", scope=ada).id == new.id
    assert len(memory.list(scope=ada, everything=True)) == 2
    with pytest.raises(InvalidInput, match=f"its newest version is '{new.id}'"):
        memory.update(old.id, "I live in Faro.", scope=ada)


def test_what_is_not_there_cannot_be_updated_nor_another_user_s(memory: Memory, ada: Scope) -> None:
    record = memory.add("I live in Porto.", scope=ada)
    for scope, record_id in ((ada, "nothing"), (Scope(user="bob"), record.id)):
        with pytest.raises(InvalidInput, match="there is no record"):
            memory.update(record_id, "x", scope=scope)


def test_history_says_who_changed_what_and_why(memory: Memory, ada: Scope) -> None:
    old = memory.add("I live in Porto.", scope=ada, who="ada")
    memory.add("I live in Porto.", scope=ada)
    new = memory.update(old.id, "I live in Lisbon.", scope=ada, who="bea", why="she moved")
    events = memory.history(new.id, scope=ada)
    assert [(event.record, event.action, event.who, event.why) for event in events] == [
        (old.id, "add", "ada", None),
        (old.id, "affirm", None, None),
        (old.id, "supersede", "bea", "she moved"),
        (new.id, "add", "bea", "she moved"),
    ]
    assert memory.history(old.id, scope=ada) == events
    with pytest.raises(InvalidInput, match="there is no record"):
        memory.history(old.id, scope=Scope(user="bob"))


def test_a_time_range_bounds_when_a_record_began(memory: Memory, ada: Scope) -> None:
    for number in range(4):
        memory.add(f"live {number}", scope=ada, valid_from=day(number))
    hits = memory.search("live", scope=ada, since=day(1), until=day(3))
    assert sorted(hit.record.text for hit in hits) == ["live 1", "live 2"]
