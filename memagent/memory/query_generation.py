"""Query generation (doc2query): a chat model writes questions that records answer, as more keys.

A job of its own, so that writing never waits for it. It can be stopped at any record and goes on
with those that have no questions yet; texts stay as they are, and so do the first keys. After
Nogueira et al. 2019, "Document Expansion by Query Prediction".
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from memagent.embedding.encoder import Encoder
from memagent.errors import ContextTooLong, EmbedderMismatch, StructuredOutputError
from memagent.models import replies
from memagent.prompts import question_writing_prompt
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import Filter
from memagent.stores.database.rows import packed
from memagent.stores.database.writer import Trace, add_keys, log, user_id
from memagent.types import Record, Scope

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

logger = logging.getLogger(__name__)

MAX_QUESTIONS = 3
MAX_CHARS = 200
PAGE = 100


# The model reads the docstring of its reply's schema: another text may get other questions.
class Questions(BaseModel):
    """What the model is to answer with, by its server's JSON-schema decoding."""

    questions: list[str] = Field(min_length=1, max_length=MAX_QUESTIONS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Generated:
    """Result of a job: records that got keys, the keys, and records the model failed on."""

    records: int
    keys: int
    failed: int


def generate_queries(
    store: SqliteStore,
    encoder: Encoder,
    chat: "BaseChatModel",
    scope: Scope,
    *,
    limit: int | None,
    progress: Callable[[int], None],
) -> Generated:
    """Give records question-shaped keys; `progress` gets the number of records that are done.

    A record on which the model fails is left as it is, and is asked about again by the next call.
    """
    records = keys = failed = 0
    for record in _without_questions(store, scope):
        if limit is not None and records + failed >= limit:
            break
        questions = _questions(chat, record)
        if questions:
            keys += _add(store, encoder, record, questions)
            records += 1
        else:
            failed += 1
        progress(records + failed)
    return Generated(records=records, keys=keys, failed=failed)


def _without_questions(store: SqliteStore, scope: Scope) -> Iterator[Record]:
    """Yield records of a scope that have no generated questions yet, in the order of writing."""
    condition, values = Filter(scope=scope, evidence=True).condition()
    last = 0
    while rows := store.query(
        f"SELECT r.seq FROM records r WHERE {condition} AND r.seq > ? AND NOT EXISTS"
        " (SELECT 1 FROM history h WHERE h.record = r.seq AND h.action = 'enrich')"
        " ORDER BY r.seq LIMIT ?",
        (*values, last, PAGE),
    ):
        last = rows[-1][0]
        yield from store.read.records([row[0] for row in rows])


def _questions(chat: "BaseChatModel", record: Record) -> list[str]:
    """Return the questions that the model says a record answers, none without a usable one."""
    try:
        reply = replies.structured(chat, question_writing_prompt(record.text), Questions)
    except (StructuredOutputError, ContextTooLong) as error:
        logger.info("no questions for record %s: %s", record.id, type(error).__name__)
        return []
    tidy = (" ".join(question.split()) for question in reply.questions)
    return [
        question
        for question in dict.fromkeys(tidy)
        if question.endswith("?") and len(question) <= MAX_CHARS and question not in record.keys
    ]


def _add(store: SqliteStore, encoder: Encoder, record: Record, questions: list[str]) -> int:
    embedder = store.meta("embedder")
    blobs = packed(encoder.documents(questions))
    with store.transaction() as db:
        if store.meta("embedder") != embedder:
            raise EmbedderMismatch("the memory was moved to another embedder just now")
        if not store.read.records([record.seq]):  # forgotten while the model thought
            return 0
        user = user_id(db, record.scope.user)
        add_keys(db, user, [(record.seq, question) for question in questions], blobs)
        log(db, record.seq, "enrich", Trace(why=f"{len(questions)} questions it answers"))
    return len(questions)
