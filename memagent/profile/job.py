"""Profile job: looks through new statements of a user, and writes lines on the lasting ones.

Resumable: the store keeps how far the job has come for each user and agent, and a page of
statements is looked through in one piece. What a line was once made from is not taken again, so
that a removed line stays away.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from memagent.embedding.encoder import Encoder
from memagent.profile import lasting, writer
from memagent.profile.lasting import LastingClassifier
from memagent.profile.line_store import LineStore, ProposedLine
from memagent.profile.lines import BY_STATEMENTS, folded, held, known_texts, written
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import Filter
from memagent.text.questions import has_question_mark
from memagent.text.sentences import sentences
from memagent.types import Record, Scope

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

logger = logging.getLogger(__name__)

PAGE = 50
"""Records that are looked through in one piece."""
MAX_CHARS = 200
"""Characters of a sentence at most: a longer one is no short statement."""
MAX_TEXT = 2_000
"""Characters of a record at most: a longer one is a document, and says nothing of the user."""
PER_RECORD = 3
"""Lines that are made from one record at most: those that are the most surely lasting."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProfileReport:
    """Report of the job: records looked through, lines written, and whether all is looked through.

    `why` says what kept the job from choosing lines, empty if nothing did.
    """

    records: int = 0
    lines: int = 0
    done: bool = True
    why: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """Sentence of a record that states something."""

    text: str
    record: Record


def update(
    store: SqliteStore,
    encoder: Encoder,
    lines: LineStore,
    scope: Scope,
    *,
    chat: "BaseChatModel | None" = None,
    limit: int | None = None,
    seconds: float | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> ProfileReport:
    """Look through the statements since the last call, and write lines on the lasting ones.

    The user's own words are taken, chosen by the classifier of the store's embedder; with a `chat`
    model it proposes the lines. `limit` bounds the records and `seconds` the time of a call.

    Raises:
        ModelUnavailable: the model cannot be reached.
    """
    classifier = lasting.classifier_of(encoder.name)
    if classifier is None and chat is None:
        known = " and ".join(lasting.embedders())
        why = f"no classifier reads the vectors of {encoder.name}, only those of {known}"
        logger.info("the profile is not updated: %s", why)
        return ProfileReport(done=False, why=why)
    started, records, count = time.monotonic(), 0, 0
    while True:
        size = PAGE if limit is None else min(PAGE, limit - records)
        out_of_time = seconds is not None and time.monotonic() - started >= seconds
        page = _page(store, scope, size) if size and not out_of_time else None
        if page is None:
            return ProfileReport(records=records, lines=count, done=not _page(store, scope, 1))
        if not page:
            return ProfileReport(records=records, lines=count)
        proposed = _proposed(store, encoder, classifier, chat, scope, page)
        count += lines.add(proposed, scope, partial(_advance, store, scope, page[-1].seq))
        records += len(page)
        logger.info("looked through %d records: the profile got %d lines", records, count)
        progress(records)


def _page(store: SqliteStore, scope: Scope, size: int) -> list[Record]:
    """Return the next statements that were not looked through yet, in order of writing."""
    where = Filter(scope=scope, evidence=True)
    condition, values = where.condition()
    rows = store.query(
        f"SELECT r.seq FROM records r WHERE {condition} AND r.seq > ?"
        " AND r.kind IN ('episode', 'lesson') ORDER BY r.seq LIMIT ?",
        (*values, _looked_through(store, scope), size),
    )
    return store.read.records([row["seq"] for row in rows])


def _proposed(
    store: SqliteStore,
    encoder: Encoder,
    classifier: LastingClassifier | None,
    chat: "BaseChatModel | None",
    scope: Scope,
    page: Sequence[Record],
) -> list[ProposedLine]:
    """Return the lines to write on a page of records, without those that are there already."""
    before = written(store, scope)
    covered = {source for record in before for source in record.sources}
    known = set(known_texts(before))
    found = [
        Statement(text, record)
        for record in page
        if record.id not in covered
        for text in statements_of(record)
        if folded(text) not in known
    ]
    if not found:
        return []
    if chat is not None:
        proposed = writer.propose(chat, held(store, scope), [(s.text, s.record) for s in found])
        if proposed is not None:
            return proposed
    return [] if classifier is None else _lasting(encoder, classifier, found)


def statements_of(record: Record) -> Iterator[str]:
    """Yield the sentences of a record with which its user states something.

    What is not a user's own, such as a passage of a document, states nothing of the user.
    """
    own = record.role == "user" or (record.role is None and not record.sources)
    if not own or len(record.text) > MAX_TEXT:
        return
    for span in sentences(record.text, any_case=True):
        text = " ".join(span.of(record.text).split())
        if len(text) <= MAX_CHARS and not has_question_mark(text) and folded(text):
            yield text


def _lasting(
    encoder: Encoder, classifier: LastingClassifier, found: Sequence[Statement]
) -> list[ProposedLine]:
    """Return lines on the statements that are surely lasting, in their order, each text once."""
    scores = classifier.scores(encoder.documents([statement.text for statement in found])).tolist()
    best: dict[tuple[str, ...], ProposedLine] = {}
    taken: dict[str, int] = {}
    for score, statement in sorted(
        zip(scores, found, strict=True), key=lambda pair: pair[0], reverse=True
    ):
        record = statement.record
        if score < classifier.threshold or taken.get(record.id, 0) == PER_RECORD:
            continue
        taken[record.id] = taken.get(record.id, 0) + 1
        line = ProposedLine(
            text=spoken(statement.text, record),
            said=statement.text,
            sources=(record,),
            by=BY_STATEMENTS,
            score=score,
        )
        best.setdefault(folded(statement.text), line)
    return sorted(best.values(), key=lambda line: line.sources[0].seq)


def spoken(text: str, record: Record) -> str:
    """Return a statement after the name of its speaker, where there is one."""
    return f"{record.speaker}: {text}" if record.speaker else text


def _key(store: SqliteStore, scope: Scope) -> str:
    """Return the key of `meta` that tells how far the job is; it names nobody."""
    agent = hashlib.sha256((scope.agent or "").encode()).hexdigest()[:16] if scope.agent else ""
    return f"profile {store.owner(scope.user)} {agent}".strip()


def _looked_through(store: SqliteStore, scope: Scope) -> int:
    value = store.meta(_key(store, scope))
    return int(value) if value is not None and value.isdecimal() else 0


def _advance(store: SqliteStore, scope: Scope, last: int) -> None:
    """Keep how far the job is, within the transaction that writes the lines."""
    with store.transaction() as db:
        db.execute(
            "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT(key) DO UPDATE SET value = ?2"
            " WHERE CAST(value AS INTEGER) < ?2",
            (_key(store, scope), str(last)),
        )
