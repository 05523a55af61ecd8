"""LoCoMo's file and the audit's corrections of it."""

import copy
import json
import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from damaged_json import damaged, read_or_refused
from hypothesis import given, settings

from memagent.errors import InvalidInput
from memagent.evals.tasks.conversations.conversation import DataSet
from memagent.evals.tasks.conversations.loaders import locomo

DATA = os.environ.get("MEMAGENT_DATA")
SAMPLE: dict[str, Any] = {
    "sample_id": "conv-7",
    "conversation": {
        "speaker_a": "Ann",
        "speaker_b": "Ben",
        "session_10_date_time": "12:05 am on 3 June, 2023",
        "session_10": [{"speaker": "Ann", "dia_id": "D10:1", "text": "The cat is called Mo."}],
        "session_2_date_time": "1:56 pm on 8 May, 2023",
        "session_2": [
            {"speaker": "Ann", "dia_id": "D2:1", "text": "Look!", "blip_caption": "a grey cat"},
            {"speaker": "Ben", "dia_id": "D2:2", "text": "", "blip_caption": "a photo of a lake"},
            {"speaker": "Ben", "dia_id": "D2:3", "text": " I swam there in 2021. "},
        ],
        "session_11_date_time": "9:00 am on 4 June, 2023",
        "session_11": [],
    },
    "qa": [
        {"question": "When did Ben swim?", "answer": 2021, "category": 2, "evidence": ["D2:3"]},
        {
            "question": "What do they look at?",
            "answer": "a cat, a lake",
            "category": 1,
            "evidence": ["D2:1; D2:02", "D:10:1 D2:1"],
        },
        {
            "question": "What is Ben's cat called?",
            "category": 5,
            "adversarial_answer": "Mo",
            "evidence": ["D10:1"],
        },
        {"question": "Does Ann like cats?", "answer": "Yes", "category": 3, "evidence": []},
        {"question": "Who swam?", "answer": "Ben", "category": 4, "evidence": ["D", "D9:9"]},
    ],
}
CORRECTION: dict[str, Any] = {
    "question_id": "locomo_3_qa0",
    "question": "When did Ben  swim?",
    "golden_answer": "2021",
    "category": 2,
    "cited_evidence": ["D2:3"],
    "correct_evidence": ["D2:2", "D2:3"],
    "correct_answer": "in 2020",
}


