import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memagent.errors import InvalidInput, RunError
from memagent.evals.registry import find_suite
from memagent.evals.suite import Selection
from memagent.evals.tasks.documents import archivalqa

ROWS = [
    {"question": "Who won?", "answer": "Bo", "document": "Bo won.", "date": "1990-05-02"},
    {"question": "Who lost?", "answers": ["Al", "A."], "document": "Al lost.", "title": "Race"},
    {"id": "x", "question": "Who?", "answer": "Bo", "document": "Bo won.", "asked": "1991-01-01"},
]


def lines(where: Path, *rows: object) -> Path:
    path = where / "archival.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_lines_of_questions_and_documents_become_a_stream_by_date(tmp_path: Path) -> None:
    tasks = archivalqa.tasks(lines(tmp_path, *ROWS), "archivalqa")
    stream = tasks["archivalqa/stream"]
    assert [one.text for one in stream.documents] == [
        "Wednesday, May 2, 1990. Bo won.",
        "Al lost.",
    ]
    assert [one.supports for one in stream.asked] == [(1,), (2,), (1,)]
    assert [one.gold for one in stream.asked] == [("Bo",), ("Al", "A."), ("Bo",)]
    assert [one.id for one in stream.asked] == ["1", "2", "x"]


@pytest.mark.parametrize(
    "bad",
    [
        {"question": "Who?"},
        {"question": "Who?", "answers": [], "document": "A."},
        {"question": " ", "answer": "A", "document": "A."},
        {"question": "Who?", "answer": "A", "document": "A.", "date": "May"},
        [],
    ],
)
def test_a_malformed_line_names_its_place(tmp_path: Path, bad: object) -> None:
    with pytest.raises(InvalidInput, match=r"archival.jsonl:2: expected JSON with question"):
        archivalqa.tasks(lines(tmp_path, ROWS[0], bad), "archivalqa")


def test_archivalqa_wants_a_file(tmp_path: Path) -> None:
    one = find_suite("archivalqa")
    with pytest.raises(RunError, match="by --file"):
        one.load(Selection())
    assert len(one.load(Selection(file=lines(tmp_path, *ROWS), tasks="all"))) == len(one.members)


@given(moment=st.datetimes(min_value=datetime(2, 1, 1)), minutes=st.integers(-12 * 60, 14 * 60))
def test_the_offset_of_a_date_is_converted(
    tmp_path_factory: pytest.TempPathFactory, moment: datetime, minutes: int
) -> None:
    at = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    path = tmp_path_factory.mktemp("dates") / "q.jsonl"
    row = {"question": "Where?", "answer": "France", "document": "It is in France."}
    path.write_text(json.dumps(row | {"date": at.isoformat()}))
    (document,) = archivalqa.tasks(path, "x")["x/stream"].documents
    assert document.when == at
    assert document.when.utcoffset() == timedelta(0)
