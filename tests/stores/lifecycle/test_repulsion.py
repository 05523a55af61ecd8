import numpy as np
import pytest

from memagent import Memory, Scope
from memagent.errors import InvalidInput
from memagent.stores.database.rows import unpacked
from memagent.stores.lifecycle.key_repulsion import MIN_COSINE
from memagent.types import NewRecord


def unit(*numbers: float) -> np.ndarray:
    vector = np.zeros(64, dtype=np.float32)
    vector[: len(numbers)] = numbers
    return vector / np.linalg.norm(vector)


@pytest.fixture
def twins(memory: Memory, ada: Scope) -> tuple[str, str]:
    """Two records whose keys are nearly the same."""
    notes = [
        NewRecord(id="monday", text="the meeting, on Monday"),
        NewRecord(id="tuesday", text="a meeting"),
    ]
    memory.add_many(notes, scope=ada, vectors=[unit(1, 0.10), unit(1, 0.13)])
    return "monday", "tuesday"


QUERY = unit(1, 0.3)


def best(memory: Memory, scope: Scope) -> str:
    return memory.search(scope=scope, vector=QUERY)[0].record.id


def stored(memory: Memory) -> np.ndarray:
    return unpacked(
        [row[0] for row in memory.engine.store.query("SELECT vector FROM keys ORDER BY id")]
    )


def test_a_confusion_is_mended_and_can_be_undone(
    memory: Memory, ada: Scope, twins: tuple[str, str]
) -> None:
    before, values = stored(memory), [one.text for one in memory.list(scope=ada)]
    assert best(memory, ada) == "tuesday"
    done = memory.changes.separate(
        vector=QUERY, wanted="monday", found="tuesday", scope=ada, steps=9, why="asked"
    )
    assert done.apart
    assert done.wanted_before < done.found_before
    assert best(memory, ada) == "monday"
    assert [one.text for one in memory.list(scope=ada)] == values
    assert [event.action for event in memory.history("monday", scope=ada)] == ["add", "move"]
    assert memory.changes.move_back(["monday", "tuesday"], scope=ada).changed == 2
    assert best(memory, ada) == "tuesday"
    assert np.array_equal(stored(memory), before)
    assert memory.changes.move_back(["monday"], scope=ada).changed == 0


def test_keys_never_drift_beyond_the_bound(
    memory: Memory, ada: Scope, twins: tuple[str, str]
) -> None:
    before = stored(memory)
    far = unit(0.2, 0, 1)
    for _ in range(50):
        memory.changes.separate(vector=far, wanted="monday", found="tuesday", scope=ada)
        memory.changes.separate(vector=far, wanted="tuesday", found="monday", scope=ada)
    cosines = np.sum(stored(memory) * before, axis=1)
    assert (cosines >= MIN_COSINE - 2e-3).all()
    assert not np.array_equal(stored(memory), before)
    memory.changes.move_back(twins, scope=ada)
    assert np.array_equal(stored(memory), before)


def test_what_cannot_be_told_apart_says_so(memory: Memory, ada: Scope) -> None:
    memory.add_many(["one", "other"], scope=ada, vectors=[unit(0, 1), unit(1, 0)])
    one, other = memory.list(scope=ada)[::-1]
    done = memory.changes.separate(vector=unit(1, 0.01), wanted=one.id, found=other.id, scope=ada)
    assert not done.apart
    assert done.wanted_after > done.wanted_before


def test_other_processes_see_moved_keys_and_forgetting_takes_them(
    memory: Memory, ada: Scope, twins: tuple[str, str]
) -> None:
    memory.changes.separate(vector=QUERY, wanted="monday", found="tuesday", scope=ada)
    assert memory.engine.store.query("SELECT count(*) FROM original_vectors")[0][0] == 2
    memory.forget(["monday"], scope=ada)
    assert memory.engine.store.query("SELECT count(*) FROM original_vectors")[0][0] == 1


def test_only_two_records_of_the_scope_can_be_separated(
    memory: Memory, ada: Scope, twins: tuple[str, str]
) -> None:
    for wanted, found, scope in (
        ("monday", "nobody", ada),
        ("monday", "monday", ada),
        ("monday", "tuesday", Scope(user="bob")),
    ):
        with pytest.raises(InvalidInput, match="no two records"):
            memory.changes.separate("when?", wanted=wanted, found=found, scope=scope)
