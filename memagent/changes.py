"""What feedback changes in a memory: kept as lessons, listed, and undone one by one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from memagent.errors import InvalidInput
from memagent.stores import changing
from memagent.stores.episodic import EpisodicBank, Given
from memagent.stores.sqlite import SqliteStore
from memagent.stores.writing import Trace
from memagent.types import Change, Note, Record, Scope

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from memagent.embedding import Encoder


class Changes:
    """Verbs over what feedback changed, for `Memory` to inherit."""

    _store: SqliteStore
    _bank: EpisodicBank
    _encoder: "Encoder"

    def teach(
        self,
        lesson: Note,
        *,
        scope: Scope,
        retires: Sequence[Record] = (),
        who: str | None = None,
        why: str | None = None,
    ) -> Record:
        """Write a lesson and archive the records that it speaks against: both, or neither.

        Raises:
            InvalidInput: the lesson supersedes what is not there, or is superseded already.
        """
        given = Given(self._told(lesson.keys), self._encoder.check())
        with self._store.transaction():
            (record,) = self._bank.write(
                [lesson], scope, self._told, given=given, trace=Trace(who=who, why=why)
            )
            changing.retire(self._store, retires, Trace(who=who, why=f"corrected by {record.id}"))
            return record

    def changes(self, *, scope: Scope, limit: int = 100) -> list[Change]:
        """Return what feedback changed in a scope, newest first, also what was undone."""
        return changing.changes(self._store, scope, limit)

    def change(self, id: str, *, scope: Scope) -> Change:
        """Return one change.

        Raises:
            InvalidInput: there is none of that id in this scope.
        """
        return changing.change_of(self._store, self._lesson(id, scope))

    def undo(
        self, id: str, *, scope: Scope, who: str | None = None, why: str | None = None
    ) -> Change:
        """Undo a change, and return it: all other records are what they were, but their history.

        Raises:
            InvalidInput: there is no such change, it is undone already, or another one stands in
                its place.
        """
        lesson = self._lesson(id, scope)
        if changing.change_of(self._store, lesson).undone is not None:
            raise InvalidInput(f"change {id!r} is undone already")
        changing.undo(self._store, lesson, Trace(who=who, why=why))
        return self.change(id, scope=scope)

    def turn(self, id: str, *, scope: Scope) -> tuple[Record, Record]:
        """Return a turn as (said, replied), by the id of either record.

        Raises:
            InvalidInput: there is no such turn in this scope.
        """
        pair = changing.turn(self._store, scope, id)
        if pair is None:
            raise InvalidInput(f"there is no turn {id!r} in this scope: `ask --json` tells its ids")
        return pair

    def _lesson(self, id: str, scope: Scope) -> Record:
        found = self._store.get(scope, [id])
        if not found or "change" not in found[0].metadata:
            raise InvalidInput(f"there is no change {id!r} in this scope")
        return found[0]

    def _told(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        raise NotImplementedError
