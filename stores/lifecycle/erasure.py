"""Erasure of records, of all that was made from them, and of every byte of their words."""

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.rows import packed, reading
from memagent.stores.database.word_index import erase_words
from memagent.stores.database.writer import Trace, add_keys, log, mark_changed, user_id
from memagent.stores.index import embedding_cache, snapshot
from memagent.types import Receipt, Record, Scope

logger = logging.getLogger(__name__)

QUOTES = "quotes"
Place = tuple[str, str]
"""A user's name, and a record's id."""


@dataclass(slots=True)
class _Links:
    """Links of one user's records, by id: what is erased with each, and what each is keyed with."""

    with_it: dict[str, list[Place]] = field(default_factory=dict)
    context: dict[str, set[str]] = field(default_factory=dict)


class Lineage:
    """Links from records to what was made from them, read once for each user."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._links: dict[str, _Links] = {}

    def of(self, user: str, ids: Iterable[str]) -> dict[str, set[str]]:
        """Return, by user, the ids of a user's records and of all that is erased with them."""
        erased = {(user, id) for id in ids}
        queue = list(erased)
        while queue:
            owner, id = queue.pop()
            found = set(self._of(owner).with_it.get(id, ())) - erased
            erased |= found
            queue += found
        by_user: dict[str, set[str]] = {user: set()}
        for owner, id in erased:
            by_user.setdefault(owner, set()).add(id)
        return by_user

    def rekeyed(self, user: str, erased: set[str]) -> list[str]:
        """Return which of a user's other records are keyed together with an erased one."""
        context = self._of(user).context
        return [id for id, ids in context.items() if id not in erased and ids & erased]

    def _of(self, user: str) -> _Links:
        if user not in self._links:
            self._links[user] = self._read(user)
        return self._links[user]

    def _read(self, user: str) -> _Links:
        links, number = _Links(), self._store.user(user)
        for row in self._store.query(
            "SELECT id, supersedes, sources, context, metadata FROM records WHERE user = ?"
            " AND (supersedes IS NOT NULL OR sources != '[]' OR context != '[]')",
            (number,),
        ):
            with reading("a record"):
                links.context[row["id"]] = set(json.loads(row["context"]))
                if QUOTES not in json.loads(row["metadata"]):
                    for source in json.loads(row["sources"]):
                        links.with_it.setdefault(source, []).append((user, row["id"]))
            if row["supersedes"] is not None:
                links.with_it.setdefault(row["supersedes"], []).append((user, row["id"]))
                links.with_it.setdefault(row["id"], []).append((user, row["supersedes"]))
        for row in self._store.query(
            "SELECT r.id, r.sources, u.name FROM records r JOIN users u ON u.id = r.user"
            " WHERE r.kind IN ('rationale', 'lesson') AND r.user != ? AND r.sources != '[]'"
            " AND r.metadata LIKE '%\"quotes\"%' AND json_extract(r.metadata, '$.quotes') = ?",
            (number, user),
        ):
            with reading("a record"):
                for source in json.loads(row["sources"]):
                    links.with_it.setdefault(source, []).append((row["name"], row["id"]))
        return links


def quoting(owner: str, scope: Scope) -> dict[str, Any]:
    """Return what a record's metadata say of whose records its sources are; nothing of its own."""
    return {} if owner == scope.user else {QUOTES: owner}


def owner_of(store: SqliteStore, ids: Sequence[str], scope: Scope) -> str:
    """Return whose records some ids are: the scope's user if they have one, else who has."""
    if not ids or store.read.get(Scope(user=scope.user), ids):
        return scope.user
    rows = store.read.chunked(
        "SELECT u.name FROM users u JOIN records r ON r.user = u.id AND r.id IN (*)", ids
    )
    return str(rows[0]["name"]) if rows else scope.user


def held(store: SqliteStore, by_user: dict[str, set[str]]) -> list[Record]:
    """Return the records of some ids of each user, in the order they were written."""
    found = [
        record
        for user, ids in by_user.items()
        for record in store.read.get(Scope(user=user), list(ids))
    ]
    return sorted(found, key=lambda record: record.seq)


Embed = Callable[[Sequence[str]], NDArray[np.float32]]
KeysOf = Callable[[str], list[str]]
Keyed = Mapping[int, list[tuple[str, bytes]]]
"""The keys of records, by their numbers, with packed vectors."""
REKEYED = Trace(why="what it leaned on was forgotten")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """Records asked for, those to erase with all that was made from them, and those to key anew."""

    asked: Sequence[Record]
    erased: Sequence[Record]
    rekeyed: Sequence[Record]


