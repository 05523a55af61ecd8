"""Writer of new records: a batch goes into the store in one transaction, or not at all."""

import json
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from memagent.errors import EmbedderMismatch, ForgottenMeanwhile, InvalidInput, StoreError
from memagent.stores.database import deferred_indexing
from memagent.stores.database.bounds import MAX_REASON, check_text
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.deferred_indexing import DigestIndex, index_digests
from memagent.stores.database.derived import notes_on
from memagent.stores.database.filters import micros
from memagent.stores.database.links import link
from memagent.stores.database.metadata import to_json
from memagent.stores.database.rows import (
    INSERT_COLUMNS,
    Draft,
    closed_digest,
    new_record,
    packed,
    reading,
    row_of,
    same_json,
)
from memagent.stores.database.word_index import detected, index_words
from memagent.types import Action, Record, Scope

logger = logging.getLogger(__name__)
MARKS = ", ".join("?" * len(INSERT_COLUMNS.split(",")))


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """Author of a change and the reason for it, for the records' history.

    Raises:
        InvalidInput: one is no text, or cannot be kept.
    """

    who: str | None = None
    why: str | None = None

    def __post_init__(self) -> None:
        for name, text in (("who", self.who), ("why", self.why)):
            if text is not None:
                check_text(name, text, longest=MAX_REASON, empty=True)


NOBODY = Trace()
STALE = Trace(why="what it was made from was superseded")


def insert(
    store: SqliteStore,
    digests: DigestIndex,
    drafts: Sequence[Draft],
    embedder: str | None,
    trace: Trace,
    within: Scope | None = None,
) -> list[Record]:
    """Store all drafts of one scope or none, and return their records in the same order.

    What a draft names must lie `within` a scope that holds the one written to (that one if None):
    the record that it supersedes, the records of its context, and the one that has its id already.
    A record outside of it is as good as none, but for its id, which is taken.

    A draft that is already known is not stored again; an undated one is marked as affirmed now. New
    metadata and sources of an undated one, or of a known id, are merged into the record. One that
    supersedes another closes it. `embedder` is the fingerprint that the store had when the
    vectors were made.

    Raises:
        EmbedderMismatch: the store has moved to another embedder since.
        InvalidInput: a draft supersedes what is not there, or is superseded already; its id is
            taken; or `within` does not hold the scope of the drafts.
    """
    scope = drafts[0].scope
    within = scope if within is None else within
    if not within.covers(scope):
        raise InvalidInput("within: a scope is wanted that holds the one written to")
    with store.transaction() as db:
        if embedder is not None and embedder != store.meta("embedder"):
            raise EmbedderMismatch(
                "the memory was moved to another embedder just now; nothing was written"
            )
        batch = _Batch(store, digests, db, within, trace)
        for run in _runs(drafts):
            batch.write(run)
        old = [seq for seq in batch.seqs if seq not in batch.fresh]
        known = {record.seq: record for record in store.read.records(old)} if old else {}
        return [batch.fresh.get(seq) or known[seq] for seq in batch.seqs]


