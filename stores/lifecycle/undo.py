"""Undo of feedback: a lesson is taken back, and the records it replaced are restored."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from memagent.errors import InvalidInput
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.deferred_indexing import index_digests
from memagent.stores.database.derived import notes_on
from memagent.stores.database.filters import MICROS, Filter, micros
from memagent.stores.database.links import link_ids
from memagent.stores.database.rows import closed_digest, opened_digest
from memagent.stores.database.writer import Trace, log, mark_changed, user_id
from memagent.types import Change, Feedback, Record, Scope

ROLES = ("user", "assistant")
"""The metadata `role` of a turn's two records: what was said, and what was replied."""


def retire(store: SqliteStore, within: Scope, ids: Sequence[str], trace: Trace) -> None:
    """Archive the records within a scope that a lesson contradicts, but for archived ones."""
    with store.transaction() as db:
        for record in store.read.get(within, ids):
            if record.archived is None:
                now = micros(store.now(record.scope.user))
                db.execute("UPDATE records SET archived = ? WHERE seq = ?", (now, record.seq))
                mark_changed(db, user_id(db, record.scope.user), record.seq)
                log(db, record.seq, "archive", trace)


def notes_closed(store: SqliteStore, scope: Scope, superseded: str | None) -> dict[str, int | None]:
    """Return the notes that go stale with a record, and until when each holds so far."""
    user = store.user(scope.user)
    if superseded is None or user is None:
        return {}
    notes = store.read.records(notes_on(store, user, superseded))
    return {note.id: micros(note.valid_to) if note.valid_to else None for note in notes}


def mention(store: SqliteStore, lesson: Record) -> None:
    """Link a lesson to the records whose ids it keeps, so that these go when the records do."""
    with store.transaction() as db:
        user = user_id(db, lesson.scope.user)
        link_ids(db, user, lesson.seq, ids_kept(lesson.metadata), "mention")


def ids_kept(metadata: Mapping[str, Any]) -> list[str]:
    """Return the ids that a lesson's metadata keep, to undo it."""
    data = metadata.get("change")
    if not isinstance(data, Mapping):
        return []
    kept = [data.get("superseded")]
    for name in ("retired", "notes"):
        kept += data[name] if isinstance(data.get(name), list | Mapping) else []
    return [id for id in kept if isinstance(id, str)]


def retired_by(lesson: str) -> str:
    """Return why a record is archived that a lesson contradicts."""
    return f"corrected by {lesson}"


def undo(store: SqliteStore, lesson: Record, trace: Trace, *, scope: Scope) -> None:
    """Take a lesson back, so that everything else is what it was, but for its history.

    The lesson stays as a superseded record that nothing is in the place of. What it superseded
    stays so if its text was added again meanwhile, which is then a record of its own. `scope` is
    the caller's: an error names nothing outside of it. The lesson itself reaches as far as
    feedback does, over the sessions of its user and agent.

    Raises:
        InvalidInput: another lesson has taken its place meanwhile.
    """
    with store.transaction() as db:
        seen, scope = scope, lesson.scope.across_sessions()
        (held,) = store.read.get(scope, [lesson.id])
        if held.superseded:
            later = [one for one in store.read.versions(seen, held.id) if one.supersedes == held.id]
            reason = "another stands in its place, or it is undone"
            if later:
                reason = f"undo {later[0].id!r} first, it stands in its place"
            raise InvalidInput(f"change {held.id!r} cannot be undone: {reason}")
        index_digests(db)
        user, now = user_id(db, scope.user), micros(store.now(scope.user))
        digest = _digest(store, held)
        db.execute(
            "UPDATE records SET superseded = 1, supersedes = NULL, digest = ?,"
            " valid_to = min(coalesce(valid_to, ?), ?) WHERE seq = ?",
            (closed_digest(digest, held.id), now, now, held.seq),
        )
        db.execute(
            "DELETE FROM digests WHERE user = ? AND digest = ? AND record = ?",
            (user, digest, held.seq),
        )
        log(db, held.seq, "undo", trace)
        changed = [held.seq]
        data = held.metadata["change"]
        notes: dict[str, int | None] = data.get("notes", {})
        replaced = store.read.get(scope, [held.supersedes] if held.supersedes else [])
        for old in replaced:
            if _reopen(store, old, user, data.get("valid_to"), trace):
                changed.append(old.seq)
            else:
                notes = {}
        for record in store.read.get(scope, data["retired"]):
            if not _retired_by(store, record, held.id):
                continue
            db.execute("UPDATE records SET archived = NULL WHERE seq = ?", (record.seq,))
            log(db, record.seq, "restore", trace)
            changed.append(record.seq)
        for note in store.read.get(scope, list(notes)):
            of_replaced = any(note.scope == old.scope for old in replaced)
            if of_replaced and note.kind == "note" and _closed_once(store, note, held):
                db.execute(
                    "UPDATE records SET valid_to = ? WHERE seq = ?", (notes[note.id], note.seq)
                )
                log(db, note.seq, "restore", trace)
                changed.append(note.seq)
        for seq in changed:
            mark_changed(db, user, seq)


