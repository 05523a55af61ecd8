"""Costs of reading: a record's text is read once, and versions and outcomes by their indexes."""

import tracemalloc
from collections.abc import Callable

import pytest

from memagent import Memory
from memagent.testing import HashEmbedder


def memory_of() -> Memory:
    return Memory.in_memory(embedder=HashEmbedder(8), scope="ada")


def steps(memory: Memory, verb: Callable[[], object]) -> int:
    """Return how many hundred instructions SQLite carries out for a verb."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    db = memory.engine.store._db
    db.set_progress_handler(tick, 100)
    try:
        verb()
    finally:
        db.set_progress_handler(None, 0)
    return count


@pytest.mark.parametrize("verb", ["get", "list", "search"])
def test_reading_a_long_record_takes_a_few_times_its_length(verb: str) -> None:
    memory, text = memory_of(), "Zoe went home. " * 6_000
    record = memory.add(text, metadata={"page": "x" * 100_000})
    assert len(record.keys) > 100
    verbs: dict[str, Callable[[], object]] = {
        "get": lambda: memory.get(record.id),
        "list": memory.list,
        "search": lambda: memory.search("Zoe", k=1),
    }
    memory.search("Zoe")  # fills the index
    tracemalloc.start()
    try:
        verbs[verb]()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 * len(text)


def versions(count: int) -> tuple[Memory, str, str]:
    """Return a memory with a record of many versions, and the ids of the first and the last."""
    memory = memory_of()
    first = last = memory.add("version").id
    for number in range(count):
        last = memory.update(last, f"version {number}").id
    return memory, first, last


@pytest.mark.parametrize(
    "verb",
    [
        lambda memory, first, last: memory.history(first),
        lambda memory, first, last: memory.history(last),
        lambda memory, first, last: memory.changes.newest(first),
        lambda memory, first, last: memory.forget(last, dry_run=True),
        lambda memory, first, last: memory.list(limit=100),
    ],
)
def test_many_versions_cost_as_many_times_as_much(
    verb: Callable[[Memory, str, str], object],
) -> None:
    counts = []
    for size in (50, 200):
        memory, first, last = versions(size)
        counts.append(steps(memory, lambda: verb(memory, first, last)))  # noqa: B023
    assert counts[1] <= 6 * counts[0] + 20


def test_the_next_version_does_not_read_those_before_it() -> None:
    memory, _, last = versions(20)
    few = steps(memory, lambda: memory.update(last, "the next"))
    memory, _, last = versions(200)
    assert steps(memory, lambda: memory.update(last, "the next")) <= few + 20


def test_five_hundred_versions_are_one_record() -> None:
    memory, first, last = versions(500)
    assert [record.id for record in memory.list(limit=10)] == [last]
    assert len(memory.history(first)) == 1001
    assert memory.changes.newest(first)[first].id == last
    assert memory.forget(first).records == 501
    assert memory.list() == []


def test_a_judged_record_of_many_sources_costs_as_many_lookups() -> None:
    counts = []
    for size in (500, 2000):
        memory = memory_of()
        record = memory.add("Zoe went home.", sources=[f"page {n}" for n in range(size)])
        memory.changes.judge(record.id, "helped")
        counts.append(steps(memory, lambda: memory.search("Zoe")))  # noqa: B023
    assert counts[1] <= 6 * counts[0]
