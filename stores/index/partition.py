"""Partition of the vector index: one user's keys in memory, with the columns to filter by."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memagent.stores.database.connection import State
from memagent.stores.database.filters import Filter, micros
from memagent.stores.database.rows import unpacked
from memagent.stores.index.neighbours import NONE, Around, Compared, Side, neighbours
from memagent.stores.index.vectors import Vectors

logger = logging.getLogger(__name__)

MISSING, UNKNOWN = NONE, -2
"""Numbers of no text at all, and of a text that no key of the partition has."""
FOREVER = int(np.iinfo(np.int64).max)
"""The `valid_to` of what has no end."""
CHANGING = ("valid_from", "valid_to", "hidden")
"""Columns of a record that may change; `hidden` is what was superseded or archived."""
TEXTS = ("kind", "agent", "session", "source")
COLUMNS = ("key_id", "record", *CHANGING, "evidence", *TEXTS)
"""Columns that a partition holds of each key beside its vector, as int64; texts are numbered."""
KEYS_AND_RECORDS = np.array([[0], [1]])
"""Places of the first two columns in the table."""
MAX_MASKS = 8

Moment = tuple[int, int]
"""Time of a record: microseconds since 1970, and its number to order equal ones."""
Near = tuple[int, int, float]
"""A key that was found: its id, its record's number, and its cosine to the query."""


@dataclass(frozen=True, slots=True)
class Held:
    """Keys of a partition by rising id, their records, and which of them pass a filter (bool)."""

    ids: NDArray[np.int64]
    records: NDArray[np.int64]
    passing: NDArray[np.bool_]


