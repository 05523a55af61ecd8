import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memagent.embedding.calibration import MINILM
from memagent.feedback.correction_features import (
    FEATURES,
    Candidate,
    LeadIns,
    Pair,
    Utterance,
    features,
    has_denial,
    plausible,
    split_lead,
)
from memagent.testing import HashEmbedder


def embed(texts: list[str]) -> np.ndarray:
    vectors = np.asarray(HashEmbedder().embed_documents(list(texts)), dtype=np.float32)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


LEAD_INS = LeadIns(embed(["no", "wrong"]), embed(["yes", "and"]), MINILM)


def row(statement: str, record: str, said: str = "", reply: str = "") -> dict[str, float]:
    utterance = Utterance(text=statement, said=said, reply=reply)
    candidate = Candidate(text=record, ago=1, shown=True)
    (found,) = features(utterance, [candidate], embed, MINILM, LEAD_INS)
    return dict(zip(FEATURES, found.tolist(), strict=True))


@pytest.mark.parametrize(
    ("text", "lead", "rest"),
    [
        ("No, she moved to Linz.", "No", "she moved to Linz."),
        ("Das stimmt nicht: sie ist in Kiel.", "Das stimmt nicht", "sie ist in Kiel."),
        ("不对\uff0c她搬到了苏州。", "不对", "她搬到了苏州。"),
        ("My mistake - the train leaves at 8.", "My mistake", "the train leaves at 8."),
        ("She moved to Linz.", "", "She moved to Linz."),
        ("One two three four five, six.", "", "One two three four five, six."),
        ("No,", "", "No,"),
        ("... No, Linz.", "No", "Linz."),
        ("", "", ""),
    ],
)
def test_a_lead_in_is_few_words_before_the_first_mark(text: str, lead: str, rest: str) -> None:
    assert split_lead(text)[0].removeprefix("... ") == lead
    assert split_lead(text)[1] == rest


def test_a_pair_differs_if_each_says_what_the_other_does_not() -> None:
    assert Pair("she moved to Linz", "Lena moved to Graz.").differs
    assert not Pair("moved to Graz", "Lena moved to Graz.").differs
    assert not Pair("Lena moved to Graz yesterday", "Lena moved to Graz.").differs


def test_the_lead_in_is_placed_between_both_kinds() -> None:
    record = "Lena moved to Graz."
    assert row("No, she moved to Linz.", record)["denies"] > 0.5
    assert row("Yes, she moved to Linz.", record)["denies"] < -0.5
    assert row("She moved to Linz.", record)["denies"] == 0


def test_what_the_record_and_the_turn_before_say_is_not_new() -> None:
    asked = "Where does Lena live?", "Lena lives in Graz."
    again = row("Lena lives in Graz.", "Lena moved to Graz.", *asked)
    other = row("Lena lives in Linz.", "Lena moved to Graz.", *asked)
    assert again["novel"] == 0 < other["novel"]
    rows = np.array([list(again.values()), list(other.values())])
    assert plausible(rows).tolist() == [False, True]
    assert not has_denial(rows)


def test_two_numbers_that_differ_are_seen() -> None:
    assert row("It was 280 euros.", "I paid 240 euros.")["number"]
    assert not row("It was cheap.", "I paid 240 euros.")["number"]


def test_a_value_is_exchanged_where_a_word_is_like_one_of_the_record() -> None:
    vectors = {"tuesday": [1.0, 0, 0], "thursday": [0.9, 0.1, 0], "dentist": [0, 1.0, 0]}

    def by_word(texts: list[str]) -> np.ndarray:
        found = np.array([vectors.get(text, [0, 0, 1.0]) for text in texts], dtype=np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    lead_ins = LeadIns(by_word(["no"]), by_word(["yes"]), MINILM)
    record = Candidate(text="dentist tuesday", ago=1)
    other, same = (
        dict(
            zip(
                FEATURES,
                features(Utterance(text=text), [record], by_word, MINILM, lead_ins)[0],
                strict=True,
            )
        )
        for text in ("No, thanks.", "No, thursday.")
    )
    assert other["exchange"] == other["contrast"] == 0
    assert min(same[name] for name in ("exchange", "contrast", "margin", "share")) > 0.5


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=20))
def test_features_of_any_texts_are_finite(statement: str, record: str, reply: str) -> None:
    found = row(statement or "a", record or "b", reply, reply)
    assert np.isfinite(list(found.values())).all()
