"""The newest versions of records."""

from collections.abc import Sequence

from memagent.stores.sqlite import SqliteStore
from memagent.types import Record, Scope


def newest(store: SqliteStore, scope: Scope, ids: Sequence[str]) -> dict[str, Record]:
    """Return the newest version of each record, by the id that was asked for.

    The id may be that of any version; what is not in the scope is left out.
    """
    user = store.user(scope.user)
    rows = store.chunked(
        """WITH RECURSIVE chain(asked, id) AS (
            SELECT id, id FROM records WHERE user = ?1 AND id IN (*) UNION ALL
            SELECT c.asked, r.id FROM chain c JOIN records r
                ON r.user = ?1 AND r.supersedes = c.id
        ) SELECT c.asked, c.id FROM chain c
            JOIN records r ON r.user = ?1 AND r.id = c.id WHERE NOT r.superseded""",
        ids,
        (user,),
    )
    found = {row["asked"]: row["id"] for row in rows}
    records = {record.id: record for record in store.get(scope, list(found.values()))}
    return {asked: records[last] for asked, last in found.items() if last in records}
