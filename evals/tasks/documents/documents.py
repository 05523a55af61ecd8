"""Documents of a stream, and the questions about them."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from memagent.evals.metrics.answers import normalised
from memagent.evals.task import Grade, Sample, Task
from memagent.evals.tasks.documents.scores import grade

START = datetime(2000, 1, 1, tzinfo=UTC)
"""Start of a stream without dates; each of its documents is a minute later."""
# Not the splitter of `memagent.text.sentences`: scores of earlier runs rest on these boundaries.
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]*[A-Z0-9])")
_ABBREVIATED = re.compile(r"\b(?:[A-Z]|[Ss]t|Mrs?|Dr|Prof|Rev|No|vs|[Cc]a?|e\.g|i\.e|cf|etc)\.$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """One passage of a stream; `number` is its place in it, from 1.

    `date` is the date as it is shown, empty in a stream without dates. `group` names what it was
    cut from: the article.
    """

    number: int
    sentences: tuple[str, ...]
    text: str
    group: str
    when: datetime
    date: str = ""

    def shown(self, place: int) -> str:
        """Return a sentence as a model is shown it: with the date."""
        sentence = self.sentences[place]
        return f"{self.date}. {sentence}" if self.date else sentence

    def keys(self) -> tuple[str, ...]:
        """Return what it is found by: each of its sentences as it is shown."""
        return tuple(self.shown(place) for place in range(len(self.sentences)))


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentQuestion(Sample):
    """A question about a stream: when it is asked, if that counts, and of what article.

    `supports` are the numbers of the gold passages.
    """

    group: str
    asked_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamTask(Task):
    """Questions that come after documents were read, or while they are.

    Tasks of one `stream` read the same documents, which are written once. With `as_time_passes` no
    arm sees a document that is not older than the question; else all were read before. `recent` is
    where a frozen memory stopped reading.
    """

    documents: Sequence[Document]
    stream: str
    as_time_passes: bool = False
    recent: datetime | None = None
    grade: Grade = grade

    @property
    def dated(self) -> bool:
        """True if the documents have dates of their own."""
        return any(document.date for document in self.documents[:1])

    @property
    def timed(self) -> bool:
        """True if times count: the documents have dates, or the questions are asked at some."""
        asked = cast(Sequence[DocumentQuestion], self.asked)
        return self.dated or any(question.asked_at for question in asked)


def document(number: int, text: str, group: str, when: datetime | None = None) -> Document:
    """Return a document of plain text, split into sentences by English punctuation."""
    return Document(
        number=number,
        sentences=tuple(sentences(text)),
        text=text,
        group=group,
        when=when or START + timedelta(minutes=number),
    )


def sentences(text: str) -> list[str]:
    """Return the sentences of an English text; abbreviations and initials end none."""
    found: list[str] = []
    for piece in _SENTENCE_END.split(text.strip()):
        if found and _ABBREVIATED.search(found[-1]):
            found[-1] += f" {piece}"
        elif piece.strip():
            found.append(piece)
    return found


def gold_sentences(question: Sample, documents: Sequence[Document]) -> list[tuple[int, int]]:
    """Return the places of a question's references: (number, place) of each sentence with one."""
    references = [normalised(reference) for reference in question.gold]
    return [
        (number, place)
        for number in question.supports
        for place, sentence in enumerate(documents[number - 1].sentences)
        if any(reference and reference in normalised(sentence) for reference in references)
    ]


def digest_of(documents: Iterable[Document], questions: Iterable[Sample]) -> str:
    """Return the SHA-256 of what is read and asked."""
    digest = hashlib.sha256()
    for document in documents:
        digest.update(f"{document.number}\t{document.date}\t{document.text}\n".encode())
    for question in questions:
        digest.update(f"{question.id}\t{question.question}\t{question.gold}\n".encode())
    return digest.hexdigest()


def retention(task: StreamTask, first: int) -> tuple[StreamTask, StreamTask]:
    """Return the questions of the first documents, asked right after these and after all.

    How much was retained is the ratio of the second score to the first.
    """
    read = task.documents[:first]
    early = [
        question
        for question in task.asked
        if question.supports and max(question.supports) <= len(read)
    ]
    before, after = (
        StreamTask(
            name=f"{task.name.partition('/')[0]}/retention-{when}",
            source=task.source,
            split=task.split,
            asked=early,
            training=(),
            sha256=digest_of(documents, early),
            documents=documents,
            stream=stream,
            recent=task.recent,
        )
        for when, documents, stream in (
            ("before", read, f"{task.stream}/first-{len(read)}"),
            ("after", task.documents, task.stream),
        )
    )
    return before, after
