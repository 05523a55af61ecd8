"""Questions with their documents as JSON lines: for ArchivalQA, and for a stream of one's own.

    {"question": "Who won?", "answers": ["Ann Lee"], "document": "Ann Lee won ...",
     "date": "1987-03-02", "title": "Race", "id": "q1"}

`answer` may stand for `answers`; `date` (of the document), `asked` (the question's), `title` and
`id` may be left out. Lines with the same document share it. ArchivalQA's own files hold questions
and paragraph ids, its documents are licensed apart (the New York Times Annotated Corpus); whoever
has both joins them into this.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from memagent.errors import InvalidInput
from memagent.evals.documents import (
    START,
    Document,
    DocumentQuestion,
    StreamTask,
    digest_of,
    retention,
    sentences,
)
from memagent.evals.squad import FIRST
from memagent.evals.streaming_files import lines
from memagent.evals.streaming_passages import spelled


def tasks(path: Path, name: str) -> dict[str, StreamTask]:
    """Return the tasks of a file by name; documents stand in the order of their dates.

    Raises:
        InvalidInput: a line is malformed; the message names file, line and what was expected.
        RunError: the file cannot be read.
    """
    rows = [_row(line, f"{path}:{number}") for number, line in lines(path)]
    if not rows:
        raise InvalidInput(f"{path} holds no question")
    told: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        told.setdefault(row["document"], row)
    ordered = sorted(told.values(), key=lambda row: row["when"] or START)
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
    return {one.name: one for one in (stream, *retention(stream, first))}


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        row: dict[str, Any] = json.loads(line)
        answers = row["answers"] if "answers" in row else [row["answer"]]
        texts = [row["question"], row["document"], *answers]
        if not answers or not all(isinstance(one, str) and one.strip() for one in texts):
            raise KeyError("question, answers and document as text")
        return row | {
            "answers": tuple(answers),
            "when": _moment(row.get("date")),
            "asked": _moment(row.get("asked")),
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"{where}: expected JSON with question, answers and document ({error})"
        ) from error


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


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