class _Batch:
    """Batch of drafts, written in one transaction; what they name is looked up `within` a scope.

    `seqs` names the record of every draft, in order; `fresh` holds those that are new.
    """

    def __init__(
        self,
        store: SqliteStore,
        digests: DigestIndex,
        db: sqlite3.Connection,
        within: Scope,
        trace: Trace,
    ) -> None:
        self._store = store
        self._digests = digests
        self._db = db
        self._within = within
        self._user = user_id(db, within.user)
        self._trace = trace
        self._now = store.now(within.user)
        self._seq_by_id: dict[str, int] = {}
        self.seqs: list[int] = []
        self.fresh: dict[int, Record] = {}

    def write(self, run: Sequence[Draft]) -> None:
        """Write drafts of which none supersedes another of the same run."""
        ids, digests = known_in(self._store, self._digests, self._within, run)
        seq = last_id(self._db, "records")
        new: dict[int, Draft] = {}
        affirmed: list[int] = []
        repeated: list[Draft] = []
        merging: list[tuple[int, Draft]] = []
        for draft in run:
            found = ids.get(draft.id) or digests.get(draft.digest)
            if found is None:
                seq += 1
                new[seq] = draft
                digests[draft.digest] = found = seq
                if draft.entry.id is not None:
                    ids[draft.id] = seq
            else:
                if draft.id in ids:
                    repeated.append(draft)
                elif draft.affirms:
                    affirmed.append(found)
                if draft.merges and (draft.id in ids or draft.affirms):
                    merging.append((found, draft))
            self._seq_by_id[draft.id] = found
            self.seqs.append(found)
        self._refuse_taken([draft.id for draft in new.values() if draft.entry.id is not None])
        self._resolve_context(new)
        self._insert(new)
        self._refuse_other_texts(repeated)
        self._affirm(affirmed)
        self._merge(merging)

    def _refuse_taken(self, ids: Sequence[str]) -> None:
        """Refuse ids that records out of the writer's reach have: a user's ids are unique."""
        taken = self._store.read.chunked(
            "SELECT id FROM records WHERE user = ? AND id IN (*)", ids, (self._user,)
        )
        if taken:
            raise InvalidInput(f"the id {taken[0]['id']!r} is taken: choose another, or none")

    def _refuse_other_texts(self, drafts: Sequence[Draft]) -> None:
        """Refuse an id that is taken by another text: keeping either would lose the other."""
        for draft in drafts:
            (held,) = self._store.query(
                "SELECT value FROM records WHERE user = ? AND id = ?", (self._user, draft.id)
            )
            if held["value"] != draft.entry.text:
                raise InvalidInput(
                    f"record {draft.id!r} is there already and says something else: update it, or"
                    " leave the id out"
                )

    def _resolve_context(self, new: dict[int, Draft]) -> None:
        """Replace the ids in each draft's context by the ids that those records are stored under.

        Raises:
            ForgottenMeanwhile: one of them was forgotten since the keys were made.
        """
        dependent = [draft for draft in new.values() if draft.context]
        named = {id for draft in dependent for id in draft.context}
        ids = {id: id for id in seqs_of(self._store, self._within, list(named))}
        for id in named & self._seq_by_id.keys():
            ids[id] = self._id_of(self._seq_by_id[id], new)
        for draft in dependent:
            if not ids.keys() >= set(draft.context):
                raise ForgottenMeanwhile(
                    "a record that the text refers to was forgotten just now; nothing was written"
                )
            draft.context = tuple(ids[id] for id in draft.context)

    def _id_of(self, seq: int, new: dict[int, Draft]) -> str:
        if seq in new:
            return new[seq].id
        (found,) = self._db.execute("SELECT id FROM records WHERE seq = ?", (seq,)).fetchone()
        return str(found)

    def _insert(self, new: dict[int, Draft]) -> None:
        keyed: list[tuple[int, str]] = []
        languages: list[str | None] = []
        vectors: list[NDArray[np.float32]] = []
        for seq, draft in new.items():
            if draft.vectors is None:
                raise StoreError(
                    "a record was forgotten while it was added again; nothing was written"
                )
            if draft.entry.supersedes is not None:
                self._close(draft)
            keyed += [(seq, text) for text in draft.keys]
            languages += draft.languages
            vectors.append(draft.vectors)
        self._db.executemany(
            f"INSERT INTO records({INSERT_COLUMNS}) VALUES ({MARKS})",
            [row_of(draft, seq, self._user, self._now) for seq, draft in new.items()],
        )
        if keyed:
            add_keys(self._db, self._user, keyed, packed(np.concatenate(vectors)), languages)
            written = {draft.digest: seq for seq, draft in new.items()}
            self._digests.add(self._user, written, max(new))
        if self._within.agent is None:
            self._link_other_agents(new)
        self.fresh |= {seq: new_record(draft, seq, self._now) for seq, draft in new.items()}
        traced = self._trace.who is not None or self._trace.why is not None
        for seq, draft in new.items():
            if traced or draft.entry.supersedes is not None:
                log(self._db, seq, "add", self._trace)

    def _link_other_agents(self, new: dict[int, Draft]) -> None:
        """Link records of an agent to sources of others, which its own scope would not reach."""
        for seq, draft in new.items():
            if draft.scope.agent is not None and draft.entry.sources:
                sources = seqs_of(self._store, self._within, draft.entry.sources)
                link(self._db, seq, sources.values(), "quote")

    def _affirm(self, seqs: Sequence[int]) -> None:
        for seq in seqs:
            now = micros(self._now)
            self._db.execute("UPDATE records SET affirmed = ? WHERE seq = ?", (now, seq))
            log(self._db, seq, "affirm", self._trace)
            self.fresh.pop(seq, None)

    def _merge(self, drafts: Sequence[tuple[int, Draft]]) -> None:
        """Merge metadata and sources into the known records; new values win, sources are united.

        A record of another agent or session, whose id was given, is left alone.
        """
        rows = self._store.read.chunked(
            "SELECT seq, agent, session, metadata, sources FROM records WHERE seq IN (*)",
            list({seq for seq, _ in drafts}),
        )
        held = {row["seq"]: row for row in rows}
        with reading("a record"):
            merged = {
                seq: (json.loads(row["metadata"]), json.loads(row["sources"]))
                for seq, row in held.items()
            }
        for seq, draft in drafts:
            if (held[seq]["agent"], held[seq]["session"]) != (
                draft.scope.agent,
                draft.scope.session,
            ):
                continue
            old = merged[seq]
            metadata, sources = new = draft.merged_into(*old)
            if same_json(new, old):
                continue
            merged[seq] = new
            self._db.execute(
                "UPDATE records SET metadata = ?, sources = ? WHERE seq = ?",
                (to_json(metadata), json.dumps(sources), seq),
            )
            log(self._db, seq, "merge", self._trace)
            mark_changed(self._db, self._user, seq)
            self.fresh.pop(seq, None)
            logger.info("new metadata or sources were merged into record %d", seq)

    def _close(self, draft: Draft) -> None:
        """Close the record that a draft supersedes, at the time from which the new one holds.

        Its digest is set apart, so that the old text, added again, is a new fact.
        """
        superseded = draft.entry.supersedes
        seq = seqs_of(self._store, self._within, [str(superseded)]).get(str(superseded))
        if seq is None:
            raise InvalidInput(f"there is no record {superseded!r} to supersede")
        old = self._db.execute(
            "SELECT seq, id, digest, superseded FROM records WHERE seq = ?", (seq,)
        ).fetchone()
        if old["superseded"]:
            raise InvalidInput(f"record {superseded!r} is superseded: update its newest version")
        since = micros(draft.entry.valid_from or self._now)
        self._db.execute(
            "UPDATE records SET superseded = 1, digest = ?,"
            " valid_to = min(coalesce(valid_to, ?), ?) WHERE seq = ?",
            (closed_digest(old["digest"], old["id"]), since, since, old["seq"]),
        )
        self._db.execute(
            "DELETE FROM digests WHERE user = ? AND digest = ? AND record = ?",
            (self._user, old["digest"], old["seq"]),
        )
        mark_changed(self._db, self._user, old["seq"])
        log(self._db, old["seq"], "supersede", self._trace)
        for seq in notes_on(self._store, self._user, old["id"]):
            self._db.execute(
                "UPDATE records SET valid_to = min(coalesce(valid_to, ?), ?) WHERE seq = ?",
                (since, since, seq),
            )
            mark_changed(self._db, self._user, seq)
            log(self._db, seq, "supersede", STALE)


