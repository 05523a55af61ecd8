"""Learned rankings: the ranker of each user, learned from what helped, or else the shipped one.

A learned ranking is a record of the kind "lesson", so that it is listed, undone, exported and
forgotten like any change. It holds no words of anybody, is no evidence, and is archived: no search
finds it. Its metadata:

    {"change": {"feedback": "ranking", "said": "", "asks": [], "retired": [], ...},
     "ranking": {"turn": {"intercept": -4.1, "weights": {"words": 2.7, ...}}, "passage": ...}}
"""

import json
import logging
import sqlite3
from collections.abc import Sequence

from memagent.errors import InvalidInput
from memagent.recall.features import FEATURES
from memagent.recall.ranker import Ranker, shipped
from memagent.stores.database.connection import SqliteStore
from memagent.stores.lifecycle.outcomes import RANKING
from memagent.types import Record, Scope

logger = logging.getLogger(__name__)

CHANGE = "ranking"
"""The metadata that hold the weights, and the kind of the change."""
_IN_FORCE = (
    "SELECT r.seq, r.agent, CAST(r.metadata AS TEXT) AS metadata FROM links l"
    " JOIN records r ON r.seq = l.record"
    " WHERE l.user = ? AND l.source = ? AND l.how = 'source' AND r.kind = 'lesson'"
    " AND NOT r.superseded AND (r.agent IS NULL OR r.agent = ?) AND r.session IS NULL"
    " ORDER BY r.agent IS NULL, r.seq DESC"
)


class LearnedRankings:
    """Rankers of users: learned ones where they are in the store, the shipped one elsewhere.

    An agent without a ranking of its own takes the user's. Each look asks the store, so that what
    another process learns or undoes is seen at once.
    """

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._read: dict[int, tuple[str, Ranker]] = {}

    def of(self, scope: Scope) -> Ranker:
        """Return the ranker of a scope."""
        rows = self._in_force(scope)
        if not rows:
            return shipped()
        seq, metadata = rows[0]["seq"], rows[0]["metadata"]
        known = self._read.get(seq)
        if known is None or known[0] != metadata:
            known = self._read[seq] = metadata, _ranker(metadata)
        return known[1]

    def record(self, scope: Scope) -> Record | None:
        """Return the record of the learned ranking of exactly this scope, None without one."""
        seqs = [row["seq"] for row in self._in_force(scope) if row["agent"] == scope.agent]
        return next(iter(self._store.read.records(seqs[:1])), None)

    def _in_force(self, scope: Scope) -> Sequence[sqlite3.Row]:
        user = self._store.user(scope.user)
        return [] if user is None else self._store.query(_IN_FORCE, (user, RANKING, scope.agent))


def _ranker(metadata: str) -> Ranker:
    """Return the ranker that metadata hold, the shipped one where they hold none of today's."""
    try:
        ranker = Ranker.from_dict(json.loads(metadata)[CHANGE])
        if all(own.values.keys() == FEATURES.keys() for own in ranker.weights.values()):
            return ranker
        logger.warning("a learned ranking has other features: it is not used; learn it again")
    except (InvalidInput, KeyError, TypeError, ValueError, RecursionError) as error:
        logger.warning("a learned ranking cannot be read, and is not used: %r", error)
    return shipped()
