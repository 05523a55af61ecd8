"""What feedback changes in a memory: kept as lessons, listed, and undone one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from memagent.errors import InvalidInput
from memagent.recall.lessons import is_denial
from memagent.stores.banks.episodic import EpisodicBank, Given
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.filters import micros
from memagent.stores.database.writer import Trace
from memagent.stores.lifecycle import undo as changing
from memagent.stores.lifecycle.erasure import owner_of, quoting
from memagent.types import Change, NewRecord, Record, Scope

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from memagent.embedding.encoder import Encoder


class Changes:
    """Verbs over what feedback changed, for `Memory` to inherit."""

    _store: SqliteStore
    _bank: EpisodicBank
    _encoder: "Encoder"

    def teach(
        self,
        lesson: NewRecord,
        *,
        scope: Scope,
        retires: Sequence[Record] = (),
        quotes: Sequence[str] = (),
        who: str | None = None,
        why: str | None = None,
    ) -> Record:
        """Write a lesson and archive the records that it speaks against: both, or neither.

        It is forgotten with any of the records that it `quotes`, by id, whosever they are; if one
        is forgotten already, it does not tell what was answered.

        Raises:
            InvalidInput: the lesson supersedes what is not there, or is superseded already.
        """
        keys = lesson.keys or (lesson.text,)
        given = Given(self._told(keys), self._encoder.check())
        with self._store.transaction():
            owner = owner_of(self._store, quotes, scope)
            left = [one.id for one in self._store.get(Scope(user=owner), quotes)]
            metadata = {**lesson.metadata, **quoting(owner, scope)}
            if len(left) < len(set(quotes)):
                metadata["answered"] = ""  # some of what it was made from is forgotten
            notes = changing.notes_closed(self._store, scope, lesson.supersedes)
            if notes and "change" in metadata:
                metadata["change"] = {**metadata["change"], "notes": notes}
            note = replace(lesson, keys=keys, sources=(*left, *lesson.sources), metadata=metadata)
            (record,) = self._bank.write(
                [note], scope, self._told, given=given, trace=Trace(who=who, why=why)
            )
            why_retired = changing.retired_by(record.id)
            gone = [one.id for one in retires]
            changing.retire(self._store, scope, gone, Trace(who=who, why=why_retired))
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
        if not found or changing.told_by(found[0]) is None:
            raise InvalidInput(f"there is no change {id!r} in this scope")
        return found[0]

    def _told(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        raise NotImplementedError


def edited(old: Record, text: str) -> tuple[tuple[str, ...], Mapping[str, Any]]:
    """Return the keys and metadata of a record's next version.

    That of a lesson is a change of its own: it is found by the same questions, and undone first.
    """
    change = changing.told_by(old)
    if change is None:
        return (), old.metadata
    told: dict[str, Any] = {
        "said": text,
        "superseded": old.id,
        "valid_to": micros(old.valid_to) if old.valid_to else None,
        "retired": [],
        "notes": {},
    }
    if change["feedback"] != "hint":
        told["feedback"] = "denial" if is_denial(text) else "correction"
    keys = tuple(dict.fromkeys([text, *change["asks"]]))
    return keys, {**old.metadata, "change": {**change, **told}}
