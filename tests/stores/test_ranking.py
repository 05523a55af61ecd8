import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memagent import Memory, Scope
from memagent.errors import InvalidInput
from memagent.stores.database.reader import RankedRow
from memagent.stores.ranking import Candidate, Ranking, ranked, tokens_of
from memagent.types import Hits, NewRecord, Record

NOW = datetime.now(UTC)


def values(memory: Memory, query: str, scope: Scope, **how: object) -> list[str]:
    return [hit.record.text for hit in memory.search(query, scope=scope, **how)]  # type: ignore[arg-type]


def test_a_floor_leaves_out_and_counts_what_is_too_far_off(memory: Memory, ada: Scope) -> None:
    memory.add_many(["the cat sleeps", "the dog barks", "rain again"], scope=ada)
    hits = memory.search("a sleeping cat", scope=ada, min_score=0.3)
    assert [hit.record.text for hit in hits] == ["the cat sleeps"]
    assert (hits.candidates, hits.below_min_score) == (3, 2)
    unknown = memory.search("quantum physics", scope=ada, min_score=0.5)
    assert (len(unknown), unknown.below_min_score) == (0, 3)


def test_a_budget_of_tokens_passes_over_what_does_not_fit(memory: Memory, ada: Scope) -> None:
    memory.add_many(["cat " * 50, "cat dog", "cat dog emu"], scope=ada)
    hits = memory.search("cat", scope=ada, tokens=5)
    assert sorted(hit.record.text for hit in hits) == ["cat dog", "cat dog emu"]
    assert sum(tokens_of(len(hit.record.text)) for hit in hits) <= 5
    assert hits.over_budget == 1


def test_recency_decides_between_equally_relevant_records(memory: Memory, ada: Scope) -> None:
    old = NewRecord(text="cat cat", valid_from=NOW - timedelta(days=60))
    new = NewRecord(text="cat dog", valid_from=NOW - timedelta(days=1))
    memory.add_many([old, new], scope=ada)
    assert set(values(memory, "cat", ada)) == {"cat cat", "cat dog"}
    assert values(memory, "cat", ada, half_life=timedelta(days=10)) == ["cat dog", "cat cat"]


def test_diversity_prefers_what_was_not_said_yet(memory: Memory, ada: Scope) -> None:
    memory.add_many(["cat eats fish", "the cat eats fish", "cat on a sofa"], scope=ada)
    assert "cat on a sofa" not in values(memory, "cat eats fish", ada, k=2)
    assert "cat on a sofa" in values(memory, "cat eats fish", ada, k=2, diversity=0.5)


def test_explaining_names_factors(memory: Memory, ada: Scope) -> None:
    memory.add_many(["cat eats fish", "cat on a sofa"], scope=ada)
    (hit, _) = memory.search("fish", scope=ada, explain=True, diversity=0.1)
    assert hit.why["words"] == hit.why["likeness"] == 1
    assert (hit.why["reliability"], hit.why["decay"], hit.why["redundancy"]) == (1, 1, 0)
    assert "reliability" not in memory.search("fish", scope=ada)[0].why


def test_a_vector_alone_is_searched_by_meaning_only(memory: Memory, ada: Scope) -> None:
    memory.add_many(["first", "second"], scope=ada, vectors=[[1.0] + [0.0] * 63, [1.0] * 64])
    hits = memory.search(scope=ada, vector=[2.0] + [0.0] * 63)
    assert [hit.record.text for hit in hits] == ["first", "second"]
    assert hits[0].score == pytest.approx(1, abs=1e-3)
    assert hits[0].why.keys() == {"cosine"}
    assert memory.search("second", scope=ada, vector=[1.0] * 64)[0].record.text == "second"


