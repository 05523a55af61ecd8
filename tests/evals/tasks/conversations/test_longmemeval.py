"""LongMemEval's files."""

import copy
import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from damaged_json import damaged, read_or_refused
from hypothesis import given, settings

from memagent.errors import InvalidInput
from memagent.evals.tasks.conversations.conversation import DataSet
from memagent.evals.tasks.conversations.loaders import longmemeval

ROW: dict[str, Any] = {
    "question_id": "q1",
    "question_type": "multi-session",
    "question": "How many plants do I have?",
    "answer": 7,
    "question_date": "2023/05/30 (Tue) 23:40",
    "haystack_session_ids": ["late", "early", "late"],
    "haystack_dates": [
        "2023/05/20 (Sat) 02:21",
        "2023/05/01 (Mon) 10:00",
        "2023/05/21 (Sun) 08:00",
    ],
    "haystack_sessions": [
        [
            {"role": "user", "content": "Two more plants today.", "has_answer": True},
            {"role": "assistant", "content": "Lovely."},
        ],
        [
            {"role": "user", "content": ""},
            {"role": "user", "content": "I have five plants.", "has_answer": True},
        ],
        [{"role": "user", "content": "What is a fern?", "has_answer": False}],
    ],
    "answer_session_ids": ["early", "late", "lost"],
}


def written(folder: Path, values: Any, name: str = "longmemeval_s.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def test_sessions_are_in_the_order_of_their_dates_under_names_of_their_own(tmp_path: Path) -> None:
    data = longmemeval.load(written(tmp_path, [ROW]))
    (talk,) = data.conversations
    assert [(turn.id, turn.session, turn.role) for turn in talk.turns] == [
        ("early:2", "early", "user"),
        ("late:1", "late", "user"),
        ("late:2", "late", "assistant"),
        ("late~2:1", "late~2", "user"),
    ]
    assert talk.turns[0].when == datetime(2023, 5, 1, 10, tzinfo=UTC)
    assert (talk.id, data.name, data.source, data.split) == ("q1", "longmemeval", "released", "s")


def test_a_question_has_turns_and_sessions_as_evidence_and_its_own_date(tmp_path: Path) -> None:
    data = longmemeval.load(written(tmp_path, [ROW]))
    (asked,) = data.questions
    assert (asked.id, asked.story, asked.gold) == ("q1", "q1", ("7",))
    assert (asked.category, asked.unanswerable) == ("multi-session", False)
    assert asked.evidence == ("early:2", "late:1")
    assert asked.sessions == ("early", "late", "late~2")
    assert asked.asked_at == datetime(2023, 5, 30, 23, 40, tzinfo=UTC)
    assert data.left_out == {"turns without words": 1, "evidence that names no session": 1}


def test_sessions_alone_are_evidence_where_no_turn_is_marked(tmp_path: Path) -> None:
    row = copy.deepcopy(ROW)
    for session in row["haystack_sessions"]:
        for message in session:
            message.pop("has_answer", None)
    row["answer_session_ids"] = ["early"]
    (asked,) = longmemeval.load(written(tmp_path, [row])).questions
    assert (asked.evidence, asked.sessions) == ((), ("early",))


def test_a_question_to_abstain_from_has_neither_answer_nor_evidence(tmp_path: Path) -> None:
    data = longmemeval.load(written(tmp_path, [ROW, ROW | {"question_id": "q1_abs"}]))
    asked = data.questions[1]
    assert (asked.gold, asked.evidence, asked.sessions) == ((), (), ())
    assert asked.unanswerable
    assert data.left_out["questions to abstain from, whose evidence is not used"] == 1


@pytest.mark.parametrize("dates", [["2023/05/20 (Sat) 02:21", "soon", None], [], None])
def test_without_a_date_sessions_stay_in_the_order_of_the_file(tmp_path: Path, dates: Any) -> None:
    row = ROW | {"haystack_dates": dates, "question_date": "one day"}
    data = longmemeval.load(written(tmp_path, [row], "longmemeval_s_cleaned.json"))
    assert list(data.conversations[0].sessions()) == ["late", "early", "late~2"]
    assert data.left_out["sessions without a date"] == (2 if dates else 3)
    assert data.questions[0].asked_at is None
    assert data.split == "s_cleaned"


BAD: list[tuple[Any, str]] = [
    ({"data": [ROW]}, "longmemeval_s.json: expected a list of questions, as in longmemeval_s.json"),
    ([ROW, ROW], "question 2: the id 'q1' stands in the file twice"),
    ([ROW | {"question_id": None}], "question 1: expected 'question_id' as an id such as"),
    ([ROW | {"answer": None}], "question 1: expected 'answer' as text or a number, found None"),
    ([ROW | {"question_type": 3}], "expected 'question_type' as a name such as 'multi-session'"),
    ([ROW | {"haystack_sessions": {}}], "expected 'haystack_sessions' as a list of sessions"),
    ([ROW | {"haystack_session_ids": ["a"]}], "'haystack_session_ids' as a list of 3 ids, one a"),
    (
        [ROW | {"haystack_sessions": [[], [], 4]}],
        "expected 'haystack_sessions' as a list of sessions, each a list of messages",
    ),
    ([ROW | {"haystack_sessions": [[], [], []]}], "as a list of sessions with words in them"),
    (
        [ROW | {"haystack_sessions": [[], [], [{"role": "tool", "content": "x"}]]}],
        "question 1, session 3, message 1: expected 'role' as 'user' or 'assistant', found 'tool'",
    ),
    ([ROW | {"answer_session_ids": "early"}], "'answer_session_ids' as a list of ids of sessions"),
]


@pytest.mark.parametrize(("values", "message"), BAD)
def test_another_layout_is_named_with_file_and_place(
    tmp_path: Path, values: Any, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        longmemeval.load(written(tmp_path, values))
    assert "\n" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(values=damaged([ROW, ROW | {"question_id": "q2_abs"}]))
def test_whatever_the_file_holds_it_is_read_or_named(
    tmp_path_factory: pytest.TempPathFactory, values: Any
) -> None:
    path = written(tmp_path_factory.getbasetemp(), values)
    found = read_or_refused(partial(longmemeval.load, path))
    assert found.sha256 if isinstance(found, DataSet) else "\n" not in found
