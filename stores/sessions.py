"""The sessions of a scope."""

from memagent.stores.filter import Filter
from memagent.stores.sqlite import SqliteStore
from memagent.types import Scope

LAST = "\U0010ffff"
"""The last of all characters."""


def sessions(store: SqliteStore, scope: Scope, start: str) -> tuple[str, ...]:
    """Return the sessions that hold records of a scope and begin with `start`, in order."""
    condition, values = Filter(scope=scope, everything=True).condition()
    rows = store.query(
        "SELECT DISTINCT r.session FROM records r JOIN users u ON u.id = r.user"
        f" WHERE {condition} AND r.session >= ? AND r.session < ? ORDER BY r.session",
        (*values, start, start + LAST),
    )
    return tuple(str(row["session"]) for row in rows)