def written(folder: Path, values: Any, name: str = "locomo.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def changed(*path: str | int, value: Any) -> list[dict[str, Any]]:
    """Return the sample with another value at one place of it."""
    sample = copy.deepcopy(SAMPLE)
    holder: Any = sample
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return [sample]


def test_sessions_come_in_the_order_of_their_numbers_with_captions_and_times(
    tmp_path: Path,
) -> None:
    data = locomo.load(written(tmp_path, [SAMPLE]))
    (conversation,) = data.conversations
    assert [(turn.id, turn.session, turn.shown) for turn in conversation.turns] == [
        ("D2:1", "2", "Ann: Look! [image: a grey cat]"),
        ("D2:2", "2", "Ben: [image: a photo of a lake]"),
        ("D2:3", "2", "Ben: I swam there in 2021."),
        ("D10:1", "10", "Ann: The cat is called Mo."),
    ]
    assert {turn.role for turn in conversation.turns} == {"user"}
    assert conversation.turns[0].when == datetime(2023, 5, 8, 13, 56, tzinfo=UTC)
    assert conversation.turns[3].when == datetime(2023, 6, 3, 0, 5, tzinfo=UTC)
    assert (data.name, data.source, data.split) == ("locomo", "released", "test")


def test_evidence_is_read_however_it_is_written_and_what_names_no_turn_is_counted(
    tmp_path: Path,
) -> None:
    data = locomo.load(written(tmp_path, [SAMPLE]))
    when, what, trap, yes, who = data.questions
    assert [question.id for question in data.questions] == [f"conv-7/{n}" for n in range(5)]
    assert (when.gold, when.category, when.evidence) == (("2021",), "temporal", ("D2:3",))
    assert (what.evidence, what.sessions) == (("D2:1", "D2:2", "D10:1"), ("2", "10"))
    assert (trap.gold, trap.unanswerable, trap.trap) == ((), True, "Mo")
    assert trap.category == "adversarial"
    assert (yes.category, yes.evidence) == ("open-domain", ())
    assert (who.category, who.evidence) == ("single-hop", ())
    assert data.left_out == {"evidence that names no turn": 2}


def test_a_chat_without_dates_is_read_and_its_sessions_are_counted(tmp_path: Path) -> None:
    (sample,) = changed("conversation", "session_2_date_time", value="last spring")
    del sample["conversation"]["session_10_date_time"]
    sample["conversation"]["session_2"][2]["text"] = " "
    data = locomo.load(written(tmp_path, [sample]))
    assert {turn.when for turn in data.conversations[0].turns} == {None}
    assert data.left_out == {
        "sessions without a date": 2,
        "turns without words": 1,
        "evidence that names no turn": 3,
    }


def test_a_remark_about_the_evidence_leaves_the_answer_as_it_is(tmp_path: Path) -> None:
    remark = CORRECTION | {"correct_answer": "2021 (answer is correct, citation is wrong)"}
    path = written(tmp_path, [SAMPLE])
    when = locomo.load(path, written(tmp_path, [remark], "corrections.json")).questions[0]
    assert (when.gold, when.evidence) == (("2021",), ("D2:2", "D2:3"))


def test_corrections_replace_evidence_and_answer_and_the_split_says_so(tmp_path: Path) -> None:
    rows = [
        CORRECTION,
        CORRECTION | {"question": "What is Ben's cat called?", "category": 5},
        CORRECTION | {"question": "When did Ben fly?"},
        CORRECTION | {"category": 4},
        CORRECTION
        | {"question": "Who swam?", "category": 4, "correct_evidence": []}
        | {"correct_answer": ""},
        CORRECTION,
    ]
    path = written(tmp_path, [SAMPLE])
    data = locomo.load(path, written(tmp_path, rows, "corrections.json"))
    when, _, trap, _, who = data.questions
    assert (when.gold, when.evidence) == (("in 2020",), ("D2:2", "D2:3"))
    assert (trap.gold, trap.unanswerable, trap.evidence) == ((), True, ("D2:2", "D2:3"))
    assert who.gold == ("Ben",)
    assert data.split == "test, corrected"
    assert data.left_out == {
        "evidence that names no turn": 2,
        "corrections that match no question": 3,
        "labels that a correction replaced": 3,
    }
    assert data.sha256 != locomo.load(path).sha256


def test_a_correction_of_a_question_asked_twice_finds_the_one_it_means(tmp_path: Path) -> None:
    twin = changed("sample_id", value="conv-8")[0]
    twin["qa"] = [twin["qa"][3], {**twin["qa"][0], "evidence": ["D2:1"]}]
    path = written(tmp_path, [SAMPLE, twin])
    for id, found in (("locomo_9_qa1", "conv-8/1"), ("locomo_9_qa0", "conv-7/0")):
        rows = [CORRECTION | {"question_id": id}]
        data = locomo.load(path, written(tmp_path, rows, "corrections.json"))
        (corrected,) = [asked for asked in data.questions if asked.gold == ("in 2020",)]
        assert corrected.id == found
    rows = [CORRECTION | {"question_id": "locomo_9_qa7"}]
    data = locomo.load(path, written(tmp_path, rows, "corrections.json"))
    assert data.left_out["corrections that match no question"] == 1


QA = ("qa", 1)
BAD: list[tuple[Any, str]] = [
    (
        changed(*QA, "evidence", value=7),
        r"locomo.json: conversation 1 \(conv-7\), question 2: expected 'evidence' as a list of ids"
        r" such as 'D1:3', found 7",
    ),
    (changed(*QA, "evidence", value=[[]]), "question 2: expected 'evidence' as a list of ids"),
    (changed(*QA, "category", value=6), "question 2: expected 'category' as a number from 1 to 5"),
    (changed(*QA, "answer", value=True), "question 2: expected 'answer' as text or a number"),
    (changed(*QA, "question", value=None), "question 2: expected 'question'.*found None"),
    (changed("qa", value={}), "expected 'qa' as a list of questions, found {}"),
    (changed("qa", value=[]), "holds no question"),
    (changed("conversation", "session_2", value="x"), "expected 'session_2' as a list of turns"),
    (changed("conversation", "session_2", 0, value="x"), "session_2, turn 1: expected an object"),
    (
        changed("conversation", "session_2", 0, "dia_id", value="D2:3"),
        "session_2, turn 3: the id 'D2:3' is another turn's too",
    ),
    (
        changed("conversation", "session_2", 0, "text", value="half \ud83d"),
        "session_2, turn 1: expected 'text' as text, found 'half",
    ),
    (changed("conversation", value={"sessions": []}), "expected turns in 'session_1'"),
    (changed("conversation", value=[]), r"\(conv-7\), 'conversation': expected an object"),
    ([SAMPLE, SAMPLE], "conversation 2: the id 'conv-7' stands in the file twice"),
    ([{"id": "conv-7"}], "conversation 1: expected 'sample_id' as an id .* found no such field"),
    ({"data": [SAMPLE]}, "expected a list of conversations, as in locomo10.json, found {'data'"),
    ([], "expected a list of conversations"),
]


@pytest.mark.parametrize(("values", "message"), BAD)
def test_another_layout_is_named_with_file_and_place(
    tmp_path: Path, values: Any, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        locomo.load(written(tmp_path, values))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "locomo.json is empty: expected JSON"),
        ('[{"sample_id":\n oops', "in line 2, column 2"),
        ("[" * 100_000, "too deep"),
        ("[" + "9" * 5000 + "]", "a number of too many digits"),
    ],
)
def test_a_file_that_is_no_json_is_named_with_line_and_column(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "locomo.json"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=message):
        locomo.load(path)


