"""Whether what was found says anything about a question."""

from datetime import UTC, datetime

import pytest

from memagent import Memory, Record, Scope
from memagent.recall.relevance import FEATURES, TOP, features, knows, relevance
from memagent.testing import HashEmbedder
from memagent.types import Hit

WHEN = datetime(2026, 1, 1, tzinfo=UTC)


def hit(score: float, meaning: float, words: float = 0.0) -> Hit:
    record = Record(
        seq=1,
        id="1",
        kind="episode",
        text="a note",
        keys=("a note",),
        scope=Scope(user="ada"),
        created=WHEN,
        valid_from=WHEN,
    )
    return Hit(record=record, score=score, key="a note", why={"meaning": meaning, "words": words})


GOOD, BAD = hit(0.9, 0.9, 0.8), hit(0.01, 0.1)


def test_without_hits_nothing_is_known() -> None:
    assert not knows([], "any")
    assert relevance([]) < 0.1


def test_the_features_compare_the_best_with_the_others() -> None:
    found = features([GOOD, *[BAD] * (TOP - 1)])
    assert list(found) == list(FEATURES)
    assert found["meaning"] == 0.9
    assert found["words"] == 0.8
    assert found["meaning_lead"] == pytest.approx(0.8)
    assert found["lead"] > 6
    assert features([GOOD] * 3 * TOP)["lead"] == pytest.approx(0)


@pytest.mark.parametrize("others", [0, 1, TOP - 1, 3 * TOP])
def test_what_stands_out_is_known_and_what_is_all_alike_is_not(others: int) -> None:
    assert knows([GOOD, *[BAD] * others], "any")
    assert not knows([BAD] * (1 + others), "any")


def test_a_hit_that_is_nearer_or_stands_out_more_is_never_less_relevant() -> None:
    base = relevance([hit(0.5, 0.5, 0.5), *[BAD] * TOP])
    assert relevance([hit(0.6, 0.5, 0.5), *[BAD] * TOP]) > base
    assert relevance([hit(0.5, 0.6, 0.5), *[BAD] * TOP]) > base
    assert relevance([hit(0.5, 0.5, 0.6), *[BAD] * TOP]) > base
    assert relevance([hit(0.5, 0.5, 0.5), *[hit(0.4, 0.4)] * TOP]) < base


@pytest.mark.parametrize("number", [1, 3, 40])
def test_a_memory_of_any_size_knows_what_it_was_told_and_nothing_else(number: int) -> None:
    notes = [f"Person{n} keeps item{n} in drawer{n}." for n in range(number)]
    with Memory.in_memory(embedder=HashEmbedder(256), scope="ada") as memory:
        memory.add_many(notes)
        assert notes[0] in memory.recall("Where does Person0 keep item0?").texts
        nothing = memory.recall("Qqq zzz xxx?")
    assert (nothing.hits, nothing.nothing_relevant) == ((), True)
    assert nothing.below_min_score == nothing.candidates
