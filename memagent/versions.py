"""The versions of a record: a new one in the place of an old, the newest, and what happened."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from memagent.changes import edited
from memagent.errors import InvalidInput
from memagent.stores.banks.episodic import EpisodicBank
from memagent.stores.database import connection
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.writer import Trace
from memagent.types import Event, Note, Record, Scope

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Versions:
    """Verbs over the versions of records, for `Memory` to inherit."""

    _store: SqliteStore
    _bank: EpisodicBank

    def update(
        self,
        id: str,
        text: str,
        *,
        scope: Scope,
        valid_from: datetime | None = None,
        who: str | None = None,
        why: str | None = None,
    ) -> Record:
        """Put a new version in the place of a record, and return it; the old one stays as history.

        The old version is closed at the time from which the new one holds (now if not given). A
        second call with the same text changes nothing.

        Raises:
            InvalidInput: there is no such record, or `id` is not its newest version.
        """
        connection = self._store.versions(scope, id)
        if not connection:
            raise InvalidInput(f"there is no record {id!r} in this scope")
        old = connection[-1]
        if old.value == text:
            return old
        if old.id != id:
            raise InvalidInput(f"record {id!r} is superseded: its newest version is {old.id!r}")
        keys, metadata = edited(old, text)
        note = Note(
            text=text,
            keys=keys,
            kind=old.kind,
            valid_from=valid_from or self._store.now(scope.user),
            evidence=old.evidence,
            supersedes=old.id,
            sources=old.sources,
            metadata=metadata,
        )
        trace = Trace(who=who, why=why)
        (new,) = self._bank.write([note], old.scope, self._told, trace=trace)
        return new

    def newest(self, ids: Sequence[str], *, scope: Scope) -> dict[str, Record]:
        """Return the newest version of each record, by the id that was asked for.

        The id may be any version's; unknown ones are left out.
        """
        return connection.newest(self._store, scope, ids)

    def history(self, id: str, *, scope: Scope) -> tuple[Event, ...]:
        """Return what happened to a record and its other versions, in order."""
        connection = self._store.versions(scope, id)
        return tuple(self._store.history([record.seq for record in connection]))

    def _told(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        raise NotImplementedError
