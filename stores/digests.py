"""Which record holds a content already: looked up by the hash of it."""

from collections.abc import Mapping, Sequence

from memagent.stores.settling import settled
from memagent.stores.sqlite import SqliteStore


class Digests:
    """The digests of all records: the newest in RAM, the settled ones in an index of the database.

    The newest follow what any process has written. What was erased meanwhile may still be among
    them, so that whatever is found there is compared with its row.
    """

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._newest: dict[tuple[int | None, bytes], int] = {}
        self._upto = 0
        self._state = (-1, 0)

    def find(self, user: int | None, digests: Sequence[bytes]) -> dict[bytes, int]:
        """Return which of the digests a user's records have, with their `seq`."""
        with self._store.lock:
            self._follow()
            likely = {
                one: self._newest[user, one] for one in digests if (user, one) in self._newest
            }
            held = self._store.chunked(
                "SELECT digest, seq FROM records WHERE seq IN (*)", list(likely.values())
            )
            found = {row[0]: row[1] for row in held if likely.get(row[0]) == row[1]}
            rows = self._store.chunked(
                "SELECT digest, record FROM digests WHERE user = ? AND digest IN (*)",
                digests,
                (user,),
            )
        return found | {row[0]: row[1] for row in rows}

    def wrote(self, user: int, digests: Mapping[bytes, int], last: int) -> None:
        """Take over what was just written after `find`, in the same transaction."""
        self._newest |= {(user, digest): seq for digest, seq in digests.items()}
        self._upto = last

    def _follow(self) -> None:
        """Take over what was written since; start anew when it was settled or undone."""
        state = (settled(self._store.query).digests, self._store.undone)
        if state != self._state:
            self._state, self._upto = state, state[0]
            self._newest.clear()
        rows = self._store.query(
            "SELECT user, digest, seq FROM records WHERE seq > ? ORDER BY seq", (self._upto,)
        )
        if rows:
            self._newest |= {(row[0], row[1]): row[2] for row in rows}
            self._upto = rows[-1][2]
