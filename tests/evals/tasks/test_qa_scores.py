import pytest
from hypothesis import given
from hypothesis import strategies as st

from memagent.evals.metrics.answers import em_prefix, em_strict, f1, normalised
from memagent.evals.task import Sample
from memagent.evals.tasks.documents.documents import StreamTask, document
from memagent.evals.tasks.documents.scores import grade, shortest


def test_normalising_drops_case_punctuation_and_articles() -> None:
    assert normalised("The  U.S. Senate, an   Ox!") == "us senate ox"
    assert normalised("A") == ""


@pytest.mark.parametrize(
    ("prediction", "reference", "strict", "prefix"),
    [
        ("Rollo.", "rollo", 1, 1),
        ("Rollo of Norway", "Rollo", 0, 1),
        ("The Rollover", "Rollo", 0, 1),  # by letters, as in MAC's code
        ("It was Rollo", "Rollo", 0, 0),
        ("Roll", "Rollo", 0, 0),
    ],
)
def test_the_whole_prediction_and_its_beginning_are_told_apart(
    prediction: str, reference: str, strict: float, prefix: float
) -> None:
    assert em_strict(prediction, reference) == strict
    assert em_prefix(prediction, reference) == prefix


@pytest.mark.parametrize(
    ("prediction", "reference", "score"),
    [
        ("Rollo", "Rollo", 1.0),
        ("It was Rollo", "Rollo", 0.5),  # precision 1/3, recall 1
        ("ox ox", "ox", 2 / 3),  # a word counts as often as both have it
        ("Ragnar", "Rollo", 0.0),
        ("", "Rollo", 0.0),
    ],
)
def test_f1_of_words(prediction: str, reference: str, score: float) -> None:
    assert f1(prediction, reference) == pytest.approx(score)


def asked(*gold: str) -> tuple[StreamTask, Sample]:
    sample = Sample(id="1", story="s", facts=(), question="Who?", gold=gold, supports=(1,))
    task = StreamTask(
        name="t/stream",
        source="generated",
        split="",
        asked=[sample],
        training=(),
        sha256="",
        documents=[document(1, "A.", "a")],
        stream="t",
    )
    return task, sample


def test_a_grade_has_every_score_by_its_name_and_says_which_reference() -> None:
    references = ("Duke William of Normandy", "William", "William the Duke")
    assert shortest(references) == "William"
    grades = grade(*asked(*references), "William Duke")
    assert list(grades) == ["em_max_ref", "em_strict", "em_prefix", "f1", "f1_max_ref"]
    assert grades["em_strict"] == 0.0
    assert grades["em_prefix"] == 1.0
    assert grades["em_max_ref"] == 1.0  # "William the Duke" without its article
    assert grades["f1"] == pytest.approx(2 / 3)
    assert grades["f1_max_ref"] == 1.0


@pytest.mark.parametrize(("said", "right"), [("", 1.0), ("Unknown.", 1.0), ("Rollo", 0.0)])
def test_where_there_is_no_answer_it_is_right_to_give_none(said: str, right: float) -> None:
    assert set(grade(*asked(), said).values()) == {right}


@pytest.mark.parametrize("gold", ["A", "The", "an", "!", "$", "the The", "?!"])
def test_a_reference_that_normalises_to_nothing_is_compared_as_it_is(gold: str) -> None:
    for score in (em_strict, em_prefix, f1):
        assert score(gold, gold) == 1
        assert score("something else", gold) == 0
        assert score("", gold) == 0
        assert score("a" if gold != "A" else "the", gold) == 0


@given(
    prediction=st.text(max_size=20),
    reference=st.text(alphabet="abthe !$.?", min_size=1, max_size=12).filter(str.strip),
)
def test_no_answer_is_never_right_and_the_reference_always_is(
    prediction: str, reference: str
) -> None:
    for score in (em_strict, em_prefix, f1):
        assert score(reference, reference) == 1
        assert score("", reference) == 0
        assert score("  ", reference) == 0
        assert 0 <= score(prediction, reference) <= 1
