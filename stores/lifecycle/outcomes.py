"""Outcomes of a question: which records helped and which hurt where they were shown for it.

They are links from the question's record to those that were judged (`links.py`): no words are kept,
and they go when the question or what was judged is forgotten. Of two verdicts the later counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import Filter
from memagent.stores.database.links import link, linked
from memagent.stores.database.writer import user_id
from memagent.stores.lifecycle.undo import turn
from memagent.types import Outcome, Record, Scope

RANKING = "memagent:ranking"
"""The source of a ranking that was learned from outcomes (`recall/learned_ranking.py`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionOutcomes:
    """Outcomes of one question, as ids of records, and what was replied to it, if anything was."""

    question: Record
    reply: Record | None
    helped: tuple[str, ...]
    hurt: tuple[str, ...]

    @property
    def shown(self) -> tuple[str, ...]:
        """Ids of the records that were shown, as far as is known: those judged, and the reply's."""
        sources = self.reply.sources if self.reply else ()
        return tuple(dict.fromkeys((*self.helped, *self.hurt, *sources)))


def question_of(store: SqliteStore, scope: Scope, id: str) -> Record | None:
    """Return the record of a turn's question, by its id or the reply's; None if there is none."""
    pair = turn(store, scope, id)
    if pair is not None:
        return pair[0]
    found = store.read.get(scope, [id])
    return found[0] if found and found[0].role == "user" else None


def keep(store: SqliteStore, question: Record, records: Sequence[Record], outcome: Outcome) -> None:
    """Keep what came of showing records for a question."""
    with store.transaction() as db:
        for record in records:
            user = user_id(db, record.scope.user)
            db.execute(
                "DELETE FROM links WHERE record = ? AND user = ? AND source = ?"
                " AND how IN ('helped', 'hurt')",
                (question.seq, user, record.id),
            )
            link(db, question.seq, [record.seq], outcome)


def judged(store: SqliteStore, scope: Scope) -> list[QuestionOutcomes]:
    """Return the outcomes of a scope's judged questions, oldest first."""
    condition, values = Filter(scope=scope, everything=True).condition()
    rows = store.query(
        "SELECT DISTINCT l.record FROM links l JOIN records r ON r.seq = l.record"
        f" WHERE l.how IN ('helped', 'hurt') AND {condition} ORDER BY l.record",
        tuple(values),
    )
    return [
        QuestionOutcomes(
            question=question,
            reply=pair[1] if (pair := turn(store, scope, question.id)) else None,
            helped=tuple(linked(store, question.seq, "helped")),
            hurt=tuple(linked(store, question.seq, "hurt")),
        )
        for question in store.read.records([row[0] for row in rows])
    ]