def test_a_byte_order_mark_and_other_line_ends_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "locomo.json"
    text = json.dumps([SAMPLE], indent=1).replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    plain = written(tmp_path, [SAMPLE], "plain.json")
    assert locomo.load(path).sha256 == locomo.load(plain).sha256


@settings(max_examples=60, deadline=None)
@given(values=damaged([SAMPLE]), rows=damaged([CORRECTION]))
def test_whatever_the_files_hold_they_are_read_or_named(
    tmp_path_factory: pytest.TempPathFactory, values: Any, rows: Any
) -> None:
    folder = tmp_path_factory.getbasetemp()
    path = written(folder, values)
    corrections = written(folder, rows, "corrections.json")
    good = written(folder, [SAMPLE], "good.json")
    for file, corrected in ((path, None), (good, corrections)):
        found = read_or_refused(partial(locomo.load, file, corrected))
        assert found.sha256 if isinstance(found, DataSet) else "\n" not in found


def released(name: str) -> Path:
    path = Path(DATA or "").resolve() / "locomo" / name
    if DATA is None or not path.is_file():
        pytest.skip(f"MEMAGENT_DATA has no {name}")
    return path


def test_the_released_conversations_and_the_audit_are_read_in_full() -> None:
    data = locomo.load(released("locomo-4.json"))
    assert [len(talk.turns) for talk in data.conversations] == [419, 663, 675, 509]
    assert len(data.questions) == 746
    assert sum(not question.evidence for question in data.questions) == 2
    assert not data.left_out
    assert all(turn.when is not None for talk in data.conversations for turn in talk.turns)
    corrected = locomo.load(released("locomo-4.json"), released("corrections-4.json"))
    assert corrected.left_out == {"labels that a correction replaced": 65}