def test_more_hits_than_the_usual_candidates_can_be_asked_for(memory: Memory, ada: Scope) -> None:
    memory.add_many([f"cat number {n}" for n in range(150)], scope=ada)
    assert len(memory.search("cat", scope=ada, k=150)) == 150


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ([[1.0] * 64], "1 vectors for 2 keys"),
        ([[1.0] * 63] * 2, "rows of 64 finite numbers"),
        ([[float("nan")] * 64] * 2, "rows of 64 finite numbers"),
        ([1.0] * 64, "rows of 64 finite numbers"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(
    memory: Memory, ada: Scope, vectors: list[list[float]], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        memory.add_many(["one", "two"], scope=ada, vectors=vectors)
    assert memory.list(scope=ada) == []


@pytest.mark.parametrize(
    "how",
    [
        {"k": 0},
        {"min_score": 1.5},
        {"diversity": -0.1},
        {"tokens": 0},
        {"half_life": timedelta(0)},
    ],
)
def test_numbers_out_of_range_are_refused(memory: Memory, ada: Scope, how: dict[str, int]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(how)).split("_")[0][:4] + "|budget|half-life"):
        values(memory, "cat", ada, **how)


def told(number: int, moment: datetime, helped: int = 0, hurt: int = 0) -> RankedRow:
    record = Record(
        id=str(number),
        seq=number,
        kind="episode",
        text="x" * number,
        keys=("key",),
        scope=Scope(user="ada"),
        created=moment,
        valid_from=moment,
    )
    return RankedRow(record, {number: "key"}, helped, hurt)


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.2, 0.4, 0.8, 1.0]), st.integers(0, 3), st.integers(0, 3)),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 6),
    st.sampled_from([{}, {"half_life": timedelta(hours=2)}, {"min_score": 0.3}, {"tokens": 2}]),
)
def test_what_was_not_read_would_not_have_been_chosen(
    drawn: list[tuple[float, int, int]], k: int, how: dict[str, Any]
) -> None:
    held = {
        number: told(number, NOW - timedelta(hours=hours), hurt=hurt)
        for number, (_, hours, hurt) in enumerate(drawn, start=1)
    }
    asked: list[int] = []

    def read_rows(numbers: Sequence[int]) -> dict[int, RankedRow]:
        asked.extend(numbers)
        return {number: held[number] for number in numbers}

    def found(k: int) -> Hits:
        candidates = [Candidate(one, one, drawn[one - 1][0], {}) for one in held]
        return ranked(candidates, Ranking(k=k, **how), read_rows)

    some = found(k)
    read, everything = set(asked), found(len(held))
    assert [hit.record.seq for hit in some] == [hit.record.seq for hit in everything][:k]
    assert some.candidates == everything.candidates == len(held)
    assert some.below_min_score == everything.below_min_score
    assert some.over_budget == everything.over_budget
    assert {hit.record.seq for hit in some} <= read


def test_only_what_can_be_chosen_is_read(memory: Memory, ada: Scope) -> None:
    memory.add_many([f"number {n}" for n in range(9)], scope=ada, vectors=fan(9))
    asked: list[int] = []
    read_rows = memory.engine.store.read.ranked_rows

    def listening(numbers: Sequence[int]) -> dict[int, RankedRow]:
        asked.extend(numbers)
        return read_rows(numbers)

    memory.engine.store.read.ranked_rows = listening  # type: ignore[method-assign]
    hits = memory.search(scope=ada, vector=fan(1)[0], k=3)
    assert [hit.record.text for hit in hits] == ["number 0", "number 1", "number 2"]
    assert (len(asked), hits.candidates) == (3, 6)


def test_a_record_that_hurt_gives_way_to_one_that_was_not_read_at_first(
    memory: Memory, ada: Scope
) -> None:
    first, *_ = memory.add_many(["first", "second", "third"], scope=ada, vectors=fan(3))
    for _ in range(4):
        memory.changes.judge([first.id], "hurt", scope=ada)
    assert found_by(memory, fan(1)[0], ada, k=2) == ["second", "third"]


def test_of_equally_near_records_the_newest_is_found(memory: Memory, ada: Scope) -> None:
    days = [NOW - timedelta(days=days) for days in (3, 1, 2)]
    notes = [NewRecord(text=f"{day:%d}", valid_from=day) for day in days]
    memory.add_many(notes, scope=ada, vectors=[fan(1)[0]] * 3)
    newest_first = [f"{day:%d}" for day in sorted(days, reverse=True)]
    assert found_by(memory, fan(1)[0], ada, k=2) == newest_first[:2]
    assert values(memory, "nothing", ada, vector=fan(1)[0]) == newest_first


@pytest.mark.parametrize("vector", [[1.0] * 63, [float("nan")] * 64, [[1.0] * 64], 1.0])
def test_a_vector_that_does_not_fit_is_not_searched(
    memory: Memory, ada: Scope, vector: object
) -> None:
    memory.add("cat", scope=ada)
    with pytest.raises(InvalidInput, match="rows of 64 finite numbers"):
        memory.search(scope=ada, vector=vector)  # type: ignore[arg-type]


def test_a_vector_of_any_length_finds_the_same(memory: Memory, ada: Scope) -> None:
    memory.add_many(["first", "second"], scope=ada, vectors=fan(2))
    for length in (1e-3, 1.0, 1e3):
        hits = memory.search(scope=ada, vector=[length * x for x in fan(1)[0]])
        assert [hit.score for hit in hits] == pytest.approx([1, math.cos(0.1)], abs=1e-3)
    with pytest.raises(InvalidInput, match="not all zero"):
        memory.search(scope=ada, vector=[0.0] * 64)


def fan(n: int) -> list[list[float]]:
    """Unit vectors, each a tenth of a radian further from the first."""
    return [[math.cos(0.1 * step), math.sin(0.1 * step)] + [0.0] * 62 for step in range(n)]


def found_by(memory: Memory, vector: list[float], scope: Scope, k: int) -> list[str]:
    return [hit.record.text for hit in memory.search(scope=scope, vector=vector, k=k)]
