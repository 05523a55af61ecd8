"""SQuAD suite (Rajpurkar et al. 2016, 2018): its passages as a stream of documents.

A sample (shortened): an article with a title and paragraphs, each a passage with its questions:

    {"data": [{"title": "Normans", "paragraphs": [{"context": "The Normans were ...", "qas": [
      {"id": "56dd", "question": "Where is Normandy?", "is_impossible": false,
       "answers": [{"text": "France", "answer_start": 159}]}]}]}]}

Files of version 1.1 have no `is_impossible`. Questions of version 2.0 without an answer are a
task of their own: an answer is right that says there is none.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from memagent.errors import InvalidInput, RunError
from memagent.evals.suite import BadOption, Member, Selection, Suite
from memagent.evals.task import Task
from memagent.evals.tasks.documents.costs import costs
from memagent.evals.tasks.documents.documents import (
    Document,
    DocumentQuestion,
    StreamTask,
    digest_of,
    document,
    retention,
)
from memagent.evals.tasks.documents.measures import measures
from memagent.evals.tasks.documents.note_arms import NOTE_ARMS, make
from memagent.evals.tasks.documents.ratio_curve import drawings
from memagent.evals.tasks.documents.scores import F1
from memagent.files import decode_text, reason

FIRST = 200
"""After how many documents retention is asked first, as CMT; of a shorter stream, its half."""
FILE = "dev-5-articles.json"


def read(path: Path) -> tuple[list[Document], list[DocumentQuestion]]:
    """Return the passages of a file in order, and all its questions.

    Raises:
        InvalidInput: it does not have the released layout; the message says where.
        RunError: it cannot be read.
    """
    try:
        whole = json.loads(decode_text(path.read_bytes(), str(path)))
    except OSError as error:
        raise RunError(f"{path} cannot be read: {reason(error)}") from error
    except (ValueError, RecursionError) as error:
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
        InvalidInput: it does not have the released layout, or holds no question.
        RunError: it cannot be read.
    """
    documents, questions = read(path)
    if not questions:
        raise InvalidInput(f"{path} holds no question")
    answered = [question for question in questions if question.gold]
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
            ("squad/unanswerable", [question for question in questions if not question.gold]),
        )
    }
    first = min(FIRST, (len(documents) + 1) // 2)
    made |= {task.name: task for task in retention(made["squad/stream"], first)}
    return made


def _questions(paragraph: Mapping[str, Any], title: str, number: int) -> Iterator[DocumentQuestion]:
    for row in paragraph["qas"]:
        impossible = bool(row.get("is_impossible", False))
        texts = [str(answer["text"]) for answer in row["answers"]]
        if bool(texts) is impossible:
            raise KeyError("answers")
        yield DocumentQuestion(
            id=str(row["id"]),
            story=f"squad/{number}",
            facts=(),
            question=str(row["question"]).strip(),
            gold=tuple(dict.fromkeys(texts)),
            supports=() if impossible else (number,),
            group=title,
        )


MEMBERS = (
    Member(name="squad/stream", about="all passages are read, then every question is asked"),
    Member(name="squad/unanswerable", about="questions of version 2.0 that no passage answers"),
    Member(name="squad/retention-before", about="of the first 200 passages, right after these"),
    Member(name="squad/retention-after", about="the same questions, after all other passages"),
)


def load(selection: Selection) -> Sequence[Task]:
    """Return the selected tasks of `--file`, or of the file in the data folder.

    Raises:
        BadOption: a task is none.
        InvalidInput: the file is malformed.
        RunError: there is no file.
    """
    path = selection.file
    if path is None:
        if selection.data is None:
            raise RunError("which file? name one with --file, or set MEMAGENT_DATA")
        path = selection.data / "squad" / FILE
    return chosen("squad", tasks(path), selection.tasks, ("squad/stream",))


def chosen(
    name: str, known: Mapping[str, Task], names: str | None, default: Sequence[str]
) -> Sequence[Task]:
    """Return the named tasks, as "stream,retention-before", in full, or "all".

    Raises:
        BadOption: one of them is none.
    """
    if names is None:
        return [known[task] for task in default]
    if names.strip() == "all":
        return list(known.values())
    full = [f"{name}/{part.strip().removeprefix(f'{name}/')}" for part in names.split(",")]
    for task in full:
        if task not in known:
            raise BadOption("--tasks", f"{task!r} is not one of {', '.join(known)}")
    return [known[task] for task in dict.fromkeys(full)]


SUITE = Suite(
    name="squad",
    about="SQuAD (Rajpurkar et al. 2016) as a stream, after MAC (Tack et al. 2024)",
    members=MEMBERS,
    load=load,
    arms=NOTE_ARMS,
    default_arms=("none+8", "memory+8", "oracle+8", "wrong+8"),
    headline=F1,
    make=make,
    tables=measures,
    folder_tables=costs,
    drawings=drawings,
)
