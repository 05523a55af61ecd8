"""Forgetting: what goes with a record, and how to leave none of its bytes behind."""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from memagent.stores import snapshot, vector_cache
from memagent.stores.rows import packed, reading
from memagent.stores.settling import settle
from memagent.stores.sqlite import SqliteStore
from memagent.stores.writing import Trace, add_keys, log, user_id
from memagent.types import Receipt, Record, Scope

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
KeysOf = Callable[[str], list[str]]
Keyed = Mapping[str, list[tuple[str, bytes]]]
"""The keys of records, by their ids, with packed vectors."""
REKEYED = Trace(why="what it leaned on was forgotten")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """What is asked for, all that goes with it, and what stays but was keyed with some of that."""

    asked: Sequence[Record]
    doomed: Sequence[Record]
    leaning: Sequence[Record]


class Eraser:
    """Erases records with all that holds their words.

    Other versions of a record go with it, and so does what was made from it (its id among the
    sources), in turn. A record that was keyed together with an erased one is keyed by its own text.
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
                if ready and all(record.id in keyed for record in plan.leaning):
                    receipt = self._receipt(plan)
                    if plan.doomed:
                        self._erase(db, scope.user, plan, keyed)
                    break
            made_by = self._store.meta("embedder")
            keyed = self._keyed(plan.leaning)
        return replace(receipt, log_emptied=self._store.checkpoint()) if plan.doomed else receipt

    def _plan(self, scope: Scope, ids: Sequence[str]) -> _Plan:
        whole = Scope(user=scope.user)
        asked = self._store.get(scope, ids)
        going = {record.id for record in asked}
        queue = list(going)
        with_it, context = self._links(scope.user)
        while queue:
            found = set(with_it.get(queue.pop(), ())) - going
            going |= found
            queue += found
        leaning = [one for one, names in context.items() if one not in going and names & going]
        return _Plan(
            asked=asked,
            doomed=sorted(self._store.get(whole, list(going)), key=lambda record: record.seq),
            leaning=self._store.get(whole, leaning),
        )

    def _links(self, user: str) -> tuple[dict[str, list[str]], dict[str, set[str]]]:
        """Return by a record's id what goes with it, and what it is keyed together with."""
        with_it: dict[str, list[str]] = {}
        context: dict[str, set[str]] = {}
        for row in self._store.query(
            "SELECT id, supersedes, sources, context FROM records WHERE user = ?"
            " AND (supersedes IS NOT NULL OR sources != '[]' OR context != '[]')",
            (self._store.user(user),),
        ):
            with reading("a record"):
                context[row["id"]] = set(json.loads(row["context"]))
                for source in json.loads(row["sources"]):
                    with_it.setdefault(source, []).append(row["id"])
            if row["supersedes"] is not None:
                with_it.setdefault(row["supersedes"], []).append(row["id"])
                with_it.setdefault(row["id"], []).append(row["supersedes"])
        return with_it, context

    def _receipt(self, plan: _Plan) -> Receipt:
        named = {record.id for record in plan.asked}
        return Receipt(
            asked=tuple(record.id for record in plan.asked),
            derived=tuple(record.id for record in plan.doomed if record.id not in named),
            records=len(plan.doomed),
            keys=sum(len(record.keys) for record in plan.doomed),
            history=len(self._store.history([record.seq for record in plan.doomed])),
            rekeyed=len(plan.leaning),
        )

    def _keyed(self, records: Sequence[Record]) -> Keyed:
        fresh = {record.id: self._keys_of(record.value) for record in records}
        texts = [text for keys in fresh.values() for text in keys]
        blobs = iter(packed(self._embed(texts)) if texts else ())
        return {one: [(text, next(blobs)) for text in keys] for one, keys in fresh.items()}

    def _erase(self, db: sqlite3.Connection, name: str, plan: _Plan, keyed: Keyed) -> None:
        user = user_id(db, name)
        snapshot.drop(self._store, f"u{user}")
        settle(db)
        doomed = json.dumps([record.seq for record in plan.doomed])
        db.execute(
            "DELETE FROM digests WHERE (user, digest) IN (SELECT user, digest FROM records"
            " WHERE seq IN (SELECT value FROM json_each(?)))",
            (doomed,),
        )
        for table, column in (("changes", "record"), ("records", "seq")):
            db.execute(
                f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))", (doomed,)
            )
        for source in {source for record in plan.doomed for source in record.sources}:
            db.execute(
                "DELETE FROM outcomes WHERE user = ? AND source = ? AND NOT EXISTS (SELECT 1"
                " FROM records r, json_each(r.sources) j WHERE r.user = outcomes.user"
                " AND r.sources != '[]' AND j.value = outcomes.source)",
                (user, source),
            )
        for record in plan.leaning:
            db.execute("DELETE FROM keys WHERE record = ?", (record.seq,))
            db.execute("UPDATE records SET context = '[]' WHERE seq = ?", (record.seq,))
            texts = [(record.seq, text) for text, _ in keyed[record.id]]
            add_keys(db, user, texts, [blob for _, blob in keyed[record.id]])
            log(db, record.seq, "rekey", REKEYED)
        db.execute("UPDATE users SET removals = removals + 1 WHERE id = ?", (user,))
        # FTS5 marks deleted words and keeps them until its segments are merged.
        db.execute("INSERT INTO keys_fts(keys_fts) VALUES ('optimize')")
        vector_cache.empty(self._store)
