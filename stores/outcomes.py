"""What came of showing a record: counted for the record, and for the sources it came from."""

from collections.abc import Sequence

from memagent.stores.sqlite import SqliteStore
from memagent.stores.writing import Trace, log, user_id
from memagent.types import Outcome, Record


def judge(store: SqliteStore, records: Sequence[Record], outcome: Outcome, trace: Trace) -> int:
    """Count an outcome for records and their sources, and return how many records there were."""
    with store.transaction() as db:
        for record in records:
            user = user_id(db, record.scope.user)
            db.execute(f"UPDATE records SET {outcome} = {outcome} + 1 WHERE seq = ?", (record.seq,))
            for source in record.sources:
                db.execute(
                    f"INSERT INTO outcomes(user, source, {outcome}) VALUES (?, ?, 1)"
                    f" ON CONFLICT DO UPDATE SET {outcome} = {outcome} + 1",
                    (user, source),
                )
            log(db, record.seq, outcome, trace)
    return len(records)


def reliability(helped: int, hurt: int) -> float:
    """Return what a record's relevance is multiplied by: one until something went wrong.

    The mean of a Beta posterior that starts from two successes.
    """
    return (helped + 2) / (helped + hurt + 2)
