"""Keys of one user that hold a word: those of the word index, and those that wait for it."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from memagent.stores.database import word_index
from memagent.stores.database.connection import SqliteStore
from memagent.text.words import terms

NO_KEYS = np.empty(0, dtype=np.int64)
STEP = 8
"""Blocks that are read first where few keys are needed; then four times as many, and so on."""
_ROWS = """
WITH RECURSIVE blocks(n) AS (
    SELECT max(block) FROM postings WHERE user = ?1 AND block <= ?3
    UNION ALL
    SELECT (SELECT max(block) FROM postings WHERE user = ?1 AND block < n) FROM blocks WHERE n > ?4
)
SELECT block, keys FROM blocks CROSS JOIN postings ON user = ?1 AND block = n AND word = ?2
WHERE n >= ?4 LIMIT ?5
"""
"""A word's rows by (user, word, last block, first block, limit), newest first, in the blocks that
the user has."""


@dataclass(slots=True)
class _Waiting:
    """One user's keys that wait for their index, up to one of them, by the words they hold."""

    removals: int
    upto: int
    words: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))


class WordKeys:
    """Lookup of words in the index of the database, and in RAM for the keys that wait for it.

    What waits is read when words are first searched after a key was written.
    """

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._waiting: dict[int, _Waiting] = {}
        self._state = (-1, 0)

    def keys(
        self, user: int, terms: Collection[str], *, above: int = 0, most: int | None = None
    ) -> NDArray[np.int64]:
        """Return the ids above `above` of a user's keys that hold any of some terms, rising.

        With `most` it is the newest of them, about so many at least.
        """
        found = [self._keys(user, term, above, most) for term in terms]
        if len(found) == 1:
            return found[0]
        return np.unique(np.concatenate([NO_KEYS, *found]))

    def _keys(self, user: int, term: str, above: int, most: int | None) -> NDArray[np.int64]:
        with self._store.lock:
            waiting = np.array(self._catch_up(user).words.get(term, ()), dtype=np.int64)
            found, held = [waiting], len(waiting)
            last, step = self._state[0] // word_index.BLOCK, STEP if most is not None else -1
            while most is None or held < most:
                rows = self._store.query(_ROWS, (user, term, last, above // word_index.BLOCK, step))
                found += [word_index.keys_in(row["block"], row["keys"]) for row in rows]
                if most is None or len(rows) < step:
                    break
                held = sum(map(len, found))
                last, step = rows[-1]["block"] - 1, 4 * step
        keys = np.concatenate(found[::-1])
        return keys[keys > above]

    def _catch_up(self, user: int) -> _Waiting:
        """Read what the user's keys that wait hold; start anew after an indexing or a rollback."""
        ((upto, removals),) = self._store.query(
            "SELECT words, (SELECT removals FROM users WHERE id = ?) FROM settled", (user,)
        )
        state = (upto, self._store.rollbacks)
        if state != self._state:
            self._state = state
            self._waiting.clear()
        owner = f"u{user}"
        waiting = self._waiting.setdefault(user, _Waiting(removals, upto))
        if waiting.removals != removals:
            self._drop_erased(waiting, owner)
            waiting.removals = removals
        for key, text, language in self._store.query(
            "SELECT id, text, language FROM keys WHERE owner = ? AND id > ? ORDER BY id",
            (owner, waiting.upto),
        ):
            for word in terms(text, language) if isinstance(text, str) else ():
                waiting.words[word].append(key)
            waiting.upto = key
        return waiting

    def _drop_erased(self, waiting: _Waiting, owner: str) -> None:
        rows = self._store.query(
            "SELECT id FROM keys WHERE owner = ? AND id > ?", (owner, self._state[0])
        )
        there = {row["id"] for row in rows}
        left: dict[str, list[int]] = defaultdict(list)
        for word, keys in waiting.words.items():
            if held := [key for key in keys if key in there]:
                left[word] = held
        waiting.words = left
