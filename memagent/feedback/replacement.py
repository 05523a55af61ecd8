"""Replacement of a record by the statement that corrects it: a lesson that can be undone.

The statement stays as it was said. The lesson that takes the record's place stands alone: after the
question that was asked before it, or else after the record, where the statement by itself would
not be understood ("Actually, it's Thursday.").
"""

from memagent.errors import InvalidInput
from memagent.feedback.lesson_text import verbatim_lesson
from memagent.feedback.request import FeedbackRequest
from memagent.feedback.spoken import Correction
from memagent.memory.memory import Memory
from memagent.stores.database.filters import micros
from memagent.stores.lifecycle.undo import change_data
from memagent.text.questions import has_question_mark
from memagent.types import NewRecord, PastTurn, Record, Scope


def replace_record(
    memory: Memory,
    correction: Correction,
    turn: PastTurn | None,
    *,
    scope: Scope,
    why: str | None = None,
) -> Record:
    """Put a correction in the place of what it corrects, and return the lesson that stands there.

    `turn` is the one before the statement, None if there was none. `scope` is the session. If the
    statement is a lesson already, which replaced nothing, a new one is kept instead of it.

    Raises:
        InvalidInput: one of the two is forgotten, or the record was replaced meanwhile.
    """
    wide = scope.across_sessions()
    found = {record.id: record for record in memory.get(_ids(correction), scope=wide)}
    if len(found) < 2:
        raise InvalidInput("nothing is replaced: one of the two memories is forgotten")
    record, statement = (found[id] for id in _ids(correction))
    if record.superseded:
        raise InvalidInput("nothing is replaced: something else stands in its place already")
    parts = memory.engine.store.read.records(turn.records if turn else ())
    if turn is not None and len(parts) < len(turn.records):
        turn, parts = None, []  # some of the turn before is forgotten
    lesson = _taught(statement) or _spoken(record, statement, turn)
    if change_data(statement) is not None:
        memory.changes.undo(statement.id, scope=wide, who=scope.user, why="replaces a memory now")
    change = {
        **lesson.metadata["change"],
        "superseded": record.id,
        "valid_to": micros(record.valid_to) if record.valid_to else None,
    }
    if statement.kind != "lesson":
        parts.append(statement)
    return memory.changes.teach(
        NewRecord(
            text=lesson.text,
            keys=tuple(dict.fromkeys([*lesson.keys, record.text])),
            kind="lesson",
            valid_from=memory.maintenance.now(scope=wide),
            supersedes=record.id,
            metadata={**lesson.metadata, "change": change},
        ),
        scope=scope,
        within=wide,
        quotes=[part.id for part in parts],
        quoted=wide,
        who=scope.user,
        why=why,
    )


def _ids(correction: Correction) -> tuple[str, str]:
    return correction.record.id, correction.statement.id


def _taught(lesson: Record) -> NewRecord | None:
    """Return a lesson as it is to be taught anew; None of any other record."""
    if change_data(lesson) is None:
        return None
    kept = {name: lesson.metadata[name] for name in ("role", "asked", "answered", "change")}
    return NewRecord(text=lesson.text, keys=lesson.keys, metadata=kept)


def _spoken(record: Record, statement: Record, turn: PastTurn | None) -> NewRecord:
    """Return the lesson that a spoken correction becomes."""
    said, reply = turn or ("", "")
    question = said if has_question_mark(said) else ""
    request = FeedbackRequest(
        question=question or record.text,
        answer=reply,
        text=statement.text,
        kind="correction",
        scope=statement.scope,
    )
    text = verbatim_lesson(request)
    return NewRecord(
        text=text,
        keys=tuple(dict.fromkeys([text, *([question] if question else [])])),
        metadata={
            "role": "user",
            "asked": question,
            "answered": reply,
            "change": {
                "feedback": "correction",
                "said": statement.text,
                "asks": [question] if question else [],
                "retired": [],
            },
        },
    )
