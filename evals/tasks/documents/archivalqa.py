"""ArchivalQA suite: questions with their documents as JSON lines, also of one's own.

    {"question": "Who won?", "answers": ["Ann Lee"], "document": "Ann Lee won ...",
     "date": "1987-03-02", "title": "Race", "id": "q1"}

`answer` may stand for `answers`; `date` (of the document), `asked` (the question's), `title` and
`id` may be left out. Lines with the same document share it. ArchivalQA's own files hold questions
and paragraph ids; its documents (the New York Times Annotated Corpus) have a licence of their own,
and have to be joined with the questions into this format.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from memagent.errors import InvalidInput, RunError
from memagent.evals.suite import Member, Selection, Suite
from memagent.evals.task import Task
from memagent.evals.tasks.documents.costs import costs
from memagent.evals.tasks.documents.documents import (
    START,
    Document,
    DocumentQuestion,
    StreamTask,
    digest_of,
    retention,
    sentences,
)
from memagent.evals.tasks.documents.measures import measures
from memagent.evals.tasks.documents.note_arms import NOTE_ARMS, make
from memagent.evals.tasks.documents.ratio_curve import drawings
from memagent.evals.tasks.documents.scores import F1
from memagent.evals.tasks.documents.squad import FIRST, chosen
from memagent.evals.tasks.documents.streamingqa.files import lines, spelled


def tasks(path: Path, name: str) -> dict[str, StreamTask]:
    """Return the tasks of a file by name; documents stand in the order of their dates.

    Raises:
        InvalidInput: a line is malformed; the message names file, line and what was expected.
        RunError: the file cannot be read.
    """
    rows = [_row(line, f"{path}:{number}") for number, line in lines(path)]
    if not rows:
        raise InvalidInput(f"{path} holds no question")
    row_of: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        row_of.setdefault(row["document"], row)
    ordered = sorted(row_of.values(), key=lambda row: row["when"] or START)
    documents = [_document(number, row) for number, row in enumerate(ordered, start=1)]
    numbers = {row["document"]: number for number, row in enumerate(ordered, start=1)}
    asked = [_question(place, row, numbers) for place, row in enumerate(rows, start=1)]
    stream = StreamTask(
        name=f"{name}/stream",
        source="released",
        split=path.stem,
        asked=asked,
        training=(),
        sha256=digest_of(documents, asked),
        documents=documents,
        stream=f"{name}/{path.stem}",
    )
    first = min(FIRST, (len(documents) + 1) // 2)
    return {task.name: task for task in (stream, *retention(stream, first))}


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        row: dict[str, Any] = json.loads(line)
        answers = row["answers"] if "answers" in row else [row["answer"]]
        texts = [row["question"], row["document"], *answers]
        if not answers or not all(isinstance(text, str) and text.strip() for text in texts):
            raise KeyError("question, answers and document as text")
        return row | {
            "answers": tuple(answers),
            "when": _moment(row.get("date")),
            "asked": _moment(row.get("asked")),
        }
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise InvalidInput(
            f"{where}: expected JSON with question, answers and document ({error})"
        ) from error


def _moment(text: str | None) -> datetime | None:
    """Return a time in UTC; one without an offset is UTC, so that every machine reads the same."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _document(number: int, row: Mapping[str, Any]) -> Document:
    when, text = row["when"], row["document"]
    date = spelled(when) if when else ""
    return Document(
        number=number,
        sentences=tuple(sentences(text)),
        text=f"{date}. {text}" if date else text,
        group=str(row.get("title", number)),
        when=when or START + timedelta(minutes=number),
        date=date,
    )


def _question(place: int, row: Mapping[str, Any], numbers: Mapping[str, int]) -> DocumentQuestion:
    number = numbers[row["document"]]
    return DocumentQuestion(
        id=str(row.get("id", place)),
        story=f"lines/{number}",
        facts=(),
        question=row["question"],
        gold=row["answers"],
        supports=(number,),
        group=str(row.get("title", number)),
        asked_at=row["asked"],
    )


NAME = "archivalqa"


def load(selection: Selection) -> Sequence[Task]:
    """Return the selected tasks of `--file`.

    Raises:
        BadOption: a task is none.
        InvalidInput: a line is malformed.
        RunError: there is no file.
    """
    if selection.file is None:
        raise RunError("which file? name JSON lines with question, answers and document by --file")
    known = tasks(selection.file, NAME)
    return chosen(NAME, known, selection.tasks, (f"{NAME}/stream",))


SUITE = Suite(
    name=NAME,
    about="ArchivalQA (Wang et al. 2022), or questions of your own with their documents",
    members=(
        Member(name=f"{NAME}/stream", about="all documents are read, then all questions asked"),
        Member(name=f"{NAME}/retention-before", about="of the first 200 documents, after these"),
        Member(name=f"{NAME}/retention-after", about="the same questions, after all others"),
    ),
    load=load,
    arms=NOTE_ARMS,
    default_arms=("none+8", "memory+8", "oracle+8", "wrong+8"),
    headline=F1,
    make=make,
    tables=measures,
    folder_tables=costs,
    drawings=drawings,
)
