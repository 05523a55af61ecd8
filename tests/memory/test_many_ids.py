"""More ids at once than one SQLite statement has places for values."""

import sqlite3
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from memagent import Memory, NewRecord, Scope
from memagent.testing import HashEmbedder

MANY = 40_000
PLACES = 32_766
"""As SQLite is built unless told otherwise; some systems allow more."""
ADA = Scope(user="ada")


@pytest.fixture(scope="module")
def large() -> Iterator[Memory]:
    """A memory of many records; every thousandth has a history, one has another version."""
    with Memory.in_memory(embedder=HashEmbedder(2)) as memory:
        notes = [NewRecord(id=f"n{n}", text=f"note {n}") for n in range(MANY)]
        memory.add_many(notes, scope=ADA, vectors=np.tile([1.0, 0.0], (MANY, 1)))
        for n in range(0, MANY, 1000):
            memory.changes.judge([f"n{n}"], "helped", scope=ADA, why=f"judged {n}")
        memory.engine.store._db.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, PLACES)
        yield memory


def test_many_records_are_got_by_id_in_the_order_asked_for(large: Memory) -> None:
    ids = [f"n{n}" for n in reversed(range(MANY))]
    got = large.get(["unknown", ids[-1], *ids, ids[0]], scope=ADA)
    assert [record.id for record in got] == [ids[-1], *ids, ids[0]]
    assert all(record.keys == (record.text,) for record in got)
    assert large.get(ids, scope=Scope(user="bob")) == []


def test_many_records_are_read_by_number_in_the_order_asked_for(large: Memory) -> None:
    seqs = [record.seq for record in large.list(scope=ADA, limit=MANY)]
    again = large.engine.store.read.records([-1, *seqs, seqs[0]])
    assert [record.seq for record in again] == [*seqs, seqs[0]]


def test_many_records_are_listed_with_their_keys(large: Memory) -> None:
    listed = large.list(scope=ADA, limit=MANY)
    assert [record.keys for record in listed] == [(f"note {n}",) for n in reversed(range(MANY))]


def test_the_history_of_many_records_is_told_in_order(large: Memory) -> None:
    seqs = [record.seq for record in large.list(scope=ADA, limit=MANY)]
    events = large.engine.store.history(seqs)
    judged = [event.why for event in events if event.action == "helped"]
    assert judged == [f"judged {n}" for n in range(0, MANY, 1000)]
    assert [event.action for event in events] == ["add"] * MANY + ["helped"] * len(judged)


def test_many_are_found_at_once(large: Memory) -> None:
    assert len(large.search(scope=ADA, vector=[1.0, 0.0], k=MANY)) == MANY


def test_ids_of_odd_characters_are_got(memory: Memory) -> None:
    odd = ["quote ' \" \\", "naïve ☃ 𝄞", "[1]", "1", "null", "", "a\tb"]
    records = [memory.add(f"text {n}", scope=ADA, id=id or None) for n, id in enumerate(odd)]
    ids = [record.id for record in records]
    assert [one.id for one in memory.get(ids, scope=ADA)] == ids
    assert memory.get([], scope=ADA) == []
    assert memory.engine.store.read.records([]) == []
    assert memory.engine.store.history([]) == []


def test_a_few_ids_are_looked_up_one_by_one_however_many_records_there_are(
    memory: Memory, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [one.id for one in memory.add_many(["one", "two", "three"], scope=ada)]
    store, asked = memory.engine.store, list[tuple[str, Sequence[object]]]()
    query = store.query

    def watched(sql: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        asked.append((sql, values))
        return query(sql, values)

    monkeypatch.setattr(store.read, "query", watched)
    assert len(memory.get(ids, scope=ada)) == 3
    ((sql, values),) = [one for one in asked if "r.id IN" in one[0]]
    plan = [row["detail"] for row in query(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert any("(user=? AND id=?)" in step for step in plan)
