"""What goes with a record when it is forgotten: versions, what was made from it, what quotes it.

What is learnt from one user's records may be kept in another's scope. Such a record names the user
whose records its sources are in its metadata, `{"quotes": "ada"}`, as ids alone do not tell.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.rows import reading
from memagent.types import Record, Scope

QUOTES = "quotes"
Place = tuple[str, str]
"""A user's name, and a record's id."""


@dataclass(slots=True)
class _Links:
    """Of one user's records, by id: what goes with each, and what each is keyed together with."""

    with_it: dict[str, list[Place]] = field(default_factory=dict)
    context: dict[str, set[str]] = field(default_factory=dict)


class Lineage:
    """Follows records to what was made from them, as it is when first asked about a user."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._links: dict[str, _Links] = {}

    def of(self, user: str, ids: Iterable[str]) -> dict[str, set[str]]:
        """Return the ids of what goes with some of a user's records, these too, by user."""
        going = {(user, one) for one in ids}
        queue = list(going)
        while queue:
            whose, one = queue.pop()
            found = set(self._of(whose).with_it.get(one, ())) - going
            going |= found
            queue += found
        by_user: dict[str, set[str]] = {user: set()}
        for whose, one in going:
            by_user.setdefault(whose, set()).add(one)
        return by_user

    def leaning(self, user: str, going: set[str]) -> list[str]:
        """Return which of a user's other records are keyed together with one that goes."""
        context = self._of(user).context
        return [one for one, names in context.items() if one not in going and names & going]

    def _of(self, user: str) -> _Links:
        if user not in self._links:
            self._links[user] = self._read(user)
        return self._links[user]

    def _read(self, user: str) -> _Links:
        links, number = _Links(), self._store.user(user)
        for row in self._store.query(
            "SELECT id, supersedes, sources, context, metadata FROM records WHERE user = ?"
            " AND (supersedes IS NOT NULL OR sources != '[]' OR context != '[]')",
            (number,),
        ):
            with reading("a record"):
                links.context[row["id"]] = set(json.loads(row["context"]))
                if QUOTES not in json.loads(row["metadata"]):
                    for source in json.loads(row["sources"]):
                        links.with_it.setdefault(source, []).append((user, row["id"]))
            if row["supersedes"] is not None:
                links.with_it.setdefault(row["supersedes"], []).append((user, row["id"]))
                links.with_it.setdefault(row["id"], []).append((user, row["supersedes"]))
        for row in self._store.query(
            "SELECT r.id, r.sources, u.name FROM records r JOIN users u ON u.id = r.user"
            " WHERE r.kind IN ('rationale', 'lesson') AND r.user != ? AND r.sources != '[]'"
            " AND r.metadata LIKE '%\"quotes\"%' AND json_extract(r.metadata, '$.quotes') = ?",
            (number, user),
        ):
            with reading("a record"):
                for source in json.loads(row["sources"]):
                    links.with_it.setdefault(source, []).append((row["name"], row["id"]))
        return links


def quoting(owner: str, scope: Scope) -> dict[str, Any]:
    """Return what a record's metadata say of whose records its sources are; nothing of its own."""
    return {} if owner == scope.user else {QUOTES: owner}


def owner_of(store: SqliteStore, ids: Sequence[str], scope: Scope) -> str:
    """Return whose records some ids are: the scope's user if they have one, else who has."""
    if not ids or store.get(Scope(user=scope.user), ids):
        return scope.user
    rows = store.chunked(
        "SELECT u.name FROM users u JOIN records r ON r.user = u.id AND r.id IN (*)", ids
    )
    return str(rows[0]["name"]) if rows else scope.user


def held(store: SqliteStore, by_user: dict[str, set[str]]) -> list[Record]:
    """Return the records of some ids of each user, in the order they were written."""
    found = [
        record for user, ids in by_user.items() for record in store.get(Scope(user=user), list(ids))
    ]
    return sorted(found, key=lambda record: record.seq)
