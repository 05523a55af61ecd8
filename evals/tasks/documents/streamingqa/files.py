"""Files of StreamingQA (Liska et al. 2022): questions, archives of articles, and passages.

A question, one JSON object a line (shortened; in the files the key is the whole of it):

    {"qa_id": "eval-7", "question": "Who became mayor of Hull?", "answers": ["Ann Lee", "A."],
     "answers_additional": [], "question_ts": 1588291200, "evidence_ts": 1587859200,
     "evidence_id": "20200426000000000000\u0000\u0001<64 hex>\u0000\u0001",
     "recent_or_past": "recent", "written_or_generated": "written", "toxicity_...": 0.01}

An article, one line of the WMT News Crawl archives with documents, tabs between the fields:

    20200426 <TAB> base64 of the text, a sentence a line <TAB> base64 of the text as it was

Its sorting key is the date as YYYYMMDDHHMMSSffffff, the SHA-256 (hex) of the third field as it
stands, still in base64, and nothing, with bytes 00 01 between.
"""

import base64
import codecs
import gzip
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal, cast, get_args

from memagent.errors import InvalidInput, RunError

SEPARATOR = "\0\1"
QuestionSplit = Literal["train", "valid", "eval"]
Age = Literal["recent", "past"]
Origin = Literal["written", "generated"]
NEEDED = ("qa_id", "question", "answers", "question_ts", "evidence_ts", "evidence_id")
_DATE = re.compile(rb"\d{8}")


@dataclass(frozen=True, kw_only=True, slots=True)
class NewsQuestion:
    """One line of a question file; times in UTC."""

    id: str
    question: str
    answers: tuple[str, ...]
    asked_at: datetime
    evidence_at: datetime
    evidence_id: str
    age: Age
    origin: Origin


@dataclass(frozen=True, kw_only=True, slots=True)
class Article:
    """One line of an archive: its sorting key, its day (midnight UTC), its text by sentences."""

    key: str
    published: datetime
    text: str


def question_file(split: QuestionSplit) -> str:
    """Return what the file of a split is called; the misspelling is the release's."""
    return f"streaminqa_{split}.jsonl.gz"


def read_questions(path: Path) -> Iterator[NewsQuestion]:
    """Yield the questions of a file, packed or not, in order; none is held.

    Raises:
        InvalidInput: a line is malformed; the message names file, line and what was expected.
        RunError: the file cannot be read.
    """
    for number, line in lines(path):
        where = f"{path}:{number}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InvalidInput(f"{where}: expected a JSON object, found {line[:60]!r}") from error
        missing = [name for name in NEEDED if not isinstance(row, dict) or name not in row]
        if missing:
            raise InvalidInput(f"{where}: expected a field {missing[0]!r}")
        yield _question(row, where)


def read_articles(path: Path) -> Iterator[Article]:
    """Yield the articles of an archive, packed or not, in order; none is held.

    Raises:
        InvalidInput: a line is malformed; the message names file, line and what was expected.
        RunError: the file cannot be read.
    """
    for number, line in lines(path):
        yield article_of(line, f"{path}:{number}")


def key_of_line(line: bytes, where: str) -> str:
    """Return the sorting key of a line of an archive, whose text is not unpacked for it.

    Raises:
        InvalidInput: it is malformed.
    """
    published, _, unsplit = _fields(line, where)
    return sorting_key(published, unsplit)


def article_of(line: bytes, where: str) -> Article:
    """Read one line of an archive.

    Raises:
        InvalidInput: it is malformed.
    """
    published, split, unsplit = _fields(line, where)
    try:
        text = base64.b64decode(split, validate=True).decode()
    except ValueError as error:
        raise InvalidInput(f"{where}: expected base64 of UTF-8 ({error})") from error
    return Article(key=sorting_key(published, unsplit), published=published, text=text)


def _fields(line: bytes, where: str) -> tuple[datetime, bytes, bytes]:
    """Return the day, and the two texts as they stand."""
    fields = line.rstrip(b"\r\n").split(b"\t")
    if len(fields) != 3 or _DATE.fullmatch(fields[0]) is None:
        raise InvalidInput(f"{where}: expected YYYYMMDD<TAB>base64<TAB>base64, found {line[:60]!r}")
    try:
        published = datetime.strptime(fields[0].decode(), "%Y%m%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise InvalidInput(f"{where}: expected a date as YYYYMMDD ({error})") from error
    return published, fields[1], fields[2]


def sorting_key(published: datetime, unsplit: bytes) -> str:
    """Return an article's key; `unsplit` is the third field as it stands, in base64."""
    digest = hashlib.sha256(unsplit).hexdigest()
    return SEPARATOR.join((published.strftime("%Y%m%d%H%M%S%f"), digest, ""))


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file that hold something, numbered from 1; `.gz` is unpacked.

    Raises:
        RunError: the file cannot be read, or ends before its time.
    """
    try:
        with _opened(path) as file:
            for number, line in enumerate(file, start=1):
                line = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
                if line.strip():
                    yield number, line
    except (OSError, EOFError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error


def _opened(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _question(row: dict[str, object], where: str) -> NewsQuestion:
    age, origin = row.get("recent_or_past"), row.get("written_or_generated")
    if age not in get_args(Age) or origin not in get_args(Origin):
        raise InvalidInput(
            f"{where}: expected recent_or_past and written_or_generated, found {age!r}, {origin!r}"
        )
    answers = row["answers"]
    if not isinstance(answers, list) or not answers or not all(map(_is_text, answers)):
        raise InvalidInput(f"{where}: expected answers, found {answers!r}")
    return NewsQuestion(
        id=str(row["qa_id"]),
        question=str(row["question"]),
        answers=tuple(cast(Sequence[str], answers)),
        asked_at=_moment(row["question_ts"], where),
        evidence_at=_moment(row["evidence_ts"], where),
        evidence_id=str(row["evidence_id"]),
        age=cast(Age, age),
        origin=cast(Origin, origin),
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _moment(value: object, where: str) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"{where}: expected seconds since 1970, found {value!r}")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidInput(f"{where}: {value!r} is no time") from error


SENTENCES = 6
"""Number of sentences in a passage."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """Six sentences of an article; `id` is the article's key and the passage's place in it."""

    id: str
    article: str
    published: datetime
    date: str
    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        """The passage as released: its date, then its sentences."""
        return f"{self.date}. {'. '.join(self.sentences)}."


def passages(article: Article, size: int = SENTENCES) -> Iterator[Passage]:
    """Yield an article's passages in order.

    Sentences are split as in the released code: by ". " alone, once ".\\n" is made that; so
    "Mr. Lee" counts as two.
    """
    text = article.text.replace(".\n", ". ").rstrip()
    sentences = [piece for piece in text.removesuffix(".").split(". ") if piece.strip()]
    for index, start in enumerate(range(0, len(sentences), size)):
        yield Passage(
            id=f"{article.key}_{index}",
            article=article.key,
            published=article.published,
            date=spelled(article.published),
            sentences=tuple(sentences[start : start + size]),
        )


def spelled(day: datetime) -> str:
    """Return a date in words: "Sunday, April 26, 2020"."""
    return f"{day:%A}, {day:%B} {day.day}, {day.year}"
