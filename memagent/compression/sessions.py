"""Old episodes age into the bank: summaries of closed parts of sessions, none of which is lost.

A summary is of whole turns, in order, so that a tool call and its result are never parted. What is
told later becomes a further summary; many summaries get one on them, and stay linked below it.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from memagent.compression.base import Budget, Compressed, Compressor
from memagent.compression.job import CompressionReport
from memagent.stores.banks.compression import CompressionBank
from memagent.stores.database import connection
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.derived import COMPRESSED_KEY
from memagent.stores.database.filters import Filter
from memagent.stores.database.writer import Trace
from memagent.stores.ranking import tokens_of
from memagent.types import KeyedBy, NewRecord, Record, Scope

RESULT_CHARS = 400
"""Of a longer tool result the beginning is kept with its call; the rest is in the source."""
MESSAGE = "memagent.message"
"""Where a chat history keeps what a message is; see chat_history.py."""
USED = "used "
"""How a line begins that tells of a tool call, and of its result."""
_SAID = {"user": "asked", "human": "asked", "assistant": "replied", "ai": "replied"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line; `done` tells whether a tool was used, whose call and result are both in it."""

    text: str
    done: bool = False


def role(record: Record) -> str:
    """Return who speaks in a record, empty if it is no part of a conversation."""
    told = _message(record).get("type", record.metadata.get("role"))
    return str(told or "")


def lines_of(records: Sequence[Record]) -> list[Line]:
    """Return what records of whole turns tell; the result of a tool stands with its call."""
    results = {
        str(found["tool_call_id"]): _result(record.text, found.get("status") == "error")
        for record in records
        if (found := _data(record)).get("tool_call_id")
    }
    told: list[Line] = []
    shown: set[str] = set()
    for record in records:
        steps = record.metadata.get("steps", [])
        told += _of_steps(steps if isinstance(steps, list) else [])
        data = _data(record)
        calls = [call for call in data.get("tool_calls") or [] if isinstance(call, dict)]
        name = str(data.get("tool_call_id", ""))
        if name in shown:
            continue
        if not calls or data.get("content", True):  # else the value is that of the calls
            told.append(_said(record))
        for call in calls:
            result = results.get(str(call.get("id")))
            told.append(_used(call.get("name"), call.get("args", {}), result))
            shown.add(str(call.get("id")))
    return told


def lines_again(texts: Sequence[str]) -> list[Line]:
    """Return the lines of texts that were made of such lines before."""
    return [Line(line, line.startswith(USED)) for text in texts for line in text.split("\n")]


def fitting(lines: Sequence[Line], budget: Budget) -> Compressed | None:
    """Return the lines there is room for, in order: what was done comes before any words."""
    room, kept = budget.chars("\n".join(line.text for line in lines)), set[int]()
    for place in sorted(range(len(lines)), key=lambda place: (not lines[place].done, place)):
        if len(lines[place].text) + 1 <= room or not kept:
            kept.add(place)
            room -= len(lines[place].text) + 1
    text = "\n".join(lines[place].text for place in sorted(kept))
    return Compressed(text=text) if text else None


def _of_steps(steps: Sequence[Any]) -> Iterator[Line]:
    """Yield each call that an agent's steps tell of, with what it gave."""
    call: Mapping[str, Any] | None = None
    for step in steps:
        kind = step.get("step") if isinstance(step, dict) else None
        if kind == "acted":
            if call is not None:
                yield _used(call.get("tool"), call.get("arguments", {}), None)
            call = step
        elif kind == "observed" and call is not None:
            result = _result(str(step.get("text", "")), bool(step.get("failed")))
            yield _used(call.get("tool"), call.get("arguments", {}), result)
            call = None
    if call is not None:
        yield _used(call.get("tool"), call.get("arguments", {}), None)


def _result(text: str, failed: bool) -> str:
    return f"failed: {text}" if failed else text


def _used(tool: object, arguments: object, result: str | None) -> Line:
    call = f"{USED}{tool}({json.dumps(arguments, default=str)})"
    return Line(call if result is None else f"{call}: {_flat(result)[:RESULT_CHARS]}", done=True)


def _said(record: Record) -> Line:
    who = role(record)
    text = _flat(record.text)
    text = text[:RESULT_CHARS] if who == "tool" else text
    return Line(f"{_SAID.get(who, who)}: {text}" if who else text, done=who == "tool")


def _flat(text: str) -> str:
    return " ".join(text.split())


def _message(record: Record) -> Mapping[str, Any]:
    found = record.metadata.get(MESSAGE)
    return found if isinstance(found, dict) else {}


def _data(record: Record) -> Mapping[str, Any]:
    found = _message(record).get("data")
    return found if isinstance(found, dict) else {}


TOGETHER = 20
"""A summary is of about so many records: no turn is cut in two for it."""
FOLDED = 8
"""So many summaries of a session get one summary on them."""
EVERY = 1_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionCutoff:
    """What is old enough: what held before a time, or all but a session's newest records."""

    before: datetime | None = None
    but: int = 0

    def closed(self, records: Sequence[Record]) -> int:
        """Return how many of a session's records, oldest first, are old enough, without a gap."""
        most = max(0, len(records) - self.but)
        if self.before is None:
            return most
        young = (n for n, one in enumerate(records[:most]) if one.valid_from >= self.before)
        return next(young, most)


