"""Upsert: records under ids of the caller's; a new text takes the old one's place."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from langchain_core.utils.uuid import uuid7

from memagent.errors import InvalidInput, StoreError, shown
from memagent.memory.memory import Memory
from memagent.stores.banks.validation import check
from memagent.stores.database.metadata import plain_metadata
from memagent.types import NewRecord, Record, Scope

OWN = "memagent."
"""Prefix of the metadata keys that the adapters add; a caller's must not have it."""
ATTEMPTS = 20
"""Attempts at a write, where others write the same entries meanwhile."""
_NAMESPACE = UUID("6d656d61-6765-6e74-8000-000000000000")
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """Entry under an id: the record first written, and its newest version."""

    first: Record
    newest: Record


@dataclass(frozen=True, kw_only=True, slots=True)
class Upsert:
    """New record to write under an id, in one scope.

    `former` is the id that versions up to 0.1 gave it. A `reply` is forgotten with the records that
    it was written from: those in `shown` (by `seq`), and what is written with it, before it.
    """

    id: str
    former: str | None = None
    note: NewRecord
    scope: Scope
    reply: bool = False
    shown: tuple[int, ...] = ()


def entry_id(sort: str, scope: Scope, name: str) -> str:
    """Return the id of the record first written under a name of the caller's.

    A user's record ids are unique, but a name is the caller's to choose in each agent and session.
    No two users have the same id for the same name.
    """
    path = [sort, scope.user, scope.agent, scope.session, name]
    return str(uuid5(_NAMESPACE, json.dumps(path)))


def former_id(sort: str, scope: Scope, name: str) -> str:
    """Return the id that versions up to 0.1 gave a name, which is the same for every user."""
    return str(uuid5(_NAMESPACE, json.dumps([sort, scope.agent, scope.session, name])))


def find(
    memory: Memory, ids: Iterable[str], scope: Scope, *, former: Mapping[str, str] | None = None
) -> dict[str, Entry]:
    """Return the entry under each id; ids without one are left out.

    `former` maps ids to those under which versions up to 0.1 may have written the same entries.
    """
    former = former or {}
    found = _entries(memory, dict.fromkeys([*ids, *former.values()]), scope)
    return found | {
        id: found[old] for id, old in former.items() if old in found and id not in found
    }


def _entries(memory: Memory, ids: Iterable[str], scope: Scope) -> dict[str, Entry]:
    wanted = list(ids)
    newest = memory.changes.newest(wanted, scope=scope)
    replaced = [name for name, record in newest.items() if record.id != name]
    first = newest | {record.id: record for record in memory.get(replaced, scope=scope)}
    return {name: Entry(first=first[name], newest=newest[name]) for name in newest}


def upsert(memory: Memory, upserts: Sequence[Upsert], *, within: Scope) -> None:
    """Write each record under its id, in place of the entry there within a scope.

    The new version supersedes the old one, in the old one's scope: what an id held before stays as
    history until it is forgotten. Unlike `Memory.add`, notes of one text under different ids are
    records of their own. Of several notes under one id the last counts. What goes into one scope is
    written whole or not at all.

    Raises:
        InvalidInput: a note cannot be remembered; nothing is written.
        StoreError: others kept writing the same entries; write again.
    """
    for one in upserts:
        check(one.note)
    notes = memory.engine.bank.redacted([one.note for one in upserts], within)
    upserts = [replace(one, note=note) for one, note in zip(upserts, notes, strict=True)]
    waiting = {one.id: one for one in upserts}
    former = {one.id: one.former for one in upserts if one.former is not None}
    for _ in range(ATTEMPTS):
        held = find(memory, waiting, within, former=former)
        try:
            waiting = _write(memory, waiting, held, memory.maintenance.now(scope=within))
        except InvalidInput:
            if find(memory, waiting, within, former=former) == held:
                raise
            # Another writer superseded one of them between the look and the write.
        if not waiting:
            return
    raise StoreError("others keep writing the same entries; write again")


def callers(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's metadata without what the adapters added."""
    return {name: value for name, value in metadata.items() if not name.startswith(OWN)}


def check_metadata(metadata: Mapping[str, Any]) -> None:
    """Refuse metadata that an adapter could not tell from its own.

    Raises:
        InvalidInput: they are no mapping, or a key is not text or begins with `memagent.`.
    """
    if not isinstance(metadata, Mapping):
        raise InvalidInput(f"metadata: a mapping is wanted, not {shown(metadata)}")
    for name in metadata:
        if not isinstance(name, str) or name.startswith(OWN):
            raise InvalidInput(f"metadata: a key cannot be {shown(name)}")


def _write(
    memory: Memory, waiting: Mapping[str, Upsert], held: Mapping[str, Entry], now: datetime
) -> dict[str, Upsert]:
    """Write every note or its new version, and return those that others were quicker with."""
    plans: dict[Scope, list[tuple[Upsert, NewRecord]]] = {}
    for number, one in enumerate(waiting.values()):
        entry = held.get(one.id)
        scope = one.scope if entry is None else entry.newest.scope
        # Notes of one text are told apart by their time, so no two get the same.
        note = _planned(one, entry, now + number * _MICROSECOND)
        plans.setdefault(scope, []).append((one, note))
    late: dict[str, Upsert] = {}
    for scope, plan in plans.items():
        written = memory.engine.bank.write(
            [note for _, note in plan],
            scope,
            memory.engine.embed,
            shown={place: one.shown for place, (one, _) in enumerate(plan) if one.shown},
            replies=[place for place, (one, _) in enumerate(plan) if one.reply],
        )
        for (one, note), record in zip(plan, written, strict=True):
            if (record.id, record.text, record.metadata) != (note.id, note.text, note.metadata):
                late[one.id] = one
    return late


def _planned(one: Upsert, entry: Entry | None, moment: datetime) -> NewRecord:
    """Return the note to write: a new record, or the next version of the one that is there."""
    metadata = plain_metadata(one.note.metadata)
    if entry is None:
        return replace(one.note, id=one.id, metadata=metadata, valid_from=moment)
    return replace(
        one.note,
        id=str(uuid7()),
        metadata=metadata,
        supersedes=entry.newest.id,
        valid_from=max(moment, entry.newest.valid_from + _MICROSECOND),
    )