def known_in(
    store: SqliteStore, digests: DigestIndex, within: Scope, drafts: Sequence[Draft]
) -> tuple[dict[str, int], dict[bytes, int]]:
    """Return the ids and digests of drafts that records within a scope have, with their `seq`.

    A digest is of a text in its scope, so that no other scope has it.
    """
    ids = [draft.id for draft in drafts if draft.entry.id is not None]
    known = digests.find(store.user(within.user), [draft.digest for draft in drafts])
    return seqs_of(store, within, ids), known


def seqs_of(store: SqliteStore, within: Scope, ids: Sequence[str]) -> dict[str, int]:
    """Return the numbers of the records within a scope, by those of their ids that it has."""
    rows = store.read.chunked(
        "SELECT id, seq FROM records WHERE user = ?1 AND (?2 IS NULL OR agent = ?2)"
        " AND (?3 IS NULL OR session = ?3) AND id IN (*)",
        ids,
        (store.user(within.user), within.agent, within.session),
    )
    return {row[0]: row[1] for row in rows}


def user_id(db: sqlite3.Connection, name: str) -> int:
    """Return a user's number within a transaction, making the user if need be."""
    row = db.execute("SELECT id FROM users WHERE name = ?", (name,)).fetchone()
    if row is None:
        row = db.execute("INSERT INTO users(name) VALUES (?) RETURNING id", (name,)).fetchone()
    return int(row[0])


def add_keys(
    db: sqlite3.Connection,
    user: int,
    keyed: Sequence[tuple[int, str]],
    blobs: Sequence[bytes],
    languages: Sequence[str | None] | None = None,
) -> None:
    """Write keys, given as (record, text), with their packed vectors, and make them searchable.

    Their `languages` are those that `detected` returns; without any they are detected here.
    """
    owner, first = f"u{user}", last_id(db, "keys") + 1
    if languages is None:
        languages = detected(db.execute, owner, [text for _, text in keyed])
    db.executemany(
        "INSERT INTO keys(id, record, owner, text, vector, language) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (first + n, seq, owner, text, blob, language)
            for n, ((seq, text), blob, language) in enumerate(
                zip(keyed, blobs, languages, strict=True)
            )
        ],
    )
    index_words(db)
    index_digests(db, beyond=deferred_indexing.MAX_DEFERRED)


def mark_changed(db: sqlite3.Connection, user: int, seq: int) -> None:
    """Mark a record as changed, so that the indexes of every process read it again."""
    db.execute("INSERT INTO changes(owner, record) VALUES (?, ?)", (f"u{user}", seq))


def log(db: sqlite3.Connection, seq: int, action: Action, trace: Trace) -> None:
    """Write one event of a record's history, never before what happened to it already."""
    db.execute(
        "INSERT INTO history(record, at, action, who, why) SELECT seq, max(?, created, coalesce("
        "(SELECT max(at) FROM history WHERE record = seq), 0)), ?, ?, ? FROM records WHERE seq = ?",
        (micros(datetime.now(UTC)), action, trace.who, trace.why, seq),
    )


def last_id(db: sqlite3.Connection, table: str) -> int:
    """Return the highest id that a table ever gave; ids of erased rows are not given again."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return int(row[0]) if row else 0


def _runs(drafts: Sequence[Draft]) -> Iterator[list[Draft]]:
    """Split a batch so that a draft that supersedes another stands alone, after what it needs."""
    for alone, together in groupby(drafts, lambda draft: draft.entry.supersedes is not None):
        run = list(together)
        yield from [[draft] for draft in run] if alone else [run]
