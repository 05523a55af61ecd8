"""A busy user beside a quiet one: who has few records finds all of them, and loads no others."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from memagent import Memory, Scope
from memagent.testing import HashEmbedder
from memagent.types import NewRecord

BUSY_RECORDS = int(os.environ.get("BUSY_RECORDS", "20000"))
BATCH = 5_000
FEW = 10
EMBEDDER = HashEmbedder(16)
BUSY, QUIET = Scope(user="busy"), Scope(user="quiet")
CORNER = Scope(user="busy", session="corner")
QUERY = "who drinks tea in the garden"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which both speak of the same; the busy user's vectors are the query's own."""
    place = tmp_path_factory.mktemp("users")
    rng = np.random.default_rng(0)
    meaning = np.array(EMBEDDER.embed_query(QUERY))
    with Memory.open(place, embedder=EMBEDDER) as memory:
        for scope in (QUIET, CORNER):
            texts = [f"{scope.session or scope.user} guest {n} drinks tea" for n in range(FEW)]
            memory.add_many(texts, scope=scope)
        for start in range(0, BUSY_RECORDS, BATCH):
            numbers = range(start, min(start + BATCH, BUSY_RECORDS))
            near = meaning + 0.01 * rng.standard_normal((len(numbers), len(meaning)))
            notes = [NewRecord(text=f"guest {n} drinks tea in the garden") for n in numbers]
            memory.add_many(notes, scope=BUSY, vectors=near)
    return place


@pytest.fixture
def memory(folder: Path) -> Iterator[Memory]:
    with Memory.open(folder, embedder=EMBEDDER) as opened:
        yield opened


def held(memory: Memory) -> dict[str, int]:
    """Whose vectors are in memory, and how many."""
    partitions = memory.engine.bank.vectors._partitions
    return {user: len(partition) for user, partition in partitions.items()}


def values(memory: Memory, scope: Scope, query: str = QUERY, k: int = FEW) -> set[str]:
    return {hit.record.text for hit in memory.search(query, scope=scope, k=k)}


def steps(memory: Memory, scope: Scope) -> int:
    """How much work SQLite's machine has with a search, in hundreds of instructions."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    memory.engine.store._db.set_progress_handler(tick, 100)
    values(memory, scope)
    memory.engine.store._db.set_progress_handler(None, 0)
    return count


def test_the_quiet_user_finds_all_and_loads_nothing_of_the_other(memory: Memory) -> None:
    own = {f"quiet guest {n} drinks tea" for n in range(FEW)}
    assert values(memory, QUIET) == own
    assert values(memory, QUIET, k=1000) == own
    assert values(memory, QUIET, "something else entirely") == own
    assert {one.text for one in memory.list(scope=QUIET)} == own
    shown = memory.recall("What does guest 3 drink?", scope=QUIET).hits
    assert {hit.record.text for hit in shown} <= own
    assert len(shown) > 0
    assert held(memory) == {"quiet": FEW}
    assert memory.maintenance.stats()["records"] == BUSY_RECORDS + 2 * FEW
    print(f"beside {BUSY_RECORDS:,} records: {len(own)} found, in memory {held(memory)}")


def test_the_quiet_user_asks_no_more_of_the_database(memory: Memory, tmp_path: Path) -> None:
    with Memory.open(tmp_path, embedder=EMBEDDER) as alone:
        alone.maintenance.import_(list(memory.maintenance.export(scope=QUIET)))
        values(alone, QUIET)
        values(memory, QUIET)
        beside, by_itself = steps(memory, QUIET), steps(alone, QUIET)
    print(
        f"a search is {beside * 100:,} instructions beside the busy user, {by_itself * 100:,} alone"
    )
    assert beside > 0
    assert (beside - by_itself) * 100 < BUSY_RECORDS / 10


def test_the_quiet_user_still_finds_all_when_the_busy_one_searches_too(memory: Memory) -> None:
    assert len(values(memory, BUSY)) == FEW
    assert held(memory) == {"busy": BUSY_RECORDS + FEW}
    assert len(values(memory, QUIET)) == FEW
    assert held(memory) == {"busy": BUSY_RECORDS + FEW, "quiet": FEW}
    assert not values(memory, BUSY) & values(memory, QUIET)


def test_a_quiet_session_of_the_busy_user_is_not_crowded_out(memory: Memory) -> None:
    own = {f"corner guest {n} drinks tea" for n in range(FEW)}
    assert values(memory, CORNER) == own
    assert values(memory, CORNER, k=1000) == own


def test_forgetting_all_of_one_user_leaves_the_other(memory: Memory) -> None:
    receipt = memory.forget(scope=BUSY, everything=True)
    assert receipt.records == BUSY_RECORDS + FEW
    assert len(values(memory, QUIET)) == FEW
    assert values(memory, BUSY) == set()
    assert memory.maintenance.stats()["records"] == FEW
    assert memory.maintenance.verify() == ()
