"""Is the store whole, and how to make it small again."""

from dataclasses import dataclass
from pathlib import Path

from memagent.errors import StoreError
from memagent.stores.sqlite import SqliteStore


@dataclass(frozen=True, kw_only=True, slots=True)
class Compacted:
    """Bytes of the database file and its log before and after."""

    before: int
    after: int


def problems(store: SqliteStore) -> list[str]:
    """Return what is wrong with a store, nothing if it is whole.

    Looks at SQLite's own structure, at references between tables, at the full-text index, and at
    every record's keys and vectors.
    """
    found = [f"SQLite: {row[0]}" for row in store.query("PRAGMA integrity_check") if row[0] != "ok"]
    found += [
        f"table {row[0]}: dangling row {row[1]}" for row in store.query("PRAGMA foreign_key_check")
    ]
    found += [
        f"record {row['id']} has no key"
        for row in store.query("SELECT id FROM records WHERE seq NOT IN (SELECT record FROM keys)")
    ]
    sizes = store.query("SELECT length(vector) AS size, count(*) AS n FROM keys GROUP BY size")
    if len(sizes) > 1:
        told = ", ".join(f"{row['n']} of {row['size'] // 4} dimensions" for row in sizes)
        found.append(f"vectors of several sizes: {told}")
    try:
        with store.transaction() as db:
            db.execute("INSERT INTO keys_fts(keys_fts, rank) VALUES ('integrity-check', 1)")
    except StoreError as error:
        found.append(f"full-text index: {error}")
    return found


def compact(store: SqliteStore) -> Compacted:
    """Merge the full-text index, give free pages back, and empty the write-ahead log."""
    before = _size(store)
    with store.transaction() as db:
        db.execute("INSERT INTO keys_fts(keys_fts) VALUES ('optimize')")
    store.query("VACUUM")
    store.checkpoint()
    return Compacted(before=before, after=_size(store))


def _size(store: SqliteStore) -> int:
    paths = [Path(store.where), Path(f"{store.where}-wal")]
    return sum(path.stat().st_size for path in paths if path.exists())
