"""Notebooks: the notes of one person, and questions with the notes that a full answer takes.

The diary and each language have a file in `data/`. A note of a language has two questions: one in
its own words, and a paraphrase that shares as few of them as it can. `VARIANTS` are made by code:
questions typed without care, and a memory in which a user has asked each question before.
"""

import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from memagent.evals.tasks.conversations.conversation import (
    Conversation,
    ConversationQuestion,
    DataSet,
    Turn,
    question,
)

DIARY = "diary"
LANGUAGES: Mapping[str, str] = {
    "en": "English",
    "de": "German",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "pt": "Portuguese",
    "ru": "Russian",
    "zh": "Chinese",
    "ja": "Japanese",
    "ar": "Arabic",
}
"""Languages by the code that names their file."""
SAME_WORDS, PARAPHRASED = "same words", "paraphrased"
WORDINGS = {"same_words": SAME_WORDS, "paraphrase": PARAPHRASED}
"""The questions about a note of a language: the key in the file, and the kind."""
WRITTEN, LOWER, ASKED, ASKED_LOWER = "written", "lower", "asked", "asked-lower"
VARIANTS: Mapping[str, str] = {
    WRITTEN: "as they are written",
    LOWER: "in lower case, without a question mark",
    ASKED: "after a user has asked each of them once",
    ASKED_LOWER: "after a user has asked each of them once in lower case, without a question mark",
}
SPLITS = ("development", "held-out")
"""Halves of the diary's questions."""
BOOKS: Mapping[str, tuple[str, str]] = {
    name if variant == WRITTEN else f"{name}-{variant}": (name, variant)
    for name in (DIARY, *LANGUAGES)
    for variant in VARIANTS
}
"""Notebooks by name: the file, and the variant."""
_FILES = Path(__file__).parent / "data"


def notebook(book_name: str, split: str | None = None) -> DataSet:
    """Return a notebook of `BOOKS` with its questions, those of one split or all.

    A note is a turn of a user in no session, which is written by `Memory.add_many`.
    """
    name, variant = BOOKS[book_name]
    file = _file(name)
    notes = tuple(_notes(name, file["notes"]))
    questions = file["questions"] if name == DIARY else _asked(file["notes"])
    earlier = [row["text"] for row in questions] if variant in (ASKED, ASKED_LOWER) else []
    if variant == ASKED_LOWER:
        earlier = [*map(careless, earlier)]
    turns = (*notes, *_messages(earlier, notes[-1].when))
    book = Conversation(id=book_name, turns=turns)
    asked = [_question(book, row) for row in questions if split in (None, row.get("split"))]
    if variant == LOWER:
        asked = [replace(each, question=careless(each.question)) for each in asked]
    return DataSet(
        name=f"notes-{book.id}",
        source="released",
        conversations=[book],
        questions=asked,
        split=split or "test",
    )


def careless(text: str) -> str:
    """Return a question in lower case and without its question marks, of whatever script."""
    kept = [mark for mark in text if "QUESTION MARK" not in unicodedata.name(mark, "")]
    return "".join(kept).lower().strip()


@cache
def _file(name: str) -> Mapping[str, Any]:
    return tomllib.loads((_FILES / f"{name}.toml").read_text(encoding="utf-8"))


def _notes(name: str, rows: Sequence[Mapping[str, Any]]) -> list[Turn]:
    return [
        Turn(
            id=row.get("id", f"{name}{place:02}"),
            session="",
            role="user",
            text=row["text"],
            when=_noon(row["date"]) if "date" in row else None,
        )
        for place, row in enumerate(rows, start=1)
    ]


def _asked(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the questions of a language's notes in the form of the diary's."""
    return [
        {"place": place, "kind": kind, "text": row[key]}
        for key, kind in WORDINGS.items()
        for place, row in enumerate(rows)
    ]


def _question(book: Conversation, row: Mapping[str, Any]) -> ConversationQuestion:
    text = {turn.id: turn.text for turn in book.turns}
    wanted = row["wanted"] if "wanted" in row else [book.turns[row["place"]].id]
    id = f"{row['split']}/{row['id']}" if "split" in row else f"{row['kind']}/{wanted[0]}"
    return question(
        id=id,
        conversation=book,
        text=row["text"],
        gold=[text[note] for note in wanted],
        category=row["kind"],
        evidence=wanted,
    )


def _messages(texts: Sequence[str], last: datetime | None) -> list[Turn]:
    """Return texts as messages of a user, on the day after the last note."""
    when = last + timedelta(days=1) if last is not None else None
    return [
        Turn(id=f"asked-{place:02}", session="earlier", role="user", text=text, when=when)
        for place, text in enumerate(texts, start=1)
    ]


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)
