"""Sessions of a scope with what one tells them by: times, number of turns, and first words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import Filter
from memagent.stores.database.rows import moment_of
from memagent.types import Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionSummary:
    """Session in the order in which a scope's sessions began, `number` 1 being the oldest.

    `turns` counts what the user said in it. `title` is how the user began, or the first record of a
    session without turns.
    """

    number: int
    session: str
    started: datetime
    last: datetime
    turns: int
    title: str

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as JSON holds it."""
        return {
            "number": self.number,
            "session": self.session,
            "started": self.started.isoformat(),
            "last": self.last.isoformat(),
            "turns": self.turns,
            "title": self.title,
        }


def session_summaries(store: SqliteStore, scope: Scope) -> list[SessionSummary]:
    """Return the sessions that hold records of a scope, in the order in which they began.

    A number stays that of its session until an older one is forgotten.
    """
    condition, values = Filter(scope=scope, everything=True).condition()
    sessions = store.query(
        "SELECT r.session AS name, min(r.seq) AS first, min(r.created) AS started,"
        f" max(r.created) AS last FROM records r WHERE {condition} AND r.session IS NOT NULL"
        " GROUP BY r.session ORDER BY first",
        values,
    )
    said = Filter(scope=scope, kind="episode", roles=("user",), everything=True)
    condition, values = said.condition()
    rows = store.query(
        "SELECT r.session AS name, min(r.seq) AS first, count(*) AS turns FROM records r"
        f" WHERE {condition} AND r.session IS NOT NULL GROUP BY r.session",
        values,
    )
    turns = {row["name"]: row for row in rows}
    firsts = {row["name"]: turns.get(row["name"], row)["first"] for row in sessions}
    texts = {record.seq: record.text for record in store.read.records(list(firsts.values()))}
    return [
        SessionSummary(
            number=number,
            session=row["name"],
            started=moment_of(row["started"]),
            last=moment_of(row["last"]),
            turns=turns[row["name"]]["turns"] if row["name"] in turns else 0,
            title=texts.get(firsts[row["name"]], ""),
        )
        for number, row in enumerate(sessions, start=1)
    ]
