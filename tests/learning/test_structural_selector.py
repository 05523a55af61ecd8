"""Few-shot examples similar to a question in structure, whatever their topic."""

import pytest

from memagent.learning.few_shot import StructuralSelector, structure
from memagent.types import Example


def example(question: str, answer: str, *evidence: str) -> Example:
    return Example(evidence=evidence, question=question, answer=answer)


YES = example("Is Mary in the garden?", "yes", "Mary went to the garden.")
NO = example("Is Mary in the garden?", "no", "Mary went to the office.")
WHERE = example("Where is Mary?", "office", "Mary went to the office.")
WHO = example("Who gave the milk to Fred?", "Mary", "Mary gave the milk to Fred.")


def test_names_shared_words_and_topics_are_numbered_in_the_order_they_come() -> None:
    assert structure("Is Mary in the garden?", ["John went to the garden."], ()) == [
        ["is", "#0", "in", "the", "#1"],
        ["#2", "went", "to", "the", "#1"],
    ]
    lines = structure("Where is Ada?", ["Ada took wolves to a wolf den."], ["wolf"])
    assert lines[1] == ["#0", "took", "#1", "to", "a", "#1", "den"]


@pytest.mark.parametrize(
    ("question", "evidence", "expected"),
    [
        ("Is John in the kitchen?", "John went to the kitchen.", YES),
        ("Is John in the kitchen?", "John went to the hall.", NO),
        ("Where is John?", "John went to the hall.", WHERE),
        ("Who gave the ball to Jeff?", "Bill gave the ball to Jeff.", WHO),
    ],
)
def test_the_most_alike_has_the_same_structure_and_comes_last(
    question: str, evidence: str, expected: Example
) -> None:
    likeness = StructuralSelector([WHO, NO, WHERE, YES])
    nearest = likeness.nearest(question, [evidence], 3)
    assert nearest[-1] == expected
    assert len(nearest) == 3
    assert likeness.nearest(question, [evidence], 1) == [expected]


def test_an_answer_in_the_evidence_comes_once_as_long_as_there_are_others() -> None:
    again = example("Where is Fred?", "office", "Fred went to the office.")
    other = example("Where was Fred?", "hall", "Fred had gone to the hall.")
    likeness = StructuralSelector([WHERE, again, other])
    assert likeness.nearest("Where is Bill?", ["Bill went to the park."], 2) == [other, WHERE]
    assert len(likeness.nearest("Where is Bill?", ["Bill went to the park."], 3)) == 3


def test_an_answer_outside_the_evidence_may_repeat() -> None:
    again = example("Is Fred in the hall?", "yes", "Fred went to the hall.")
    nearest = StructuralSelector([NO, YES, again]).nearest(
        "Is Bill in the bed?", ["Bill went to the bed."], 2
    )
    assert {one.answer for one in nearest} == {"yes"}


def test_there_are_no_more_examples_than_there_are() -> None:
    assert StructuralSelector([]).nearest("Where is Mary?", [], 3) == []
    assert StructuralSelector([YES]).nearest("Where is Mary?", [], 3) == [YES]


def test_what_says_the_very_same_is_no_other_case() -> None:
    likeness = StructuralSelector([YES, NO])
    assert likeness.nearest("is mary in the GARDEN", ["Mary went to the garden"], 2) == [NO]
    assert likeness.holds("is mary in the GARDEN", ["Mary went to the garden"])
    assert not likeness.holds("Is Mary in the garden?", ["Mary went to the hall."])


def test_of_equally_alike_examples_the_one_that_speaks_of_others_comes_nearest() -> None:
    far = example("Who is Ida?", "king", "Ida is king.")
    near = example("Who is Zoe?", "duke", "Zoe is duke.")
    nearest = StructuralSelector([near, far]).nearest("Who is Zoe?", ["Zoe is earl."], 2)
    assert nearest == [near, far]
