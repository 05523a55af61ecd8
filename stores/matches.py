"""The keys that hold a word: settled ones in the full-text index, newer ones in a table in RAM."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.writer import settled
from memagent.stores.partition import Held

BATCH = 500
"""How many keys are read at a time."""
STEP = 128
"""How many matches are looked at first where few may pass; then twice as many, and so on."""


class Matches:
    """What a full-text query finds, newest first.

    The keys that wait to be settled are put into a table of the same kind that only this process
    sees, when words are first looked for after they were written.
    """

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._upto = 0
        self._state = (-1, 0)

    def rows(
        self, select: str, match: str, values: Sequence[Any], n: int, *, oldest: bool = False
    ) -> list[Any]:
        """Return the first column of at most `n` rows, those of the newest keys first.

        `select` is a statement with `{index}` in the place of the full-text table, the query and
        `values` as its parameters, and neither order nor limit. With `oldest` it is those of the
        oldest keys.
        """
        with self._store.lock:
            self._follow()
            found: list[Any] = []
            for index in self._indexes(oldest):
                sql = f"{select} ORDER BY {{index}}.rowid {_order(oldest)} LIMIT ?"
                rows = self._store.query(sql.replace("{index}", index), (match, *values, n))
                found = list(dict.fromkeys([*found, *[row[0] for row in rows]]))[:n]
                if len(found) >= n:
                    break
        return found

    def among(self, match: str, held: Held, n: int, *, oldest: bool = False) -> list[int]:
        """Return at most `n` records, those of the newest keys first, of the keys that pass alone.

        Wherever many matches in a row do not pass, the full-text index is asked to go on at the
        next key that does. With `oldest` it is those of the oldest keys.
        """
        found: dict[int, None] = {}
        passing = np.flatnonzero(held.passing)
        with self._store.lock:
            self._follow()
            for index in self._indexes(oldest):
                left, step = passing, STEP
                while len(found) < n and len(left):
                    rows = self._store.query(
                        f"SELECT rowid FROM {index} WHERE {index} MATCH ? AND rowid BETWEEN ? AND ?"
                        f" ORDER BY rowid {_order(oldest)} LIMIT ?",
                        (match, int(held.ids[left[0]]), int(held.ids[left[-1]]), step),
                    )
                    ids = np.array([row[0] for row in rows], dtype=np.int64)
                    places = np.searchsorted(held.ids, ids)  # none is beyond the last
                    passed = held.passing[places] & (held.ids[places] == ids)
                    found |= dict.fromkeys(held.records[places[passed]].tolist())
                    if len(rows) < step:
                        break
                    left, step = _beyond(left, int(ids[-1]), held, oldest), 2 * step
        return list(found)[:n]

    def _follow(self) -> None:
        """Take over what was written since; start anew when it was settled or undone."""
        state = (settled(self._store.query).words, self._store.undone)
        if state != self._state:
            self._store.note("INSERT INTO newest_fts(newest_fts) VALUES (?)", [("delete-all",)])
            self._state, self._upto = state, state[0]
        while rows := self._store.query(
            "SELECT id, text, owner FROM keys WHERE id > ? ORDER BY id LIMIT ?", (self._upto, BATCH)
        ):
            self._store.note("INSERT INTO newest_fts(rowid, text, owner) VALUES (?, ?, ?)", rows)
            self._upto = rows[-1]["id"]

    def _indexes(self, oldest: bool) -> tuple[str, ...]:
        """Return the full-text tables with anything in them, in the order to be looked at."""
        waiting = self._upto > self._state[0]
        tables = ("newest_fts", "keys_fts") if waiting else ("keys_fts",)
        return tables[::-1] if oldest else tables


def _order(oldest: bool) -> str:
    return "ASC" if oldest else "DESC"


def _beyond(left: NDArray[np.intp], key: int, held: Held, oldest: bool) -> NDArray[np.intp]:
    """Return the places that are left on the far side of a key."""
    ids = held.ids[left]
    if oldest:
        return left[int(np.searchsorted(ids, key, side="right")) :]
    return left[: int(np.searchsorted(ids, key))]
