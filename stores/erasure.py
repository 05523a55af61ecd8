"""Forgetting: what goes with a record, and how to leave none of its bytes behind."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from memagent.stores import snapshot
from memagent.stores.rows import packed
from memagent.stores.sqlite import SqliteStore
from memagent.stores.writing import Trace, add_keys, log, user_id
from memagent.types import Receipt, Record, Scope

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
KeysOf = Callable[[str], list[str]]
REKEYED = Trace(why="what it leaned on was forgotten")


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
        """Erase this scope's records by id, and say what went; unknown ids are passed over."""
        asked = self._store.get(scope, ids)
        doomed = self._closure(scope, asked)
        leaning = self._leaning(scope, doomed)
        named = {record.id for record in asked}
        receipt = Receipt(
            asked=tuple(record.id for record in asked),
            derived=tuple(record.id for record in doomed if record.id not in named),
            records=len(doomed),
            keys=sum(len(record.keys) for record in doomed),
            history=len(self._store.history([record.seq for record in doomed])),
            rekeyed=len(leaning),
            dry_run=dry_run,
        )
        if dry_run or not doomed:
            return receipt
        self._erase(scope, doomed, leaning)
        return replace(receipt, log_emptied=self._store.checkpoint())

    def _closure(self, scope: Scope, records: Sequence[Record]) -> list[Record]:
        """Return the records with their versions and what was made from them, each once."""
        whole = Scope(user=scope.user)
        found: dict[str, Record] = {}
        queue = list(records)
        while queue:
            record = queue.pop()
            if record.id in found:
                continue
            found[record.id] = record
            queue += self._store.versions(whole, record.id)
            queue += self._naming(whole, "sources", record.id)
        return sorted(found.values(), key=lambda record: record.seq)

    def _leaning(self, scope: Scope, doomed: Sequence[Record]) -> list[Record]:
        """Return the records that stay but are keyed together with one that goes."""
        whole = Scope(user=scope.user)
        going = {record.id for record in doomed}
        found = {
            record.id: record
            for one in doomed
            for record in self._naming(whole, "context", one.id)
            if record.id not in going
        }
        return list(found.values())

    def _naming(self, scope: Scope, column: str, record_id: str) -> list[Record]:
        """Return the user's records that hold an id in a JSON list column."""
        rows = self._store.query(
            f"SELECT r.id FROM records r JOIN users u ON u.id = r.user, json_each(r.{column}) j"
            f" WHERE u.name = ? AND r.{column} != '[]' AND j.value = ?",
            (scope.user, record_id),
        )
        return self._store.get(scope, [row["id"] for row in rows])

    def _erase(self, scope: Scope, doomed: Sequence[Record], leaning: Sequence[Record]) -> None:
        fresh = [self._keys_of(record.value) for record in leaning]
        texts = [text for keys in fresh for text in keys]
        blobs = iter(packed(self._embed(texts)) if texts else ())
        with self._store.transaction() as db:
            user, now = user_id(db, scope.user), self._store.now(scope.user)
            snapshot.drop(self._store, f"u{user}")
            for record in doomed:
                db.execute("DELETE FROM changes WHERE record = ?", (record.seq,))
                db.execute("DELETE FROM records WHERE seq = ?", (record.seq,))
            for source in {source for record in doomed for source in record.sources}:
                db.execute(
                    "DELETE FROM outcomes WHERE user = ? AND source = ? AND NOT EXISTS (SELECT 1"
                    " FROM records r, json_each(r.sources) j WHERE r.user = outcomes.user"
                    " AND r.sources != '[]' AND j.value = outcomes.source)",
                    (user, source),
                )
            for record, keys in zip(leaning, fresh, strict=True):
                db.execute("DELETE FROM keys WHERE record = ?", (record.seq,))
                db.execute("UPDATE records SET context = '[]' WHERE seq = ?", (record.seq,))
                keyed = [(record.seq, key) for key in keys]
                add_keys(db, user, keyed, [next(blobs) for _ in keys])
                log(db, record.seq, "rekey", REKEYED, now)
            db.execute("UPDATE users SET removals = removals + 1 WHERE name = ?", (scope.user,))
            # FTS5 marks deleted words and keeps them until its segments are merged.
            db.execute("INSERT INTO keys_fts(keys_fts) VALUES ('optimize')")
