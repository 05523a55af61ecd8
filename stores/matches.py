"""The keys that hold a word: settled ones in the full-text index, newer ones in a table in RAM."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from memagent.stores.partition import Held
from memagent.stores.settling import settled
from memagent.stores.sqlite import SqliteStore

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

    def rows(self, select: str, match: str, values: Sequence[Any], n: int) -> list[Any]:
        """Return the first column of at most `n` rows, those of the newest keys first.

        `select` is a statement with `{index}` in the place of the full-text table, the query and
        `values` as its parameters, and neither order nor limit.
        """
        with self._store.lock:
            self._follow()
            found: list[Any] = []
            for index in self._indexes:
                sql = f"{select} ORDER BY {{index}}.rowid DESC LIMIT ?".replace("{index}", index)
                rows = self._store.query(sql, (match, *values, n))
                found = list(dict.fromkeys([*found, *[row[0] for row in rows]]))[:n]
                if len(found) >= n:
                    break
        return found

    def among(self, match: str, held: Held, n: int) -> list[int]:
        """Return at most `n` records, those of the newest keys first, of the keys that pass alone.

        Wherever many matches in a row do not pass, the full-text index is asked to go on at the
        next key that does.
        """
        found: dict[int, None] = {}
        with self._store.lock:
            self._follow()
            for index in self._indexes:
                left, step = len(held.ids), STEP
                while len(found) < n and held.passing[:left].any():
                    left -= int(held.passing[:left][::-1].argmax())
                    rows = self._store.query(
                        f"SELECT rowid FROM {index} WHERE {index} MATCH ? AND rowid BETWEEN ? AND ?"
                        " ORDER BY rowid DESC LIMIT ?",
                        (
                            match,
                            int(held.ids[held.passing.argmax()]),
                            int(held.ids[left - 1]),
                            step,
                        ),
                    )
                    ids = np.array([row[0] for row in rows], dtype=np.int64)
                    places = np.searchsorted(held.ids, ids)  # none is beyond the last
                    passed = held.passing[places] & (held.ids[places] == ids)
                    found |= dict.fromkeys(held.records[places[passed]].tolist())
                    if len(rows) < step:
                        break
                    left, step = int(places[-1]), 2 * step
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

    @property
    def _indexes(self) -> tuple[str, ...]:
        waiting = self._upto > self._state[0]
        return ("newest_fts", "keys_fts") if waiting else ("keys_fts",)
