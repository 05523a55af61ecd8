"""Loader of StreamingQA tasks: questions, and the articles that they are about, by date."""

import gzip
import hashlib
import logging
import random
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from memagent.errors import RunError
from memagent.evals.metrics.answers import normalised
from memagent.evals.task import Source
from memagent.evals.tasks.documents.documents import (
    Document,
    DocumentQuestion,
    StreamTask,
    digest_of,
    retention,
)
from memagent.evals.tasks.documents.squad import FIRST
from memagent.evals.tasks.documents.streamingqa.files import (
    SEPARATOR,
    Article,
    NewsQuestion,
    Passage,
    QuestionSplit,
    article_of,
    key_of_line,
    lines,
    passages,
    question_file,
    read_articles,
    read_questions,
)
from memagent.evals.tasks.documents.streamingqa.generator import KEYS_FILE
from memagent.evals.tasks.documents.streamingqa.keys import KeySet

logger = logging.getLogger(__name__)
MAC = 1665
"""Number of questions that MAC's protocol draws, each with its article."""
RECENT = datetime(2020, 1, 1, tzinfo=UTC)
"""From here on the articles are recent."""
QUARTERS = (1, 2, 3, 4)
NAME = "streamingqa"


def load(
    folder: Path, split: QuestionSplit, source: Source, drawn: int | None, seed: int
) -> dict[str, StreamTask]:
    """Return the tasks by name, of so many drawn questions, or of all.

    Articles are read one by one, and only those that a question is about are kept. Questions whose
    article is in none of the archives are left out; the split of each task says how many are asked.

    Raises:
        InvalidInput: a line is malformed.
        RunError: a file is missing or cannot be read, or no question has its article.
    """
    questions = list(read_questions(folder / question_file(split)))
    if drawn is not None and drawn < len(questions):
        places = random.Random(seed).sample(range(len(questions)), drawn)
        questions = [questions[place] for place in sorted(places)]
    keys = {question.evidence_id for question in questions}
    cut = [passage for article in articles(folder, keys) for passage in passages(article)]
    cut.sort(key=lambda passage: passage.published)
    documents = [_document(number, passage) for number, passage in enumerate(cut, start=1)]
    asked = list(_asked(questions, documents))
    if not asked:
        raise RunError(
            f"none of the {len(questions)} questions has its article in {folder / 'wmt'}"
        )
    whole = StreamTask(
        name=NAME,
        source=source,
        split=f"{split}, {len(asked)} of {len(questions)} questions",
        asked=[question for question, _ in asked],
        training=(),
        sha256="",
        documents=documents,
        stream=f"{NAME}/{split}",
        recent=RECENT,
    )
    return {task.name: task for task in _tasks(whole, asked)}


def articles(folder: Path, keys: Collection[str]) -> Iterator[Article]:
    """Yield the articles with these keys from a folder's archives, without released repeats.

    The archives are read through once: their lines are kept in a small archive beside them, which
    is read instead the next time, as long as the archives and the keys are the same.

    Raises:
        InvalidInput: a line is malformed.
        RunError: there are no archives, or no list of keys, or they cannot be read.
    """
    archives = sorted((folder / "wmt").glob("news-docs.*.gz"))
    if not archives:
        raise RunError(
            f"no archive news-docs.*.gz in {folder / 'wmt'}: see docs/evaluation/documents.md"
        )
    sizes = [f"{path.name} {path.stat().st_size}" for path in archives]
    digest = hashlib.sha256("\n".join((*sizes, *sorted(keys))).encode()).hexdigest()
    chosen = folder / f"selected-{digest[:16]}.gz"
    if chosen.exists() or _select(chosen, _lines(archives, folder, keys)):
        yield from read_articles(chosen)
        return
    for line in _lines(archives, folder, keys):  # a folder that is only read, or a full disk
        yield article_of(line, str(folder))


def _select(chosen: Path, selected: Iterable[bytes]) -> bool:
    """Write lines into an archive, one by one; return whether that could be done."""
    beside = chosen.with_suffix(".new")
    try:
        with gzip.open(beside, "wb") as file:
            file.writelines(selected)
        beside.replace(chosen)
    except OSError as error:
        logger.warning("the selected articles are not kept in %s: %s", chosen, error)
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        return False
    return True


def _lines(archives: Sequence[Path], folder: Path, keys: Collection[str]) -> Iterator[bytes]:
    """Yield the lines of the articles with these keys, each once."""
    kept, seen = KeySet.read(folder / KEYS_FILE), set[str]()
    for path in archives:
        for number, line in lines(path):
            key = key_of_line(line, f"{path}:{number}")
            if key in keys and key in kept and key not in seen:
                seen.add(key)
                yield line


def _document(number: int, passage: Passage) -> Document:
    return Document(
        number=number,
        sentences=tuple(f"{' '.join(sentence.split())}." for sentence in passage.sentences),
        text=passage.text,
        group=_name(passage.article),
        when=passage.published,
        date=passage.date,
    )


def _asked(
    questions: Iterable[NewsQuestion], documents: Sequence[Document]
) -> Iterator[tuple[DocumentQuestion, NewsQuestion]]:
    """Yield the questions whose article was read, in the order of their dates."""
    by_article: dict[str, list[Document]] = {}
    for document in documents:
        by_article.setdefault(document.group, []).append(document)
    for question in sorted(questions, key=lambda question: (question.asked_at, question.id)):
        group = _name(question.evidence_id)
        parts = by_article.get(group)
        if parts is None:
            continue
        gold = [document.number for document in parts if _holds(document, question.answers)]
        asked = DocumentQuestion(
            id=question.id,
            story=group,
            facts=(),
            question=question.question,
            gold=question.answers,
            supports=tuple(gold[:1] or [parts[0].number]),
            group=group,
            asked_at=question.asked_at,
        )
        yield asked, question


def _name(key: str) -> str:
    """Return a sorting key without the bytes that SQLite would end a text at."""
    return key.replace(SEPARATOR, "-")


def _holds(document: Document, answers: Sequence[str]) -> bool:
    text = normalised(document.text)
    return any(answer in text for answer in map(normalised, answers) if answer)


def _tasks(
    whole: StreamTask, asked: Sequence[tuple[DocumentQuestion, NewsQuestion]]
) -> Iterator[StreamTask]:
    """Yield recent and past (all is read first), the quarters (as time passes), and retention."""
    ages: tuple[Literal["recent", "past"], ...] = ("recent", "past")
    for age in ages:
        yield _part(whole, age, [question for question, news in asked if news.age == age])
    for quarter in QUARTERS:
        months = range(3 * quarter - 2, 3 * quarter + 1)
        some = [question for question, news in asked if news.asked_at.month in months]
        yield replace(_part(whole, f"q{quarter}", some), as_time_passes=True)
    yield from retention(whole, min(FIRST, (len(whole.documents) + 1) // 2))


def _part(whole: StreamTask, name: str, some: Sequence[DocumentQuestion]) -> StreamTask:
    return replace(
        whole, name=f"{NAME}/{name}", asked=some, sha256=digest_of(whole.documents, some)
    )
