"""PersonaMem's questions and the contexts they share."""

import csv
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from damaged_json import damaged, read_or_refused
from hypothesis import given, settings

from memagent.errors import InvalidInput, RunError
from memagent.evals.tasks.conversations.conversation import DataSet
from memagent.evals.tasks.conversations.loaders import personamem

CONTEXTS: dict[str, Any] = {
    "c1": [
        {"role": "system", "content": "The user is called Ann."},
        {"role": "user", "content": "User: I swim every day."},
        {"role": "assistant", "content": ""},
        {"role": "system", "content": "The user is called Ann and likes lakes."},
        {"role": "user", "content": "User: I like lakes."},
    ],
    "c2": [{"role": "user", "content": "Hello."}],
}
ROW = {
    "persona_id": "0",
    "question_id": "q1",
    "question_type": "suggest_new_ideas",
    "topic": "sports",
    "user_question_or_message": "Where shall I go, now?",
    "correct_answer": "(b)",
    "all_options": repr(["(a) Try the \\d pool.", '(b) Try the lake,\nor its "beach".']),
    "shared_context_id": "c1",
    "end_index_in_shared_context": "4",
}


def written(folder: Path, rows: Any = (ROW,), contexts: Any = CONTEXTS, size: str = "32k") -> Path:
    folder.mkdir(exist_ok=True)
    with (folder / f"shared_contexts_{size}.jsonl").open("w", encoding="utf-8") as file:
        parts = contexts.items() if isinstance(contexts, dict) else [("c1", contexts)]
        file.writelines(json.dumps({id: part}) + "\n" for id, part in parts)
    path = folder / f"questions_{size}.csv"
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        writer = csv.DictWriter(file, list(ROW), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_conversation_is_the_context_up_to_the_index_of_the_question(tmp_path: Path) -> None:
    rows = [
        ROW,
        ROW | {"question_id": "q2", "end_index_in_shared_context": "5"},
        ROW | {"question_id": "q3"},
    ]
    data = personamem.load(written(tmp_path, rows))
    short, long = data.conversations
    assert [(turn.id, turn.session, turn.role, turn.text) for turn in short.turns] == [
        ("1", "1", "user", "The user is called Ann."),
        ("2", "1", "user", "User: I swim every day."),
        ("4", "2", "user", "The user is called Ann and likes lakes."),
    ]
    assert [turn.id for turn in long.turns] == ["1", "2", "4", "5"]
    assert {turn.when for turn in long.turns} == {None}
    assert [question.story for question in data.questions] == ["c1:4", "c1:5", "c1:4"]
    assert data.left_out == {"turns without words": 1}
    assert (data.name, data.source, data.split) == ("personamem", "released", "32k")


def test_a_question_has_its_options_and_the_letter_of_the_right_one(tmp_path: Path) -> None:
    (asked,) = personamem.load(written(tmp_path)).questions
    assert (asked.id, asked.question) == ("q1", "Where shall I go, now?")
    assert asked.options == {
        "a": "Try the \\d pool.",
        "b": 'Try the lake,\nor its "beach".',
    }
    assert (asked.gold, asked.category) == (("b",), "suggest_new_ideas")
    assert (asked.evidence, asked.sessions, asked.unanswerable) == ((), (), False)


def test_escapes_that_python_does_not_know_are_no_warning(tmp_path: Path) -> None:
    row = ROW | {"all_options": r"['(a) 5 \% off', '(b) \d']", "correct_answer": "A"}
    (asked,) = personamem.load(written(tmp_path, [row])).questions
    assert asked.options == {"a": r"5 \% off", "b": r"\d"}
    assert asked.gold == ("a",)


def test_a_folder_holds_files_of_several_sizes(tmp_path: Path) -> None:
    written(tmp_path)
    assert personamem.load(tmp_path).split == "32k"
    written(tmp_path, size="128k")
    assert personamem.load(tmp_path, "128k").split == "128k"
    with pytest.raises(RunError, match=r"name one with --variant \(128k, 32k\)"):
        personamem.load(tmp_path)
    with pytest.raises(RunError, match=r"holds no file questions_1M.csv"):
        personamem.load(tmp_path, "1M")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match=r"holds no file questions_\*.csv"):
        personamem.load(tmp_path / "empty")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"there is no file .*questions_32k.csv"):
        personamem.load(tmp_path / "questions_32k.csv")
    path = written(tmp_path)
    (tmp_path / "shared_contexts_32k.jsonl").unlink()
    with pytest.raises(RunError, match=r"beside it, in shared_contexts_32k.jsonl"):
        personamem.load(path)


BAD_ROWS: list[tuple[dict[str, str], str]] = [
    ({"correct_answer": "(c)"}, "questions_32k.csv: question 2: .* as one of the letters a, b"),
    ({"correct_answer": ""}, "expected 'correct_answer' as a letter such as"),
    ({"all_options": "(a) x"}, r"expected 'all_options' as a list of texts such as '\(a\) Try"),
    ({"all_options": "['(a) x', '(a) y']"}, "each with another letter"),
    ({"all_options": "[" * 3000}, "expected 'all_options'"),
    ({"all_options": "{[]}"}, "expected 'all_options'"),
    ({"shared_context_id": "c9"}, "as the id of a context in the file beside it, found 'c9'"),
    ({"end_index_in_shared_context": "6"}, "as a number of messages, at most 5, found '6'"),
    ({"end_index_in_shared_context": "0"}, "and one with words at least, found '0'"),
    ({"end_index_in_shared_context": "-1"}, "as a number of messages, at most 5, found '-1'"),
    ({"question_type": " "}, "expected 'question_type' as the name of a kind"),
    ({"question_id": "q1"}, "question 2: the id 'q1' stands in the file twice"),
]


@pytest.mark.parametrize(("row", "message"), BAD_ROWS)
def test_a_bad_row_is_named(tmp_path: Path, row: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        personamem.load(written(tmp_path, [ROW, ROW | {"question_id": "q2"} | row]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[]", r"shared_contexts_32k.jsonl: line 3: expected an object, found \[\]"),
        ('{"c3": 3}', "line 3: expected 'c3' as a list of messages, found 3"),
        ('{"c1": []}', "line 3: the id 'c1' stands in the file twice"),
        ('{"c3": [{"role": "tool"}]}', "line 3, message 1: expected 'role' as 'system', 'user'"),
        ("{", "line 3: expected JSON"),
    ],
)
def test_a_bad_line_of_the_contexts_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = written(tmp_path)
    with (tmp_path / "shared_contexts_32k.jsonl").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(InvalidInput, match=message):
        personamem.load(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no question"),
        ("question_id\n", "holds no question"),
        ("a,b\n1,2\n", "question 1: expected 'shared_context_id' .* found no such field"),
        ('question_id\n"x"y\n', "expected comma-separated values, .* in line 2"),
    ],
)
def test_a_file_of_another_layout_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path)
    path.write_text(text)
    with pytest.raises(InvalidInput, match=message):
        personamem.load(path)


@settings(max_examples=60, deadline=None)
@given(contexts=damaged(CONTEXTS), row=damaged(ROW))
def test_whatever_the_files_hold_they_are_read_or_named(
    tmp_path_factory: pytest.TempPathFactory, contexts: Any, row: Any
) -> None:
    base = tmp_path_factory.getbasetemp()
    rows = [{str(key): part for key, part in row.items()}] if isinstance(row, dict) else []
    for path in (written(base / "1", contexts=contexts), written(base / "2", rows)):
        found = read_or_refused(partial(personamem.load, path))
        assert found.sha256 if isinstance(found, DataSet) else "\n" not in found