def changes(store: SqliteStore, scope: Scope, limit: int) -> list[Change]:
    """Return the changes of a scope, newest first, the undone ones too."""
    where = Filter(
        scope=scope, kind="lesson", metadata={"change": {"exists": True}}, everything=True
    )
    return [
        change_of(store, lesson)
        for lesson in store.read.newest(where, limit)
        if change_data(lesson)
    ]


def change_data(record: Record) -> Mapping[str, Any] | None:
    """Return the data of the change that a lesson stands for; None of any other record.

    Anybody may write metadata: data of another shape than `memagent.feedback.reflection` gives
    them are no change.
    """
    data = record.metadata.get("change") if record.kind == "lesson" else None
    if not isinstance(data, Mapping) or data.get("feedback") not in get_args(Feedback):
        return None
    texts = [data.get("said"), *(record.metadata.get(name) for name in ("asked", "answered"))]
    lists = [data.get("asks"), data.get("retired")]
    notes = data.get("notes", {})
    whole = (
        all(isinstance(one, list) and set(map(type, one)) <= {str} for one in lists)
        and all(isinstance(one, str) for one in texts)
        and isinstance(data.get("superseded"), str | None)
        and isinstance(notes, Mapping)
        and all(map(_is_time, (data.get("valid_to"), *notes.values())))
    )
    return data if whole else None


def _is_time(value: Any) -> bool:
    """Tell whether a value of metadata is a time as the store has them, or None."""
    return value is None or (type(value) is int and value in MICROS)


def change_of(store: SqliteStore, lesson: Record) -> Change:
    """Return the change that a lesson stands for."""
    data = lesson.metadata["change"]
    events = store.history([lesson.seq])
    first, last = events[0], events[-1]
    undone = last if last.action == "undo" else None
    return Change(
        id=lesson.id,
        at=lesson.created,
        who=first.who,
        why=first.why,
        feedback=data["feedback"],
        said=data["said"],
        asked=lesson.metadata["asked"],
        answered=lesson.metadata["answered"],
        lesson=lesson.text,
        asks=tuple(data["asks"]),
        superseded=data.get("superseded"),
        retired=tuple(data["retired"]),
        undone=undone.at if undone else None,
        because=undone.why if undone else None,
    )


def turn(store: SqliteStore, scope: Scope, record_id: str) -> tuple[Record, Record] | None:
    """Return a turn as (said, replied) by the id of either; None if there is no such turn."""
    found = store.read.get(scope, [record_id])
    if not found or found[0].metadata.get("role") not in ROLES:
        return None
    (record,) = found
    said = record.metadata["role"] == "user"
    # A turn is written in one transaction, what was said right before what was replied.
    (other,) = store.read.records([record.seq + (1 if said else -1)]) or (record,)
    pair = (record, other) if said else (other, record)
    roles = tuple(part.metadata.get("role") for part in pair)
    return pair if roles == ROLES and other.scope == record.scope else None


def _retired_by(store: SqliteStore, record: Record, lesson: str) -> bool:
    """Tell whether it was this lesson that archived a record last, and nobody since."""
    events = [one for one in store.history([record.seq]) if one.action in ("archive", "restore")]
    return bool(events) and (events[-1].action, events[-1].why) == ("archive", retired_by(lesson))


def _closed_once(store: SqliteStore, note: Record, lesson: Record) -> bool:
    """Tell whether a note went stale with what the lesson took the place of, and not again."""
    events = store.history([note.seq])
    return sum(one.action == "supersede" and one.at >= lesson.created for one in events) == 1


def _digest(store: SqliteStore, record: Record) -> bytes:
    ((digest,),) = store.query("SELECT digest FROM records WHERE seq = ?", (record.seq,))
    return bytes(digest)


def _reopen(store: SqliteStore, old: Record, user: int, valid_to: int | None, trace: Trace) -> bool:
    """Bring back what was superseded; tell whether it could be."""
    digest = opened_digest(old, _digest(store, old))
    with store.transaction() as db:
        taken = db.execute(
            "SELECT 1 FROM digests WHERE user = ? AND digest = ?", (user, digest)
        ).fetchone()
        if taken:
            return False
        db.execute(
            "UPDATE records SET superseded = 0, digest = ?, valid_to = ? WHERE seq = ?",
            (digest, valid_to, old.seq),
        )
        db.execute("INSERT INTO digests VALUES (?, ?, ?)", (user, digest, old.seq))
        log(db, old.seq, "restore", trace)
        return True
