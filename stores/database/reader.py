"""Reader of records: each whole and with its keys."""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from memagent.errors import InvalidInput, shown
from memagent.stores.database.filters import Filter
from memagent.stores.database.rows import READ, reading, record_of
from memagent.types import Record, Scope

CHUNK = 10_000
"""Number of values that one statement is given; SQLite takes 32,766."""
LAST = "\U0010ffff"
"""The last of all characters."""
PREFIX_MATCHES = 3
"""As many ids as show that a prefix is ambiguous."""
SEQ, KEY, TEXT, HELPED, HURT = 0, *range(len(READ), len(READ) + 4)
"""Places in a row: what a record is read from comes first, then one of its keys."""
Query = Callable[..., list[sqlite3.Row]]
"""Runs one reading statement, given as SQL and values."""
_LONG = ("value", "sources", "context", "metadata")
"""Columns of any length. Only a record's first row has them: a long text has many keys, and each
would bring the whole of it."""


def _in_first_row(column: str) -> str:
    first = "k.id IS NULL OR k.id = (SELECT min(f.id) FROM keys f WHERE f.record = r.seq)"
    return f"CASE WHEN {first} THEN {column} END"


def _column(name: str) -> str:
    if name == "user_name":
        return "u.name"
    return _in_first_row(f"r.{name}") if name in _LONG else f"r.{name}"


_COLUMNS = ", ".join(map(_column, READ))
_KEYED = f"SELECT {_COLUMNS}, k.id, k.text"
_FROM = " FROM records r JOIN users u ON u.id = r.user LEFT JOIN keys k ON k.record = r.seq WHERE "


def _counted(outcome: str) -> str:
    """Return SQL for how often a record helped or hurt: all of its sources, or itself.

    The cast and the bound keep what damage has put in the column's place from being calculated
    with.
    """
    return (
        f"max(0, CAST(coalesce(CASE r.sources WHEN '[]' THEN r.{outcome} ELSE"
        # CROSS JOIN keeps SQLite from reading the sources anew for each outcome of the user.
        f" (SELECT sum(o.{outcome}) FROM json_each(r.sources) j CROSS JOIN outcomes o"
        " ON o.user = r.user AND o.source = j.value)"
        f" END, r.{outcome}, 0) AS INTEGER))"
    )


_OUTCOMES = ", ".join(_in_first_row(_counted(outcome)) for outcome in ("helped", "hurt"))
_RANKED = f"{_KEYED}, {_OUTCOMES}{_FROM}"
_RECORDS = f"{_KEYED}, NULL, NULL{_FROM}"
_ORDER = " ORDER BY r.seq, k.id"
_SORTED = " ORDER BY +r.seq, k.id"
"""The same order, but `+` keeps SQLite from going through all of a user's records for it."""


SAYS_TEXT = (
    # CASE keeps SQLite from reading the metadata of all other kinds.
    "CASE WHEN r.kind = 'lesson' AND k.text <> r.value THEN NOT coalesce(json_valid(r.metadata)"
    " AND k.text IN (SELECT value FROM json_each(r.metadata, '$.change.asks')), 0) ELSE 1 END"
)
"""SQL for the keys that say something: not the questions that a lesson was taught for."""


class RankedRow(NamedTuple):
    """Record for ranking, with the texts of its keys by their ids, and its sources' outcomes."""

    record: Record
    keys: Mapping[int, str]
    helped: int
    hurt: int


