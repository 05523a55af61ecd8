"""SQuAD (Rajpurkar et al. 2016, 2018) as a stream, in the released format.

A sample (shortened): an article with a title and paragraphs, each a passage with its questions:

    {"data": [{"title": "Normans", "paragraphs": [{"context": "The Normans were ...", "qas": [
      {"id": "56dd", "question": "Where is Normandy?", "is_impossible": false,
       "answers": [{"text": "France", "answer_start": 159}]}]}]}]}

Files of version 1.1 have no `is_impossible`. Questions of version 2.0 without an answer are asked
apart: right is who says that there is none.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from memagent.errors import InvalidInput, RunError
from memagent.evals.documents import (
    Document,
    DocumentQuestion,
    StreamTask,
    digest_of,
    document,
    retention,
)

FIRST = 200
"""After how many documents retention is asked first, as CMT; of a shorter stream, its half."""
FILE = "dev-5-articles.json"


def read(path: Path) -> tuple[list[Document], list[DocumentQuestion]]:
    """Return the passages of a file in order, and all its questions.

    Raises:
        InvalidInput: it has not the released layout; the message says where.
        RunError: it cannot be read.
    """
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidInput(f"{path}: expected JSON ({error})") from error
    documents: list[Document] = []
    questions: list[DocumentQuestion] = []
    try:
        for article in whole["data"]:
            for paragraph in article["paragraphs"]:
                title, text = str(article["title"]), str(paragraph["context"])
                documents.append(document(len(documents) + 1, text, title))
                questions += _questions(paragraph, title, len(documents))
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"{path}: expected data, paragraphs, qas and answers as SQuAD has them; in passage"
            f" {len(documents)} there is {error!r}"
        ) from error
    return documents, questions


def tasks(path: Path) -> dict[str, StreamTask]:
    """Return the tasks of a file by name, as `squad/stream`.

    Raises:
        InvalidInput: it has not the released layout, or holds no question.
        RunError: it cannot be read.
    """
    documents, questions = read(path)
    if not questions:
        raise InvalidInput(f"{path} holds no question")
    answered = [one for one in questions if one.gold]
    made = {
        name: StreamTask(
            name=name,
            source="released",
            split=path.stem,
            asked=asked,
            training=(),
            sha256=digest_of(documents, asked),
            documents=documents,
            stream=f"squad/{path.stem}",
        )
        for name, asked in (
            ("squad/stream", answered),
            ("squad/unanswerable", [one for one in questions if not one.gold]),
        )
    }
    first = min(FIRST, (len(documents) + 1) // 2)
    made |= {one.name: one for one in retention(made["squad/stream"], first)}
    return made


def _questions(paragraph: Mapping[str, Any], title: str, number: int) -> Iterator[DocumentQuestion]:
    for one in paragraph["qas"]:
        impossible = bool(one.get("is_impossible", False))
        texts = [str(answer["text"]) for answer in one["answers"]]
        if bool(texts) is impossible:
            raise KeyError("answers")
        yield DocumentQuestion(
            id=str(one["id"]),
            story=f"squad/{number}",
            facts=(),
            question=str(one["question"]).strip(),
            gold=tuple(dict.fromkeys(texts)),
            supports=() if impossible else (number,),
            group=title,
        )
