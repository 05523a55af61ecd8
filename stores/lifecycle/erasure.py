"""Erasure of records, of all that was made from them, and of every byte of their words."""

import json
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import Filter
from memagent.stores.database.links import derived, leaning
from memagent.stores.database.rows import packed
from memagent.stores.database.word_index import erase_words
from memagent.stores.database.writer import Trace, add_keys, log, mark_changed
from memagent.stores.index import embedding_cache, snapshot
from memagent.stores.lifecycle import input_history, mentions
from memagent.stores.lifecycle.outcomes import RANKING
from memagent.types import Receipt, Scope

logger = logging.getLogger(__name__)

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
KeysOf = Callable[[str], list[str]]
Keyed = Mapping[int, list[tuple[str, bytes]]]
"""The keys of records, by their numbers, with packed vectors."""
REKEYED = Trace(why="what it leaned on was forgotten")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """Records asked for (by `seq`, with their ids), all to erase, and those to key anew."""

    asked: Mapping[int, str]
    erased: Sequence[int]
    rekeyed: Sequence[int]


class Eraser:
    """Erases records with all that holds their words.

    Other versions of a record go with it, and so does what was made from it, in turn, also what was
    learnt from it in another user's scope (`links.py`). A record that was keyed together with an
    erased one is keyed by its own text. Once a user has no record left, nothing of the user is: the
    name goes, and its number is not given again. Nothing erased is read as a record, so that
    damage to it is no obstacle.
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
            return replace(self._receipt(self._plan(scope, ids), scope), dry_run=True)
        keyed: Keyed = {}
        made_by = self._store.meta("embedder")
        while True:
            with self._store.transaction() as db:
                plan = self._plan(scope, ids)
                ready = made_by == self._store.meta("embedder")
                if ready and all(seq in keyed for seq in plan.rekeyed):
                    receipt = self._receipt(plan, scope)
                    if plan.erased:
                        self._erase(db, plan, keyed)
                    self._drop_users(db, {scope.user: self._store.user(scope.user)})
                    break
            logger.debug("making the keys of %d records anew", len(plan.rekeyed))
            made_by = self._store.meta("embedder")
            keyed = self._keyed(plan.rekeyed)
        return replace(receipt, log_emptied=self._store.checkpoint()) if plan.erased else receipt

    def _plan(self, scope: Scope, ids: Sequence[str]) -> _Plan:
        condition, values = Filter(scope=scope, everything=True).condition()
        rows = self._store.read.chunked(
            f"SELECT r.id, r.seq FROM records r WHERE {condition} AND r.id IN (*)",
            list(dict.fromkeys(ids)),
            values,
        )
        seqs = {row["id"]: row["seq"] for row in rows}
        asked = {seqs[id]: id for id in ids if id in seqs}
        erased = self._with_rankings(scope.user, derived(self._store, list(asked)))
        return _Plan(asked=asked, erased=erased, rekeyed=leaning(self._store, erased))

    def _with_rankings(self, user: str, erased: Sequence[int]) -> Sequence[int]:
        """Return what is erased, with the user's learned rankings if nothing else would be left."""
        number = self._store.user(user)
        rows = self._store.query(
            "SELECT record FROM links WHERE user = ? AND source = ? AND how = 'source'",
            (number, RANKING),
        )
        if not erased or not rows:
            return erased
        both = sorted({*erased, *(row["record"] for row in rows)})
        left = self._store.query(
            "SELECT 1 FROM records WHERE user = ? AND seq NOT IN (SELECT value FROM json_each(?))"
            " LIMIT 1",
            (number, json.dumps(both)),
        )
        return erased if left else both

    def _receipt(self, plan: _Plan, scope: Scope) -> Receipt:
        """Return what goes; of records out of the scope nothing but their number is told."""
        among = json.dumps(list(plan.erased))
        condition, values = Filter(scope=scope, everything=True).condition()
        rows = self._store.query(
            # CROSS keeps SQLite from going through all of a user's records.
            "SELECT r.seq, r.id FROM json_each(?) j CROSS JOIN records r ON r.seq = j.value"
            f" WHERE {condition} ORDER BY r.seq",
            (among, *values),
        )
        ((keys, events),) = self._store.query(
            "SELECT sum((SELECT count(*) FROM keys WHERE record = value)),"
            " sum((SELECT count(*) + (coalesce(sum(h.action = 'add'), 0) = 0) FROM history h"
            " WHERE h.record = value)) FROM json_each(?)",
            (among,),
        )
        return Receipt(
            asked=tuple(plan.asked.values()),
            derived=tuple(row["id"] for row in rows if row["seq"] not in plan.asked),
            records=len(plan.erased),
            keys=keys or 0,
            history=events or 0,
            rekeyed=len(plan.rekeyed),
        )

    def _keyed(self, seqs: Sequence[int]) -> Keyed:
        rows = self._store.read.chunked(
            "SELECT seq, CAST(value AS BLOB) AS text FROM records WHERE seq IN (*)", seqs
        )
        fresh = {row["seq"]: self._keys_of(row["text"].decode(errors="replace")) for row in rows}
        texts = [text for keys in fresh.values() for text in keys]
        blobs = iter(packed(self._embed(texts)) if texts else ())
        return {seq: [(text, next(blobs)) for text in keys] for seq, keys in fresh.items()}

    def _erase(self, db: sqlite3.Connection, plan: _Plan, keyed: Keyed) -> None:
        users = _users_of(db, [*plan.erased, *plan.rekeyed])
        for user in users.values():
            snapshot.drop(self._store, f"u{user}")
        both = json.dumps([*plan.erased, *plan.rekeyed])
        texts = db.execute(
            "SELECT CAST(text AS BLOB) FROM keys WHERE record IN (SELECT value FROM json_each(?))",
            (both,),
        ).fetchall()
        erase_words(db, [*plan.erased, *plan.rekeyed])
        erased = json.dumps(list(plan.erased))
        input_history.forget(self._store, db, users, erased)
        mentions.remove(db, erased)
        outcomes = db.execute(
            "SELECT DISTINCT user, source FROM links WHERE how = 'source'"
            " AND record IN (SELECT value FROM json_each(?))",
            (erased,),
        ).fetchall()
        among = "WHERE seq IN (SELECT value FROM json_each(?))"
        digests = db.execute(f"SELECT user, digest FROM records {among}", (erased,)).fetchall()
        db.executemany("DELETE FROM digests WHERE user = ? AND digest = ?", digests)
        places = db.execute(f"SELECT user, seq FROM records {among}", (both,)).fetchall()
        db.execute(f"DELETE FROM records {among}", (erased,))
        db.executemany(  # the counts of sources that no record is left of
            "DELETE FROM outcomes WHERE user = ?1 AND source = ?2 AND NOT EXISTS (SELECT 1"
            " FROM links l WHERE l.user = ?1 AND l.source = ?2 AND l.how = 'source')",
            [tuple(row) for row in outcomes],
        )
        for seq in plan.rekeyed:
            self._rekey(db, seq, keyed[seq])
        for user, seq in places:
            mark_changed(db, user, seq)
        for user in users.values():
            db.execute("UPDATE users SET removals = removals + 1 WHERE id = ?", (user,))
        embedding_cache.erase(self._store, [row[0].decode(errors="replace") for row in texts])
        self._drop_users(db, users)

    def _rekey(self, db: sqlite3.Connection, seq: int, keys: Sequence[tuple[str, bytes]]) -> None:
        db.execute("DELETE FROM keys WHERE record = ?", (seq,))
        db.execute("UPDATE records SET context = '[]' WHERE seq = ?", (seq,))
        (user,) = db.execute("SELECT user FROM records WHERE seq = ?", (seq,)).fetchone()
        add_keys(db, user, [(seq, text) for text, _ in keys], [blob for _, blob in keys])
        log(db, seq, "rekey", REKEYED)

    def _drop_users(self, db: sqlite3.Connection, users: Mapping[str, int | None]) -> None:
        """Erase the users of whom no record is left: name, counts, and what was typed."""
        for name, user in users.items():
            if db.execute("SELECT 1 FROM records WHERE user = ? LIMIT 1", (user,)).fetchone():
                continue
            input_history.remove(self._store, name)
            if user is None:
                continue
            snapshot.drop(self._store, f"u{user}")
            for table in ("outcomes", "digests", "links"):
                db.execute(f"DELETE FROM {table} WHERE user = ?", (user,))
            db.execute("DELETE FROM changes WHERE owner = ?", (f"u{user}",))
            db.execute("DELETE FROM users WHERE id = ?", (user,))


def _users_of(db: sqlite3.Connection, seqs: Sequence[int]) -> dict[str, int | None]:
    """Return the numbers of the users whose records some are, by name."""
    rows = db.execute(
        "SELECT DISTINCT u.name, u.id FROM json_each(?) j JOIN records r ON r.seq = j.value"
        " JOIN users u ON u.id = r.user",
        (json.dumps(list(seqs)),),
    )
    return {row["name"]: row["id"] for row in rows}