class Reader:
    """Queries for records; a row is a record with one of its keys.

    One statement for both costs less than two, and sees one state of the database. `user` returns a
    user's number, None for a user never seen.
    """

    def __init__(self, query: Query, user: Callable[[str], int | None]) -> None:
        self.query = query
        self.user = user

    def ranked_rows(self, seqs: Sequence[int]) -> dict[int, RankedRow]:
        """Return records, and what ranking needs of them, by sequence number."""
        rows = self.chunked(f"{_RANKED}r.seq IN (*){_ORDER}", seqs)
        return {row.record.seq: row for row in _grouped(rows)}

    def keys(self, ids: Sequence[int], *, taught: bool = True) -> list[sqlite3.Row]:
        """Return (id, record, text, vector) of keys, in no particular order.

        Without `taught`, the questions that a lesson was taught for are left out: they say nothing.
        """
        also = "" if taught else f" AND {SAYS_TEXT}"
        return self.chunked(
            "SELECT k.id, k.record, CAST(coalesce(k.text, '') AS TEXT), k.vector FROM keys k"
            f" JOIN records r ON r.seq = k.record WHERE k.id IN (*){also}",
            ids,
        )

    def records(self, seqs: Sequence[int]) -> list[Record]:
        """Return records by sequence number, in the order asked for; unknown ones are left out."""
        rows = self.chunked(f"{_RECORDS}r.seq IN (*){_ORDER}", list(set(seqs)))
        by_seq = {record.seq: record for record in _records(rows)}
        return [by_seq[seq] for seq in seqs if seq in by_seq]

    def get(self, scope: Scope, ids: Sequence[str]) -> list[Record]:
        """Return this scope's records by id, in the order asked for; unknown ones are left out."""
        condition, values = Filter(scope=scope, everything=True).condition()
        rows = self.chunked(
            f"{_RECORDS}{condition} AND r.id IN (*){_SORTED}", list(set(ids)), values
        )
        by_id = {record.id: record for record in _records(rows)}
        return [by_id[id] for id in ids if id in by_id]

    def newest(self, where: Filter, limit: int, before: str | None = None) -> list[Record]:
        """Return the records written last, newest first.

        `before` is the id of the last record of the page before: only what was written before it
        is returned, so that pages neither repeat nor leave out a record while others write.

        Raises:
            InvalidInput: there is no record `before` in the scope.
        """
        condition, values = where.condition()
        if before is not None:
            condition += " AND r.seq < ?"
            values.append(self._seq(where.scope, before))
        rows = self.query(
            f"{_RECORDS}r.seq IN (SELECT r.seq FROM records r WHERE {condition}"
            f" ORDER BY r.seq DESC LIMIT ?){_ORDER}",
            (*values, limit),
        )
        return _records(rows)[::-1]

    def count(self, where: Filter) -> int:
        """Return how many records pass."""
        condition, values = where.condition()
        return int(self.query(f"SELECT count(*) FROM records r WHERE {condition}", values)[0][0])

    def users(self) -> tuple[str, ...]:
        """Return the names of the users that have records, in order."""
        rows = self.query(
            "SELECT name FROM users u WHERE EXISTS (SELECT 1 FROM records r WHERE r.user = u.id)"
            " ORDER BY name"
        )
        return tuple(str(row["name"]) for row in rows)

    def ids_with_prefix(self, scope: Scope, prefix: str) -> list[str]:
        """Return the ids in a scope that begin with a prefix, in order, at most PREFIX_MATCHES.

        An id that is the prefix itself comes first.
        """
        condition, values = Filter(scope=scope, everything=True).condition()
        rows = self.query(
            f"SELECT r.id FROM records r WHERE {condition} AND r.id >= ? AND r.id < ?"
            " ORDER BY r.id LIMIT ?",
            (*values, prefix, prefix + LAST, PREFIX_MATCHES),
        )
        return [str(row["id"]) for row in rows]

    def missing_ids(self, scope: Scope, ids: Sequence[str]) -> tuple[str, ...]:
        """Return the ids that no record of a scope has, in order and each once.

        Superseded and archived records are there.
        """
        condition, values = Filter(scope=scope, everything=True).condition()
        rows = self.query(
            f"SELECT r.id FROM records r WHERE {condition}"
            " AND r.id IN (SELECT value FROM json_each(?))",
            (*values, json.dumps(list(ids))),
        )
        present = {row["id"] for row in rows}
        return tuple(id for id in dict.fromkeys(ids) if id not in present)

    def _seq(self, scope: Scope, record_id: str) -> int:
        condition, values = Filter(scope=scope, everything=True).condition()
        rows = self.query(
            f"SELECT r.seq FROM records r WHERE {condition} AND r.id = ?", (*values, record_id)
        )
        if not rows:
            raise InvalidInput(f"there is no record {shown(record_id)} in this scope")
        return int(rows[0]["seq"])

    def versions(self, scope: Scope, record_id: str) -> list[Record]:
        """Return a scope's versions of a record, oldest first, whichever of them the id names.

        Nothing if the record of that id is not in the scope.
        """
        found = self.query(
            """WITH RECURSIVE chain(id) AS (
                SELECT ?2 UNION
                SELECT r.supersedes FROM chain c JOIN records r ON r.user = ?1 AND r.id = c.id
                    WHERE r.supersedes IS NOT NULL UNION
                SELECT r.id FROM chain c JOIN records r
                    ON r.user = ?1 AND r.supersedes = c.id
            ) SELECT id FROM chain""",
            (self.user(scope.user), record_id),
        )
        records = self.get(scope, [row["id"] for row in found])
        if record_id not in {record.id for record in records}:
            return []
        return sorted(records, key=lambda record: record.seq)

    def chunked(
        self, sql: str, among: Sequence[Any], values: Sequence[Any] = ()
    ) -> list[sqlite3.Row]:
        """Run a reading statement for all that `(*)` in it stands for, however many they are."""
        rows: list[sqlite3.Row] = []
        for start in range(0, len(among), CHUNK):
            some = among[start : start + CHUNK]
            marks = ",".join("?" * len(some))
            rows += self.query(sql.replace("(*)", f"({marks})"), (*values, *some))
        return rows


def _records(rows: Sequence[sqlite3.Row]) -> list[Record]:
    return [row.record for row in _grouped(rows)]


def _grouped(rows: Sequence[sqlite3.Row]) -> list[RankedRow]:
    """Return each record once, with its keys; its rows follow one another in the keys' order."""
    found: list[tuple[sqlite3.Row, dict[int, str]]] = []
    last, keys = None, dict[int, str]()
    for row in rows:
        if row[SEQ] != last:
            last, keys = row[SEQ], {}
            found.append((row, keys))
        if row[KEY] is not None:  # a record without keys has one row
            keys[row[KEY]] = row[TEXT]
    with reading("a record"):
        return [
            RankedRow(record_of(row[:KEY], keys.values()), keys, row[HELPED], row[HURT])
            for row, keys in found
        ]
