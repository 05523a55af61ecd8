"""Session summaries: notes on the closed parts of sessions, with summaries on summaries.

A summary covers whole turns, in order, so that a tool call and its result stay together. Later
turns get a further summary; many summaries get one on them, and stay linked below it.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from memagent.compression.base import Budget, Compressed, Compressor
from memagent.compression.job import CompressionReport
from memagent.compression.turn_text import fit_lines, parse_lines, speaker, turn_lines
from memagent.stores.banks.compression import CompressionBank
from memagent.stores.database import connection
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.derived import COMPRESSED_KEY, DerivedNote
from memagent.stores.database.filters import Filter, micros
from memagent.stores.database.writer import Trace
from memagent.stores.ranking import tokens_of
from memagent.types import KeyedBy, NewRecord, Record, Scope

logger = logging.getLogger(__name__)

RECORDS_PER_SUMMARY = 20
"""The approximate number of records in one summary: no turn is cut in two for it."""
SUMMARIES_PER_LEVEL = 8
"""The number of summaries of a session that get one summary on them."""
NO_LIMIT = 1_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionCutoff:
    """The records to summarise: those before a time, and all `but` a session's newest ones."""

    before: datetime | None = None
    but: int = 0

    def closed(self, records: Sequence[Record]) -> int:
        """Return the number of a session's records, oldest first, up to the first one too new."""
        most = max(0, len(records) - self.but)
        if self.before is None:
            return most
        too_new = (
            place
            for place, record in enumerate(records[:most])
            if micros(record.valid_from) >= micros(self.before)
        )
        return next(too_new, most)


@dataclass(frozen=True, slots=True)
class _Part:
    """Records of some turns of a session: the user's statements, or the rest of the turns.

    Only statements are evidence: `evidence` tells which of the two this part holds.
    """

    records: tuple[Record, ...]
    evidence: bool


def summarise_sessions(
    store: SqliteStore,
    bank: CompressionBank,
    compressor: Compressor,
    scope: Scope,
    budget: Budget,
    cutoff: SessionCutoff,
    *,
    progress: Callable[[int], None],
) -> CompressionReport:
    """Summarise the old turns of each session that have no summary yet; the job is resumable.

    The user's statements get a note of their own, since only they are evidence; questions, tool
    use and replies get another. `progress` receives the number of parts done.
    """
    report, by = CompressionReport(), f"{compressor.name}, {budget}"
    number = 0
    for session in connection.session_scopes(store, scope):
        for part in _parts(store, bank, session, cutoff):
            if part.evidence:
                summary = _compress_statements(compressor, part.records, budget)
            else:
                summary = fit_lines(turn_lines(part.records), budget)
            report = _store_summary(bank, part, summary, _mark(by, str(session.session), 0), report)
            number += 1
            progress(number)
        report = _summarise_summaries(store, bank, compressor, session, budget, by, report)
    logger.info("wrote %d session summaries, %d failed", report.notes, report.failed)
    return report


def _parts(
    store: SqliteStore, bank: CompressionBank, session: Scope, cutoff: SessionCutoff
) -> Iterator[_Part]:
    """Yield the parts of a session that are old and have no summary yet."""
    covered = {source for summary in _summaries(bank, session) for source in summary.sources}
    where = Filter(scope=session, kind="episode", everything=True)
    newest_first = store.read.newest(where, NO_LIMIT)
    own = [record for record in newest_first[::-1] if record.scope == session]
    records = [record for record in own if not record.superseded]
    closed = cutoff.closed(records)
    open_seq = records[closed].seq if closed < len(records) else float("inf")
    pending = [
        turn
        for turn in _turns(records)
        if all(record.seq < open_seq for record in turn)
        and any(record.id not in covered for record in turn)
    ]
    for chunk in _chunks(pending):
        for evidence in (True, False):
            part = tuple(
                record
                for record in chunk
                if record.evidence is evidence and record.id not in covered
            )
            if part:
                yield _Part(part, evidence)


def _summaries(bank: CompressionBank, session: Scope) -> list[DerivedNote]:
    """Return the summaries of one agent's session; without an agent, others' are not its own."""
    return [note for note in bank.summaries(session) if note.scope == session]


def _turns(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Cut a session before each message of its user; replies and tool results stay with it.

    A record that is no part of a conversation is a turn of its own.
    """
    turn: list[Record] = []
    for record in records:
        if turn and speaker(record) not in ("assistant", "ai", "tool"):
            yield turn
            turn = []
        turn.append(record)
    if turn:
        yield turn


def _chunks(turns: Sequence[Sequence[Record]]) -> Iterator[list[Record]]:
    """Yield the records of successive turns, about `RECORDS_PER_SUMMARY` at a time."""
    chunk: list[Record] = []
    for turn in turns:
        if chunk and len(chunk) + len(turn) > RECORDS_PER_SUMMARY:
            yield chunk
            chunk = []
        chunk += turn
    if chunk:
        yield chunk


def _compress_statements(
    compressor: Compressor, records: Sequence[Record], budget: Budget
) -> Compressed | None:
    return compressor.compress("\n".join(record.text for record in records), budget)


def _summarise_summaries(
    store: SqliteStore,
    bank: CompressionBank,
    compressor: Compressor,
    session: Scope,
    budget: Budget,
    by: str,
    report: CompressionReport,
) -> CompressionReport:
    """Write one summary on every `SUMMARIES_PER_LEVEL` of a level that have none on them yet."""
    level = 0
    while True:
        summaries = [note for note in _summaries(bank, session) if note.session == session.session]
        covered = {
            source for note in summaries if note.level == level + 1 for source in note.sources
        }
        ids = [note.id for note in summaries if note.level == level and note.id not in covered]
        records = store.read.get(session, ids)
        for evidence in (True, False):
            same_kind = [record for record in records if record.evidence is evidence]
            last = len(same_kind) - SUMMARIES_PER_LEVEL
            for start in range(0, last + 1, SUMMARIES_PER_LEVEL):
                group = same_kind[start : start + SUMMARIES_PER_LEVEL]
                if evidence:
                    summary = _compress_statements(compressor, group, budget)
                else:
                    summary = fit_lines(parse_lines([record.text for record in group]), budget)
                mark = _mark(by, str(session.session), level + 1)
                part = _Part(tuple(group), evidence)
                report = _store_summary(bank, part, summary, mark, report)
        if (
            not any(note.level == level + 1 for note in summaries)
            and len(ids) < SUMMARIES_PER_LEVEL
        ):
            return report
        level += 1


def _mark(by: str, session: str, level: int) -> dict[str, Any]:
    """Return the metadata that mark a record as a summary."""
    return {"by": by, "session": session, "level": level}


def _store_summary(
    bank: CompressionBank,
    part: _Part,
    summary: Compressed | None,
    mark: dict[str, Any],
    report: CompressionReport,
) -> CompressionReport:
    """Store a summary, if there is one, and return the report with it."""
    records = part.records
    before = sum(tokens_of(len(record.text)) for record in records)
    if summary is None or not summary.text:
        return report.plus(before, summary, kept=False)
    note = NewRecord(
        text=summary.text,
        kind="note",
        evidence=part.evidence,
        valid_from=records[-1].valid_from,
        sources=tuple(record.id for record in records),
        metadata={COMPRESSED_KEY: mark},
    )
    keys: KeyedBy = "own" if mark["level"] else "source"
    kept = bank.keep(note, records[0].scope, Trace(why=mark["by"]), keys)
    return report.plus(before, summary, kept=kept is not None)
