"""Retention: when there are too many records, the least useful are archived, not lost.

A record that was used often and recently is likely to be used again: the chance falls as a power
of the time since (Anderson and Schooler, 1991). Activation is ln(sum over the uses of age^-decay),
as in ACT-R.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memagent.errors import InvalidInput, shown
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import Filter, micros
from memagent.stores.database.writer import Trace, log, mark_changed, user_id
from memagent.types import Outcome, Policy, Record, Scope

MAX_USES = 32
"""Number of a record's uses that are remembered one by one; older ones count for little."""
DECAY = 0.5
MAX_DECAY = 10
"""A steeper decay would leave nothing of a use that a number can hold."""
OVER_CAPACITY = "over a capacity of"
"""Beginning of the reason in the history of a record that was archived to make room."""
POLICIES: tuple[Policy, ...] = ("activation", "fifo", "lru")


@dataclass(frozen=True, kw_only=True, slots=True)
class Retained:
    """Result of a retention, or with `dry_run` its plan: the ids archived, and how many stay."""

    archived: tuple[str, ...]
    kept: int
    pinned: int
    dry_run: bool


def retain(
    store: SqliteStore,
    scope: Scope,
    capacity: int,
    policy: Policy,
    *,
    decay: float,
    dry_run: bool,
) -> Retained:
    """Archive the records of a scope that score lowest, until at most `capacity` are left.

    Pinned records stay and count. Superseded ones are history already and do not count.

    Raises:
        InvalidInput: the capacity is negative, the policy unknown, or the decay not positive.
    """
    if capacity < 0 or not 0 < decay <= MAX_DECAY or policy not in POLICIES:
        raise InvalidInput(
            f"retention: expected a capacity of at least 0, a decay of at most {MAX_DECAY} and a"
            f" policy among {', '.join(POLICIES)};"
            f" found {shown(capacity)}, {shown(decay)} and {shown(policy)}"
        )
    condition, values = Filter(scope=scope).condition()
    with store.transaction() as db:
        rows = store.query(
            f"SELECT r.seq, r.id, r.created, r.pinned FROM records r WHERE {condition}", values
        )
        user, now = user_id(db, scope.user), store.now(scope.user)
        uses = _uses(store, [row["seq"] for row in rows])
        held = {row["seq"]: [row["created"], *uses.get(row["seq"], ())] for row in rows}
        scores = retention_scores(held, micros(now), policy, decay)
        unpinned = sorted(
            (row for row in rows if not row["pinned"]), key=lambda r: scores[r["seq"]]
        )
        surplus = unpinned[: max(0, len(rows) - capacity)]
        for row in [] if dry_run else surplus:
            db.execute("UPDATE records SET archived = ? WHERE seq = ?", (micros(now), row["seq"]))
            mark_changed(db, user, row["seq"])
            log(db, row["seq"], "archive", Trace(why=f"{OVER_CAPACITY} {capacity} by {policy}"))
    return Retained(
        archived=tuple(row["id"] for row in surplus),
        kept=len(rows) - len(surplus),
        pinned=len(rows) - len(unpinned),
        dry_run=dry_run,
    )


def retention_scores(
    uses: Mapping[int, Sequence[int]], now: int, policy: Policy, decay: float = DECAY
) -> dict[int, tuple[float, int]]:
    """Return each record's score; the lowest is archived first.

    `uses` are the times (microseconds since 1970) at which a record was written and shown, the
    writing first. FIFO goes by the writing alone, LRU by the last use, activation by all of them.
    """
    if policy == "fifo":
        return {seq: (float(times[0]), seq) for seq, times in uses.items()}
    if policy == "lru":
        return {seq: (float(max(times)), seq) for seq, times in uses.items()}
    return {seq: (activation(times, now, decay), seq) for seq, times in uses.items()}


def activation(times: Sequence[int], now: int, decay: float = DECAY) -> float:
    """Return ln(sum of age^-decay) over the times of use, ages in seconds and at least one."""
    total = sum(max(1.0, (now - time) / 1e6) ** -decay for time in times)
    return math.log(total) if total else -math.inf


def use(store: SqliteStore, seqs: Sequence[int], user: str) -> None:
    """Count records as shown now, within a transaction of the caller."""
    now = micros(store.now(user))
    with store.transaction() as db:
        for seq in seqs:
            db.execute("UPDATE records SET recalled = recalled + 1 WHERE seq = ?", (seq,))
            db.execute("INSERT INTO uses VALUES (?, ?)", (seq, now))
            db.execute(
                "DELETE FROM uses WHERE record = ? AND at < (SELECT at FROM uses WHERE record = ?"
                " ORDER BY at DESC LIMIT 1 OFFSET ?)",
                (seq, seq, MAX_USES - 1),
            )


def pin(store: SqliteStore, records: Sequence[Record], *, pinned: bool, trace: Trace) -> int:
    """Pin records, or unpin them; return how many changed."""
    changing = [record for record in records if record.pinned != pinned]
    with store.transaction() as db:
        for record in changing:
            db.execute("UPDATE records SET pinned = ? WHERE seq = ?", (pinned, record.seq))
            log(db, record.seq, "pin" if pinned else "unpin", trace)
    return len(changing)


def archive(store: SqliteStore, records: Sequence[Record], *, trace: Trace) -> int:
    """Archive records that are neither pinned nor archived already; return how many there were."""
    changing = [record for record in records if record.archived is None and not record.pinned]
    with store.transaction() as db:
        for record in changing:
            now = micros(store.now(record.scope.user))
            db.execute("UPDATE records SET archived = ? WHERE seq = ?", (now, record.seq))
            mark_changed(db, user_id(db, record.scope.user), record.seq)
            log(db, record.seq, "archive", trace)
    return len(changing)


def restore(store: SqliteStore, records: Sequence[Record], *, trace: Trace) -> int:
    """Restore archived records; return how many were archived."""
    changing = [record for record in records if record.archived is not None]
    with store.transaction() as db:
        for record in changing:
            db.execute("UPDATE records SET archived = NULL WHERE seq = ?", (record.seq,))
            mark_changed(db, user_id(db, record.scope.user), record.seq)
            log(db, record.seq, "restore", trace)
    return len(changing)


def _uses(store: SqliteStore, seqs: Sequence[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for seq, at in store.read.chunked("SELECT record, at FROM uses WHERE record IN (*)", seqs):
        found.setdefault(seq, []).append(at)
    return found


def judge(store: SqliteStore, records: Sequence[Record], outcome: Outcome, trace: Trace) -> int:
    """Count an outcome for records and their sources, and return how many records there were."""
    with store.transaction() as db:
        for record in records:
            user = user_id(db, record.scope.user)
            db.execute(f"UPDATE records SET {outcome} = {outcome} + 1 WHERE seq = ?", (record.seq,))
            for source in record.sources:
                db.execute(
                    f"INSERT INTO outcomes(user, source, {outcome}) VALUES (?, ?, 1)"
                    f" ON CONFLICT DO UPDATE SET {outcome} = {outcome} + 1",
                    (user, source),
                )
            log(db, record.seq, outcome, trace)
    return len(records)
