import pytest

from memagent.recall.rules.questions import (
    AnswerType,
    TimeReference,
    answer_type,
    covers,
    has_candidate,
    location_question,
    new_names,
    time_reference,
)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Where is Mary?", "place"),
        ("Where's my passport?", "place"),
        ("Who is Zoe's teacher?", "name"),
        ("Who are my friends?", None),
        ("Whose bike is it?", "name"),
        ("When is the meeting?", "time"),
        ("What day is the meeting?", "time"),
        ("How many cats do I have?", "number"),
        ("How do I cook rice?", None),
        ("What colour is Zoe's coat?", "colour"),
        ("What do I like?", None),
        ("Mary went home.", None),
    ],
)
def test_what_a_question_wants(question: str, expected: str | None) -> None:
    assert answer_type(question) == expected


@pytest.mark.parametrize(
    ("text", "expected", "question", "yes"),
    [
        ("I left my keys at the office.", "place", "Where are my keys?", True),
        ("We live in Lisbon.", "place", "Where do we live?", True),
        ("I took the umbrella.", "place", "Where is the umbrella?", False),
        ("Zoe is in Porto.", "place", "Where was Zoe before Porto?", False),
        ("Zoe went from the cabin to the car.", "place", "Where was Zoe before the cabin?", True),
        ("Zoe met Ana.", "name", "Who met Zoe?", True),
        ("Zoe was sad.", "name", "Who met Zoe?", False),
        ("It is on Thursday.", "time", "When is it?", True),
        ("It is late.", "time", "When is it?", False),
        ("We have two cats.", "number", "How many cats have we?", True),
        ("We have cats.", "number", "How many cats have we?", False),
        ("Rex is grey.", "colour", "What color is Rex?", True),
        ("Rex is old.", "colour", "What color is Rex?", False),
    ],
)
def test_whether_a_text_holds_a_candidate_answer(
    text: str, expected: AnswerType, question: str, yes: bool
) -> None:
    assert has_candidate(text, expected, question) is yes


def test_new_names_are_those_the_question_does_not_hold() -> None:
    assert new_names("Mary gave Ana the football.", "What did Mary give?") == ["Ana"]


def test_the_point_in_time_that_a_question_asks_by() -> None:
    assert time_reference("Where was the ring before the party?") == TimeReference(
        topic="Where was the ring", direction="before", anchor=("party",)
    )
    reference = time_reference("Where did I go AFTER I met Zoe?")
    assert reference is not None
    assert (reference.topic, reference.direction, reference.anchor) == (
        "Where did I go",
        "after",
        ("met", "zoe"),
    )
    assert time_reference("Where was the ring?") is None
    assert time_reference("Where was it before that?") is None


def test_a_text_covers_words_in_any_form() -> None:
    assert covers("I lived in Porto.", ["live", "porto"])
    assert not covers("I lived in Porto.", ["live", "faro"])


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("Is Zoe in the garden?", "Where is Zoe?"),
        ("Are my keys still at the office?", "Where are my keys?"),
        ("Am I in Rome?", "Where am I?"),
        ("Is Zoe older than Eva?", None),
        ("Was Zoe in the garden?", None),
        ("Is Zoe a nurse?", None),
        ("Is Zoe in love?", None),
        ("Is the party on Friday?", None),
        ("Is there milk in the fridge?", None),
    ],
)
def test_whether_somebody_is_there_is_asked_as_where(question: str, asked: str | None) -> None:
    assert location_question(question) == asked
