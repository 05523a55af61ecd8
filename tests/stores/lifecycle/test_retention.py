import math

import pytest

from memagent import Memory, Scope
from memagent.errors import InvalidInput
from memagent.stores.lifecycle import retention
from memagent.stores.lifecycle.retention import activation, retention_scores

SECOND = 1_000_000


def test_activation_is_the_log_of_the_summed_powers_of_the_ages() -> None:
    assert activation([0], 100 * SECOND, 0.5) == pytest.approx(math.log(0.1))
    assert activation([0, 75 * SECOND], 100 * SECOND, 0.5) == pytest.approx(math.log(0.1 + 0.2))
    assert activation([100 * SECOND], 100 * SECOND) == 0  # an age counts as one second at least


def test_policies_differ_in_what_they_let_go_first() -> None:
    day = 86_400 * SECOND
    uses = {1: [0, day, 2 * day, 3 * day], 2: [5 * day], 3: [4 * day, int(4.1 * day)]}
    first = {
        policy: min(uses, key=retention_scores(uses, 6 * day, policy).__getitem__)
        for policy in retention.POLICIES
    }
    assert first == {"fifo": 1, "lru": 1, "activation": 2}


@pytest.fixture
def five(memory: Memory, ada: Scope) -> list[str]:
    return [memory.add(f"cat {n}", scope=ada).id for n in range(5)]


def test_what_is_archived_is_kept_told_of_and_can_come_back(
    memory: Memory, ada: Scope, five: list[str]
) -> None:
    plan = memory.maintenance.retain(3, scope=ada, policy="fifo", dry_run=True)
    assert plan.archived == tuple(five[:2])
    assert len(memory.search("cat", scope=ada)) == 5
    done = memory.maintenance.retain(3, scope=ada, policy="fifo")
    assert (done.archived, done.kept, done.pinned) == (tuple(five[:2]), 3, 0)
    assert {hit.record.id for hit in memory.search("cat", scope=ada)} == set(five[2:])
    assert {one.id for one in memory.list(scope=ada)} == set(five[2:])
    assert len(memory.list(scope=ada, everything=True)) == 5
    event = memory.history(five[0], scope=ada)[-1]
    assert (event.action, event.why) == ("archive", "over a capacity of 3 by fifo")
    assert memory.changes.restore(five[:1], scope=ada).changed == 1
    assert memory.changes.restore(five[:1], scope=ada).changed == 0
    assert five[0] in {hit.record.id for hit in memory.search("cat", scope=ada)}
    assert memory.maintenance.verify() == ()


def test_what_is_shown_is_kept_and_counted(memory: Memory, ada: Scope, five: list[str]) -> None:
    memory.add_many(["a question"], scope=ada, recalled=[five[0], "unknown"])
    assert memory.get(five[:1], scope=ada)[0].recalled == 1
    assert (
        memory.maintenance.retain(1, scope=ada, policy="fifo", dry_run=True).archived[0] == five[0]
    )
    for policy in ("lru", "activation"):
        left_out = memory.maintenance.retain(2, scope=ada, policy=policy, dry_run=True)  # type: ignore[arg-type]
        assert five[0] not in left_out.archived


def test_pinned_records_stay(memory: Memory, ada: Scope, five: list[str]) -> None:
    assert memory.changes.pin(five[:1], scope=ada).changed == 1
    done = memory.maintenance.retain(1, scope=ada, policy="fifo")
    assert done.archived == tuple(five[1:])
    assert done.pinned == 1
    assert memory.changes.pin(five[:1], scope=ada, pinned=False).changed == 1
    assert memory.maintenance.retain(0, scope=ada).archived == (five[0],)


def test_others_and_their_records_do_not_count(memory: Memory, ada: Scope, five: list[str]) -> None:
    bob = Scope(user="bob")
    memory.add_many(["cat one", "cat two"], scope=bob)
    assert memory.maintenance.retain(5, scope=ada).archived == ()
    assert memory.maintenance.retain(0, scope=ada).kept == 0
    assert len(memory.search("cat", scope=bob)) == 2


def test_only_the_last_uses_are_kept_one_by_one(
    memory: Memory, ada: Scope, five: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MAX_USES", 3)
    for n in range(6):
        memory.add(f"turn {n}", scope=ada)
        memory.add_many([f"again {n}"], scope=ada, recalled=five[:1])
    assert memory.engine.store.query("SELECT count(*) FROM uses")[0][0] == 3
    assert memory.get(five[:1], scope=ada)[0].recalled == 6


def test_what_makes_no_sense_is_refused(memory: Memory, ada: Scope) -> None:
    for capacity, policy, decay in ((-1, "lru", 0.5), (1, "random", 0.5), (1, "lru", 0.0)):
        with pytest.raises(InvalidInput, match=r"retention|policy"):
            memory.maintenance.retain(capacity, scope=ada, policy=policy, decay=decay)  # type: ignore[arg-type]
