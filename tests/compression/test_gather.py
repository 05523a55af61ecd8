import pytest

from memagent import Memory, Scope
from memagent.compression.gather import (
    Piece,
    aggregate,
    aggregate_in_groups,
    compressed_question,
    top_k_weights,
    without_duplicates,
)
from memagent.errors import InvalidInput


def piece(place: int, text: str, score: float = 1.0, weight: float = 1.0) -> Piece:
    return Piece(text=text, note=f"n{place}", place=place, weight=weight, score=score)


def test_weights_sum_to_one_over_the_best_and_are_exactly_zero_outside() -> None:
    weights = top_k_weights([0.2, 0.9, 0.5, 0.8], 2)
    assert sum(weights) == pytest.approx(1)
    assert weights[0] == weights[2] == 0.0
    assert weights[1] > weights[3] > 0
    assert top_k_weights([], 3) == []
    with pytest.raises(InvalidInput):
        top_k_weights([1.0], 0)


def test_pieces_without_weight_are_left_out_and_the_budget_goes_to_the_best_scores() -> None:
    pieces = [
        piece(0, "one red apple", score=0.1),
        piece(1, "two green pears", score=0.9),
        piece(2, "three blue plums", score=0.0, weight=0.0),
        piece(3, "four black grapes", score=0.5),
    ]
    kept = aggregate(pieces, tokens=9)
    assert [one.place for one in kept] == [1, 3]
    assert [one.place for one in aggregate(pieces, tokens=100)] == [0, 1, 3]


def test_duplicates_are_merged_into_the_one_with_the_better_score() -> None:
    pieces = [
        piece(0, "Rollo came", score=0.2),
        piece(1, "Then Rollo came in 911", score=0.8),
        piece(2, "in 911 Rollo came", score=0.7),
    ]
    assert [one.place for one in without_duplicates(pieces)] == [1]


@pytest.mark.parametrize("count", [1, 2, 7, 64, 100])
def test_hierarchical_aggregation_goes_over_the_whole_bank(count: int) -> None:
    """The last note of the bank is reduced like the first."""
    notes = [[piece(place, f"word{place}", score=place)] for place in range(count)]
    seen: list[int] = []

    def reduce(pieces: list[Piece]) -> list[Piece]:
        seen.extend(one.place for one in pieces)
        return aggregate(pieces, tokens=2)

    kept = aggregate_in_groups(notes, 4, reduce)  # type: ignore[arg-type]
    assert set(seen) == set(range(count))
    assert [one.place for one in kept] == [count - 1]
    assert aggregate_in_groups([], 4, reduce) == []  # type: ignore[arg-type]
    with pytest.raises(InvalidInput):
        aggregate_in_groups(notes, 1, reduce)  # type: ignore[arg-type]


def fill(memory: Memory, ada: Scope) -> None:
    filler = " and so it went on for a very long while as it does when nothing much is up" * 3
    memory.add_many(
        [f"Town{n} has the mayor Mayor{n} since {1900 + n}{filler}." for n in range(12)], scope=ada
    )
    memory.notes.compress(scope=ada, tokens=12)


@pytest.mark.parametrize("self_match", [True, False])
@pytest.mark.parametrize("group", [None, 2, 3])
def test_a_question_gathers_what_its_best_notes_say(
    memory: Memory, ada: Scope, self_match: bool, group: int | None
) -> None:
    fill(memory, ada)
    found = memory.notes.gather(
        "Who is the mayor of Town7?", scope=ada, k=4, tokens=24, group=group, self_match=self_match
    )
    assert any("Mayor7" in line for line in found.lines)
    assert found.tokens <= 24
    assert len(found.weights) == 4
    assert sum(weight for _, weight in found.weights) == pytest.approx(1)
    assert found.left_out + len(found.pieces) + found.merged >= 4


def test_nothing_is_gathered_where_there_are_no_notes(memory: Memory, ada: Scope) -> None:
    memory.add("a record", scope=ada)
    assert memory.notes.gather("a record?", scope=ada).lines == ()
    with pytest.raises(InvalidInput, match="empty"):
        memory.notes.gather(" ", scope=ada)
    with pytest.raises(InvalidInput):
        memory.notes.gather("x", scope=ada, group=1)


def test_the_question_is_compressed_as_the_notes_are() -> None:
    assert (
        compressed_question("Who was the duke in the battle of Hastings?")
        == "duke battle Hastings?"
    )
    assert compressed_question("Who was it?") == "Who was it?"
