from datetime import UTC, datetime, timedelta

import pytest

from memagent import Memory, Scope
from memagent.errors import InvalidInput
from memagent.stores.ranking import tokens_of
from memagent.types import Note

NOW = datetime.now(UTC)


def values(memory: Memory, query: str, scope: Scope, **how: object) -> list[str]:
    return [hit.record.value for hit in memory.search(query, scope=scope, **how)]  # type: ignore[arg-type]


def test_a_floor_leaves_out_and_counts_what_is_too_far_off(memory: Memory, ada: Scope) -> None:
    memory.add_many(["the cat sleeps", "the dog barks", "rain again"], scope=ada)
    hits = memory.search("a sleeping cat", scope=ada, floor=0.3)
    assert [hit.record.value for hit in hits] == ["the cat sleeps"]
    assert (hits.candidates, hits.below_floor) == (3, 2)
    unknown = memory.search("quantum physics", scope=ada, floor=0.5)
    assert (len(unknown), unknown.below_floor) == (0, 3)


def test_a_budget_of_tokens_passes_over_what_does_not_fit(memory: Memory, ada: Scope) -> None:
    memory.add_many(["cat " * 50, "cat dog", "cat dog emu"], scope=ada)
    hits = memory.search("cat", scope=ada, tokens=5)
    assert sorted(hit.record.value for hit in hits) == ["cat dog", "cat dog emu"]
    assert sum(tokens_of(len(hit.record.value)) for hit in hits) <= 5
    assert hits.over_budget == 1


def test_recency_decides_between_equally_relevant_records(memory: Memory, ada: Scope) -> None:
    old = Note(text="cat cat", valid_from=NOW - timedelta(days=60))
    new = Note(text="cat dog", valid_from=NOW - timedelta(days=1))
    memory.add_many([old, new], scope=ada)
    assert values(memory, "cat", ada) == ["cat cat", "cat dog"]
    assert values(memory, "cat", ada, half_life=timedelta(days=10)) == ["cat dog", "cat cat"]


def test_diversity_prefers_what_was_not_said_yet(memory: Memory, ada: Scope) -> None:
    memory.add_many(["cat eats fish", "the cat eats fish", "cat on a sofa"], scope=ada)
    assert "cat on a sofa" not in values(memory, "cat eats fish", ada, k=2)
    assert "cat on a sofa" in values(memory, "cat eats fish", ada, k=2, diversity=0.5)


def test_explaining_names_ranks_and_factors(memory: Memory, ada: Scope) -> None:
    memory.add_many(["cat eats fish", "cat on a sofa"], scope=ada)
    (hit, _) = memory.search("fish", scope=ada, explain=True, diversity=0.1)
    assert hit.why["dense_rank"] == hit.why["bm25_rank"] == hit.why["newest_rank"] == 1
    assert (hit.why["reliability"], hit.why["recency"], hit.why["likeness"]) == (1, 1, 0)
    assert "reliability" not in memory.search("fish", scope=ada)[0].why


def test_a_vector_alone_is_searched_by_meaning_only(memory: Memory, ada: Scope) -> None:
    memory.add_many(["first", "second"], scope=ada, vectors=[[1.0] + [0.0] * 63, [1.0] * 64])
    hits = memory.search(scope=ada, vector=[2.0] + [0.0] * 63)
    assert [hit.record.value for hit in hits] == ["first", "second"]
    assert hits[0].score == pytest.approx(1, abs=1e-3)
    assert hits[0].why.keys() == {"cosine", "fused"}
    assert memory.search("second", scope=ada, vector=[1.0] * 64)[0].record.value == "second"


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
        {"floor": 1.5},
        {"diversity": -0.1},
        {"tokens": 0},
        {"half_life": timedelta(0)},
    ],
)
def test_numbers_out_of_range_are_refused(memory: Memory, ada: Scope, how: dict[str, int]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(how)).split("_")[0][:4] + "|budget|half-life"):
        values(memory, "cat", ada, **how)