class Partition:
    """One user's keys; row i of the table and of the vectors is the same key.

    `owner` is the token of the user's keys: another one follows when a user who was forgotten comes
    again. `removals`, `rewrites` and `change` say which state of the database it holds, `saved` how
    many keys its snapshot has; `lock` is held by whoever reads or changes it.
    """

    def __init__(self, dimensions: int, state: State) -> None:
        self.lock = threading.Lock()
        self.vectors = Vectors(dimensions)
        self.owner = state.owner
        self.removals = state.removals
        self.rewrites = state.rewrites
        self.change = state.change
        self._table: NDArray[np.int64] = np.empty((len(COLUMNS), 0), dtype=np.int64)
        self._size = 0
        self._numbers: dict[str, int] = {}
        self._masks: dict[Filter, tuple[NDArray[np.bool_] | None, int, int]] = {}
        self.saved = 0

    def __len__(self) -> int:
        return self._size

    def is_of(self, state: State) -> bool:
        """Tell whether it holds the keys of a state, or older ones, and none that were replaced."""
        return self.intact and (self.owner, self.rewrites) == (state.owner, state.rewrites)

    @property
    def intact(self) -> bool:
        """True if vectors and table have the same length; they change together or not at all."""
        return self._size == len(self.vectors)

    @property
    def last_key(self) -> int:
        """The highest id of a key held, 0 without any; keys are appended by rising id."""
        return int(self._table[0, self._size - 1]) if self._size else 0

    @property
    def bytes(self) -> int:
        """About how much memory it takes."""
        return self.vectors.bytes + self._table.nbytes

    def column(self, name: str) -> NDArray[np.int64]:
        """Return one column of the table, a value a key."""
        return self._table[COLUMNS.index(name), : self._size]

    def append(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add keys, given as COLUMNS and the packed vector, by rising key id.

        Raises:
            ValueError: a vector does not have the dimensions of those held.
        """
        while self._size + len(rows) > self._table.shape[1]:
            spare = np.empty((len(COLUMNS), max(64, self._table.shape[1])), dtype=np.int64)
            self._table = np.concatenate([self._table, spare], axis=1)
        *columns, vectors = zip(*rows, strict=True)
        for number, (name, values) in enumerate(zip(COLUMNS, columns, strict=True)):
            cells = map(self._number, values) if name in TEXTS else values
            place = slice(self._size, self._size + len(rows))
            self._table[number, place] = np.fromiter(cells, dtype=np.int64, count=len(rows))
        self._add(unpacked(vectors))
        self._size += len(rows)
        self._masks.clear()

    def _add(self, vectors: NDArray[np.float32]) -> None:
        if vectors.shape[1] != self.vectors.dimensions:
            raise ValueError(f"vectors of {vectors.shape[1]} dimensions")
        self.vectors.add(vectors)

    def refresh(self, rows: Sequence[Sequence[int]]) -> None:
        """Update the columns of changed records, given as (record, *CHANGING)."""
        records = self.column("record")
        changed = {record: values for record, *values in rows}
        for place in np.flatnonzero(np.isin(records, list(changed))).tolist():
            for name, value in zip(CHANGING, changed[int(records[place])], strict=True):
                self.column(name)[place] = value
        self._masks.clear()

    def drop(self, records: NDArray[np.int64], there: NDArray[np.int64]) -> None:
        """Drop the keys of some records that are not among those that are there."""
        gone = np.isin(self.column("record"), records)
        gone[gone] = ~np.isin(self.column("key_id")[gone], there)
        if gone.any():
            logger.debug("dropping %d erased keys from the index", int(gone.sum()))
            self.vectors.remove(gone)
            self._table = self._table[:, : self._size][:, ~gone]
            self._size = self._table.shape[1]
            self.saved = 0
            self._masks.clear()

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, int]]:
        """Return the arrays, and the texts their numbers stand for, that `restore` takes."""
        table = np.ascontiguousarray(self._table[:, : self._size])
        return {"table": table} | self.vectors.state(), self._numbers

    def restore(self, arrays: dict[str, NDArray[Any]], texts: dict[str, int]) -> None:
        """Take over what `state` returned."""
        self._table = arrays["table"]
        self._size = self.saved = self._table.shape[1]
        self._numbers = dict(texts)
        self.vectors.restore(arrays)

    def search(
        self,
        where: Filter,
        records: NDArray[np.int64] | None,
        query: NDArray[np.float32],
        n: int,
        distinct: int,
    ) -> list[Near]:
        """Return the `n` best keys that pass, best first.

        More are returned where these belong to fewer than `distinct` records. `records`, if given,
        are the only records allowed.
        """
        allowed = self.allowed(where, records)
        if not self._size or (allowed is not None and not allowed.any()):
            return []
        found = self._near(query, n, allowed)
        while len(found) == n < self._size and len({record for _, record, _ in found}) < distinct:
            n *= 4
            found = self._near(query, n, allowed)
        return found

    def _near(
        self, query: NDArray[np.float32], n: int, allowed: NDArray[np.bool_] | None
    ) -> list[Near]:
        found = self.vectors.search(query, min(n, self._size), allowed)
        keys, records = self._table[KEYS_AND_RECORDS, [row for row, _ in found]].tolist()
        return list(zip(keys, records, (cosine for _, cosine in found), strict=True))

    def passing(
        self,
        where: Filter,
        records: NDArray[np.int64] | None,
        keys: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """Return those of some keys that are held and pass, in their order."""
        ids = self.column("key_id")
        if not len(ids) or not len(keys):
            return keys[:0]
        rows = np.searchsorted(ids, keys).clip(max=self._size - 1)
        allowed = self.allowed(where, records)
        there = ids[rows] == keys
        passing = there if allowed is None else there & allowed[rows]
        return np.asarray(keys[passing])

    def cosines(
        self, query: NDArray[np.float32], keys: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return keys, as far as they are held, and their cosines to a query."""
        rows = self._rows(keys)
        return self.column("key_id")[rows], self.vectors.rows(rows) @ query

    def _rows(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of keys, as far as they are held, in their order."""
        ids = self.column("key_id")
        rows = np.searchsorted(ids, keys).clip(max=max(0, self._size - 1))
        return rows[ids[rows] == keys] if self._size else rows[:0]

    def around(
        self, where: Filter, records: NDArray[np.int64] | None, keys: NDArray[np.int64]
    ) -> Around:
        """Return keys, as far as they are held, with their neighbours."""
        return self._around(self._rows(keys), self.allowed(where, records))[0]

    def compared(
        self,
        where: Filter,
        records: NDArray[np.int64] | None,
        query: NDArray[np.float32],
        keys: NDArray[np.int64],
    ) -> Compared:
        """Return keys, as far as they are held, with their neighbours and cosines to a query."""
        rows = self._rows(keys)
        around, found = self._around(rows, self.allowed(where, records))
        # A row is often beside others: its vector is read once.
        needed, places = np.unique(np.concatenate([rows, *found]), return_inverse=True)
        vectors = self.vectors.rows(needed.clip(min=0))
        cosines = np.where(needed == NONE, 0, vectors @ query)[places]
        itself, before, after = np.split(cosines, 3)
        return Compared(around, vectors[places[: len(rows)]], itself, before, after)

    def _around(
        self, rows: NDArray[np.int64], allowed: NDArray[np.bool_] | None
    ) -> tuple[Around, list[NDArray[np.int64]]]:
        """Return the keys in some rows with their neighbours, and the rows of these."""
        sides, found = list[Side](), list[NDArray[np.int64]]()
        for step in (-1, 1):
            beside = neighbours(
                rows,
                step,
                self.column("record"),
                (self.column("session"), self.column("source")),
                self.column("agent"),
                self.column("hidden"),
            )
            there = beside != NONE
            side = Side(
                keys=np.where(there, self.column("key_id")[beside], 0),
                records=np.where(there, self.column("record")[beside], 0),
                passing=there if allowed is None else there & allowed[beside],
            )
            sides.append(side)
            found.append(beside)
        return Around(self.column("key_id")[rows], self.column("record")[rows], *sides), found

    def keys(
        self,
        where: Filter,
        records: NDArray[np.int64] | None,
        affirmed: NDArray[np.int64],
        before: Moment | None,
        after: Moment | None,
    ) -> Held:
        """Return which keys pass.

        `affirmed` (records x 2) are the records that were affirmed, by rising number, and when
        last; `before` and `after` bound the records' moments.
        """
        mask = self.allowed(where, records)
        mask = np.ones(self._size, dtype=bool) if mask is None else mask.copy()
        numbers, moments = self.column("record"), self.column("valid_from")
        if len(affirmed):
            places = np.searchsorted(affirmed[:, 0], numbers).clip(max=len(affirmed) - 1)
            again = affirmed[places]
            moments = np.where(again[:, 0] == numbers, again[:, 1], moments)
        if before is not None:
            at, number = before
            mask &= (moments < at) | ((moments == at) & (numbers < number))
        if after is not None:
            at, number = after
            mask &= (moments > at) | ((moments == at) & (numbers > number))
        return Held(self.column("key_id"), numbers, mask)

    def allowed(self, where: Filter, records: NDArray[np.int64] | None) -> NDArray[np.bool_] | None:
        """Return one flag a key for what the filter lets through; None if that is everything."""
        now = micros(datetime.now(UTC))
        key = replace(where, metadata=None, source=None, roles=None) if where.needs_sql else where
        mask, since, until = self._masks.get(key, (None, 0, -1))
        if not since <= now < until:  # it runs out, or the clock was set back
            mask, until = self._flags(where, now)
            if len(self._masks) >= MAX_MASKS:
                self._masks.clear()
            self._masks[key] = mask, now, until
        if records is None:
            return mask
        among = np.isin(self.column("record"), records)
        return among if mask is None else among & mask

    def _flags(self, where: Filter, now: int) -> tuple[NDArray[np.bool_] | None, int]:
        """Return the flags by the columns of the table, and until when they are right."""
        mask, until = np.ones(self._size, dtype=bool), FOREVER
        texts = {"kind": where.kind, "agent": where.scope.agent, "session": where.scope.session}
        for name, text in texts.items():
            if text is not None:
                mask &= self.column(name) == self._numbers.get(text, UNKNOWN)
        if where.evidence:
            mask &= self.column("evidence") == 1
        if where.since is not None:
            mask &= self.column("valid_from") >= micros(where.since)
        if where.until is not None:
            mask &= self.column("valid_from") < micros(where.until)
        if where.as_of is not None:
            moment = micros(where.as_of)
            mask &= (self.column("valid_from") <= moment) & (self.column("valid_to") > moment)
        elif not where.everything:
            mask &= self.column("hidden") == 0
            valid_to = self.column("valid_to")
            until = int(valid_to[valid_to > now].min(initial=FOREVER))
            mask &= valid_to > now
        return (None if mask.all() else mask), until

    def _number(self, text: str | None) -> int:
        return MISSING if text is None else self._numbers.setdefault(text, len(self._numbers))