class Eraser:
    """Erases records with all that holds their words.

    Other versions of a record go with it, and so does what was made from it (its id among the
    sources), in turn, also what was learnt from it in another user's scope. A record that was keyed
    together with an erased one is keyed by its own text.
    """

    def __init__(self, store: SqliteStore, embed: Embed, keys_of: KeysOf) -> None:
        self._store = store
        self._embed = embed
        self._keys_of = keys_of

    def forget(self, scope: Scope, ids: Sequence[str], *, dry_run: bool) -> Receipt:
        """Erase this scope's records by id, and say what went; unknown ids are passed over.

        What goes is decided in the transaction that erases it, so that nothing another process
        makes of the records meanwhile is left. New keys are made outside of it, and if they are
        then not the ones needed, once more.
        """
        if dry_run:
            return replace(self._receipt(self._plan(scope, ids)), dry_run=True)
        keyed: Keyed = {}
        made_by = self._store.meta("embedder")
        while True:
            with self._store.transaction() as db:
                plan = self._plan(scope, ids)
                ready = made_by == self._store.meta("embedder")
                if ready and all(record.seq in keyed for record in plan.rekeyed):
                    receipt = self._receipt(plan)
                    if plan.erased:
                        self._erase(db, plan, keyed)
                    break
            logger.debug("making the keys of %d records anew", len(plan.rekeyed))
            made_by = self._store.meta("embedder")
            keyed = self._keyed(plan.rekeyed)
        return replace(receipt, log_emptied=self._store.checkpoint()) if plan.erased else receipt

    def _plan(self, scope: Scope, ids: Sequence[str]) -> _Plan:
        asked = self._store.read.get(scope, ids)
        lineage = Lineage(self._store)
        erased = lineage.of(scope.user, [record.id for record in asked])
        rekeyed = {user: set(lineage.rekeyed(user, ids)) for user, ids in erased.items()}
        return _Plan(
            asked=asked, erased=held(self._store, erased), rekeyed=held(self._store, rekeyed)
        )

    def _receipt(self, plan: _Plan) -> Receipt:
        named = {record.seq for record in plan.asked}
        return Receipt(
            asked=tuple(record.id for record in plan.asked),
            derived=tuple(record.id for record in plan.erased if record.seq not in named),
            records=len(plan.erased),
            keys=sum(len(record.keys) for record in plan.erased),
            history=len(self._store.history([record.seq for record in plan.erased])),
            rekeyed=len(plan.rekeyed),
        )

    def _keyed(self, records: Sequence[Record]) -> Keyed:
        fresh = {record.seq: self._keys_of(record.text) for record in records}
        texts = [text for keys in fresh.values() for text in keys]
        blobs = iter(packed(self._embed(texts)) if texts else ())
        return {seq: [(text, next(blobs)) for text in keys] for seq, keys in fresh.items()}

    def _erase(self, db: sqlite3.Connection, plan: _Plan, keyed: Keyed) -> None:
        users = {record.scope.user for record in (*plan.erased, *plan.rekeyed)}
        numbers = {name: user_id(db, name) for name in users}
        for user in numbers.values():
            snapshot.drop(self._store, f"u{user}")
        erase_words(db, [record.seq for record in (*plan.erased, *plan.rekeyed)])
        erased = json.dumps([record.seq for record in plan.erased])
        among = "WHERE seq IN (SELECT value FROM json_each(?))"
        digests = db.execute(f"SELECT user, digest FROM records {among}", (erased,)).fetchall()
        db.executemany("DELETE FROM digests WHERE user = ? AND digest = ?", digests)
        db.execute(f"DELETE FROM records {among}", (erased,))
        _drop_outcomes(
            db,
            {
                (numbers[record.scope.user], source)
                for record in plan.erased
                for source in record.sources
            },
        )
        for record in plan.rekeyed:
            user = numbers[record.scope.user]
            db.execute("DELETE FROM keys WHERE record = ?", (record.seq,))
            db.execute("UPDATE records SET context = '[]' WHERE seq = ?", (record.seq,))
            texts = [(record.seq, text) for text, _ in keyed[record.seq]]
            add_keys(db, user, texts, [blob for _, blob in keyed[record.seq]])
            log(db, record.seq, "rekey", REKEYED)
        for record in (*plan.erased, *plan.rekeyed):
            mark_changed(db, numbers[record.scope.user], record.seq)
        for user in numbers.values():
            db.execute("UPDATE users SET removals = removals + 1 WHERE id = ?", (user,))
        texts = [key for record in (*plan.erased, *plan.rekeyed) for key in record.keys]
        embedding_cache.erase(self._store, texts)


def _drop_outcomes(db: sqlite3.Connection, sources: set[tuple[int, str]]) -> None:
    """Drop the counts of sources, as (user, source), that no record is left of."""
    for user, source in sources:
        db.execute(
            "DELETE FROM outcomes WHERE user = ? AND source = ? AND NOT EXISTS (SELECT 1"
            " FROM records r, json_each(r.sources) j WHERE r.user = outcomes.user"
            " AND r.sources != '[]' AND j.value = outcomes.source)",
            (user, source),
        )