@dataclass(frozen=True, slots=True)
class _Part:
    """Some turns of a session; what was stated in them, or what was asked, done and replied."""

    records: tuple[Record, ...]
    stated: bool


def summarise_sessions(
    store: SqliteStore,
    bank: CompressionBank,
    compressor: Compressor,
    scope: Scope,
    budget: Budget,
    old: SessionCutoff,
    *,
    progress: Callable[[int], None],
) -> CompressionReport:
    """Summarise what is old in each session of a scope and has no summary; go on where it stopped.

    What a user stated and what was asked, done and replied become notes of their own, since only
    the first is evidence.
    """
    done, by = CompressionReport(), f"{compressor.name}, {budget}"
    number = 0
    for name in connection.sessions(store, scope, ""):
        session = replace(scope, session=name)
        for part in _parts(store, bank, session, old):
            if part.stated:
                made = _stated(compressor, part.records, budget)
            else:
                made = fitting(lines_of(part.records), budget)
            done = _kept(bank, part.records, made, _told(by, name, 0), part.stated, done)
            number += 1
            progress(number)
        done = _fold(store, bank, compressor, session, budget, by, done)
    return done


def _parts(
    store: SqliteStore, bank: CompressionBank, session: Scope, old: SessionCutoff
) -> Iterator[_Part]:
    """Yield the parts of a session that are old and have no summary yet."""
    covered = {source for one in bank.summaries(session) for source in one.sources}
    where = Filter(scope=session, kind="episode", everything=True)
    records = [one for one in store.newest(where, EVERY)[::-1] if not one.superseded]
    open_from = old.closed(records)
    turns = list(_turns(records))
    closed = [turn for turn in turns if all(one.seq < _seq(records, open_from) for one in turn)]
    waiting = [turn for turn in closed if any(one.id not in covered for one in turn)]
    for chunk in _chunks(waiting):
        for stated in (True, False):
            own = tuple(one for one in chunk if one.evidence is stated and one.id not in covered)
            if own:
                yield _Part(own, stated)


def _seq(records: Sequence[Record], place: int) -> float:
    return records[place].seq if place < len(records) else float("inf")


def _turns(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Cut a session where somebody says something; what answers it, tools and all, stays with it.

    A record that is no part of a conversation stands alone.
    """
    turn: list[Record] = []
    for record in records:
        if turn and role(record) not in ("assistant", "ai", "tool"):
            yield turn
            turn = []
        turn.append(record)
    if turn:
        yield turn


def _chunks(turns: Sequence[Sequence[Record]]) -> Iterator[list[Record]]:
    chunk: list[Record] = []
    for turn in turns:
        if chunk and len(chunk) + len(turn) > TOGETHER:
            yield chunk
            chunk = []
        chunk += turn
    if chunk:
        yield chunk


def _stated(compressor: Compressor, records: Sequence[Record], budget: Budget) -> Compressed | None:
    return compressor.compress("\n".join(one.text for one in records), budget)


def _fold(
    store: SqliteStore,
    bank: CompressionBank,
    compressor: Compressor,
    session: Scope,
    budget: Budget,
    by: str,
    done: CompressionReport,
) -> CompressionReport:
    """Put one summary on every FOLDED summaries of a level that have none on them yet."""
    level = 0
    while True:
        own = [one for one in bank.summaries(session) if one.session == session.session]
        above = {source for one in own if one.level == level + 1 for source in one.sources}
        names = [one.id for one in own if one.level == level and one.id not in above]
        records = store.get(session, names)
        for evidence in (True, False):
            some = [one for one in records if one.evidence is evidence]
            for start in range(0, len(some) - FOLDED + 1, FOLDED):
                group = some[start : start + FOLDED]
                if evidence:
                    made = _stated(compressor, group, budget)
                else:
                    made = fitting(lines_again([one.text for one in group]), budget)
                told = _told(by, str(session.session), level + 1)
                done = _kept(bank, group, made, told, evidence, done)
        if not any(one.level == level + 1 for one in own) and len(names) < FOLDED:
            return done
        level += 1


def _told(by: str, session: str, level: int) -> dict[str, Any]:
    return {"by": by, "session": session, "level": level}


def _kept(
    bank: CompressionBank,
    records: Sequence[Record],
    made: Compressed | None,
    told: dict[str, Any],
    evidence: bool,
    done: CompressionReport,
) -> CompressionReport:
    before = sum(tokens_of(len(one.text)) for one in records)
    if made is None or not made.text:
        return done.plus(before, made, kept=False)
    note = NewRecord(
        text=made.text,
        kind="note",
        evidence=evidence,
        valid_from=records[-1].valid_from,
        sources=tuple(one.id for one in records),
        metadata={COMPRESSED_KEY: told},
    )
    keys: KeyedBy = "own" if told["level"] else "source"
    kept = bank.keep(note, records[0].scope, Trace(why=told["by"]), keys)
    return done.plus(before, made, kept=kept is not None)
