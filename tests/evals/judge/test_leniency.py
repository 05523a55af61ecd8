"""Leniency of a judge, and the gate before its share."""

import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judges import Accepting, Honest, Rejecting, Unreadable, labelled

from memagent.errors import InvalidInput, RunError
from memagent.evals.judge.leniency import (
    LENIENCY_FILE,
    LeniencyFile,
    measure,
    of_wrong_answers,
    read_wrong_answers,
)

ROW = {
    "question_id": "locomo_0_qa1",
    "question": "Where is Mary?",
    "golden_answer": "attic",
    "generated_answer": "somewhere upstairs",
    "category": 1,
    "judge_verdict": "ignored",
}


def audit(path: Path, *rows: Any, user: str = "locomo_user_0") -> Path:
    path.write_text(json.dumps({"detailed_results": {user: list(rows)}, "more": 1}))
    return path


@pytest.mark.parametrize(
    ("judge", "shares"),
    [
        (Accepting(), {"right answers": 4, "vague wrong answers": 4, "trap answers": 4}),
        (Rejecting(), {"right answers": 0, "vague wrong answers": 0, "trap answers": 0}),
        (Honest(), {"right answers": 4, "vague wrong answers": 0, "trap answers": 0}),
    ],
)
def test_a_measurement_counts_what_is_accepted_by_kind(
    judge: Accepting, shares: dict[str, int]
) -> None:
    found = measure(judge, labelled())
    assert {row.kind: row.accepted for row in found} == shares
    assert {row.n for row in found} == {4}
    assert {row.kind: row.rubric for row in found}["trap answers"] == "abstention-1"
    row = next(row.row() for row in found if row.kind == "vague wrong answers")
    assert row["share"] == shares["vague wrong answers"] / 4
    assert 0 <= row["low"] <= row["share"] <= row["high"] <= 1


def test_unreadable_verdicts_measure_nothing() -> None:
    found = measure(Unreadable(), labelled())
    assert {(row.n, row.unreadable, row.share) for row in found} == {(0, 4, None)}
    assert of_wrong_answers(found, "unreadable", "answer-1") == []
    assert found[0].row()["low"] is None


def test_measurements_replace_those_of_the_same_judge_rubric_and_side(tmp_path: Path) -> None:
    file = LeniencyFile(tmp_path)
    assert file.read() == []
    generated = measure(Honest(), labelled())
    file.put(generated)
    file.put(measure(Accepting(), labelled()))
    assert len(file.read()) == 6
    answers = read_wrong_answers(audit(tmp_path / "vague.json", ROW, ROW))
    file.put(measure(Honest(), answers))
    kept = [row for row in file.read() if row.judge == "honest"]
    assert {(row.kind, row.category) for row in kept} == {
        ("right answers", ""),
        ("trap answers", ""),
        ("wrong answers in vague.json", ""),
        ("wrong answers in vague.json", "category 1"),
    }
    (whole,) = of_wrong_answers(kept, "honest", "answer-1")
    assert (whole.n, whole.accepted) == (2, 0)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"measurements": [{"judge": 1}]}'):
        (tmp_path / LENIENCY_FILE).write_text(text)
        with pytest.raises(RunError, match=r"leniency\.json is damaged"):
            LeniencyFile(tmp_path).read()


def test_an_audit_s_answers_are_read(tmp_path: Path) -> None:
    adversarial = ROW | {"golden_answer": None, "category": 5}
    number = ROW | {"golden_answer": 2021}
    first, second, third = read_wrong_answers(
        audit(tmp_path / "vague.json", ROW, number, adversarial)
    )
    assert (first.right, first.kind) == (False, "wrong answers in vague.json")
    assert (first.case.references, first.case.answer) == (("attic",), "somewhere upstairs")
    assert second.case.references == ("2021",)
    assert third.case.unanswerable
    assert len({first.id, second.id, third.id}) == 3
    assert first.source.startswith("vague.json ")


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (7, "locomo_user_0/1: expected an object, found 7"),
        (ROW | {"golden_answer": ""}, "locomo_user_0/1: expected a text as 'golden_answer'"),
        (ROW | {"generated_answer": ["x"]}, r"expected a text as 'generated_answer', found \['x'"),
        ({"question": "Where?"}, "expected a text as 'golden_answer', found None"),
    ],
)
def test_a_malformed_answer_is_named_by_its_place(row: Any, complaint: str, tmp_path: Path) -> None:
    path = audit(tmp_path / "vague.json", ROW, row)
    with pytest.raises(InvalidInput, match=f"vague.json: .*{complaint}"):
        read_wrong_answers(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"detailed_results": []}', "{", "\0"])
def test_a_file_of_another_layout_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "vague.json"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=r"vague\.json"):
        read_wrong_answers(path)
    with pytest.raises(InvalidInput, match="holds no answers"):
        read_wrong_answers(audit(path))


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([*ROW]), inner),
    max_leaves=4,
)


@settings(deadline=None, max_examples=50)
@given(values, st.sampled_from([*ROW, "user", "all"]))
def test_any_json_is_read_or_refused_in_words(value: Any, place: str) -> None:
    data = {"detailed_results": {"u": [ROW | {place: value}]}}
    if place == "user":
        data = {"detailed_results": {"u": value}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vague.json"
        path.write_text(json.dumps(value if place == "all" else data))
        with suppress(InvalidInput):
            assert read_wrong_answers(path)
