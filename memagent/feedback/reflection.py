"""Lessons from feedback: proposed, optionally rechecked, and then kept or undone.

A lesson is a record of the kind "lesson", in the scope of the person who gave the feedback. Its
metadata:

    {"role": "user", "asked": "Where does Ada work?", "answered": "In Rome.",
     "change": {"feedback": "correction", "said": "Lisbon", "asks": ["Where does Ada work?"],
                "superseded": "<id>", "valid_to": null, "retired": []}}

As in RAM (Li et al. 2024), a lesson replaces the record nearest to it. Here it does so only if that
record is near enough and answers the same question, and the record stays as superseded; without
such a record the lesson is added. Other such records that were shown with the answer are archived.
Without a model that writes the lesson, it holds the user's own words, after the question if they
are too short to stand alone.
"""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from memagent.embedding.calibration import calibration
from memagent.errors import InvalidInput
from memagent.feedback.lesson_text import stems, verbatim_lesson, written_lesson
from memagent.feedback.recheck import NEIGHBOURS, Ask, Recall, Recheck, neighbours
from memagent.feedback.request import FeedbackRequest
from memagent.memory.memory import Memory
from memagent.recall.lessons import same_question
from memagent.stores.database.filters import micros
from memagent.stores.lifecycle.undo import change_data
from memagent.types import Hit, NewRecord, Record, Reflected, Scope

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

logger = logging.getLogger(__name__)

NEAREST = 10
"""The number of records nearest to a lesson that it may replace."""
ALIKE = 1.0
"""Likeness to a record from which on it is replaced without asking, where somebody can be asked."""


def reflect(
    memory: Memory,
    request: FeedbackRequest,
    *,
    model: "BaseChatModel | None" = None,
    ask: Ask | None = None,
    recall: Recall | None = None,
    max_neighbours: int = NEIGHBOURS,
) -> Reflected:
    """Make a lesson of feedback; with `ask` and `recall`, keep it only if a recheck passes.

    The recheck passes if the question is answered right and none of its neighbours gets worse; it
    asks at most `max_neighbours` past questions. The `model` words the lesson where it can.

    Raises:
        InvalidInput: the lesson cannot be stored.
        ModelUnavailable: the model cannot be reached.
    """
    recheck = None
    if ask is not None and recall is not None:
        near = neighbours(memory, request.question, request.scope, max_neighbours)
        recheck = Recheck(ask, recall, near)
    lesson = _apply(memory, request, model)
    checked = None
    if recheck is not None:
        checked = recheck.check(request.question, request.answer, request.text, request.kind)
        if not checked.kept:
            logger.info("a lesson failed its recheck and is undone")
            memory.changes.undo(
                lesson.id, scope=request.scope, who=request.who, why=f"the check: {checked.why}"
            )
    change = memory.changes.get(lesson.id, scope=request.scope)
    return Reflected(lesson=lesson, change=change, checked=checked)


def _apply(memory: Memory, request: FeedbackRequest, model: "BaseChatModel | None") -> Record:
    """Store the lesson in place of what it corrects; storing it again changes nothing."""
    text, asks = (
        written_lesson(request, model) if model else (verbatim_lesson(request), (request.question,))
    )
    while True:
        lesson, retired = _proposed(memory, request, text, asks)
        if isinstance(lesson, Record):
            return lesson
        try:
            return memory.changes.teach(
                lesson,
                scope=request.scope,
                within=request.scope.across_sessions(),
                retires=retired,
                quotes=request.turn or request.memories,
                quoted=(request.asked_in or request.scope).across_sessions(),
                who=request.who,
                why=request.why,
            )
        except InvalidInput:
            if not _is_overtaken(memory, lesson, request.scope):
                raise
            logger.debug("the record to replace has changed: proposing the lesson again")


def _is_overtaken(memory: Memory, lesson: NewRecord, scope: Scope) -> bool:
    """Tell whether the record to replace has been deleted or replaced meanwhile."""
    if lesson.supersedes is None:
        return False
    found = memory.get([lesson.supersedes], scope=scope.across_sessions())
    return all(record.superseded for record in found)


def _proposed(
    memory: Memory, request: FeedbackRequest, text: str, asks: tuple[str, ...]
) -> tuple[NewRecord | Record, Sequence[Record]]:
    """Return the lesson to store, or the record that equals it, and the records it retires."""
    wide = request.scope.across_sessions()
    hits = [hit for hit in memory.search(text, scope=wide, k=NEAREST) if hit.record.evidence]
    lessons = [*memory.engine.lessons.taught_for(request.question, wide), *hits]
    earlier = next((hit.record for hit in lessons if _is_earlier(hit.record, request, text)), None)
    if earlier is not None and _says(earlier, request, text):
        text, known = earlier.text, earlier.metadata["change"]["asks"]
        if set(asks) <= set(known):
            return earlier, ()
        asks = tuple(dict.fromkeys([*known, *asks]))
    near = _replaced(request, text, hits)
    replaced = earlier or next(iter(near), None)
    retired = [
        record
        for record in near
        if record != replaced and record.id in request.memories and not record.pinned
    ]
    change = {
        "feedback": request.kind,
        "said": request.text,
        "asks": list(asks),
        "superseded": replaced.id if replaced else None,
        "valid_to": micros(replaced.valid_to) if replaced and replaced.valid_to else None,
        "retired": [record.id for record in retired],
    }
    lesson = NewRecord(
        text=text,
        keys=tuple(dict.fromkeys([text, *asks])),
        kind="lesson",
        valid_from=memory.maintenance.now(scope=request.scope),
        supersedes=replaced.id if replaced else None,
        sources=(request.source,) if request.source else (),
        metadata={
            "role": "user",
            "asked": request.question,
            "answered": request.answer,
            "change": change,
        },
    )
    return lesson, retired


def replaced_by(memory: Memory, request: FeedbackRequest) -> tuple[Record, float] | None:
    """Return the record that a lesson would take the place of, and their likeness by meaning.

    1 is as alike as texts that belong together, and 0 as those that have nothing in common. None
    says that it would only be added, or take the place of an earlier lesson on the same question.
    """
    text = verbatim_lesson(request)
    lesson, _ = _proposed(memory, request, text, (request.question,))
    if isinstance(lesson, Record) or lesson.supersedes is None:
        return None
    found = memory.get([lesson.supersedes], scope=request.scope.across_sessions())
    if not found or found[0].kind == "lesson":
        return None
    engine = memory.engine
    said, held = engine.encoder.documents([text, found[0].text])
    return found[0], float(calibration(engine.encoder).scaled_texts(said @ held))


def _replaced(request: FeedbackRequest, text: str, hits: Sequence[Hit]) -> list[Record]:
    """Return the records that say otherwise, the nearest first, if the lesson may replace them."""
    if not request.replaces:
        return []
    return [hit.record for hit in hits if replaces(request, text, hit.record)]


def replaces(request: FeedbackRequest, text: str, record: Record) -> bool:
    """Tell whether a lesson replaces a record that says the same of the same.

    The record holds the words that question and lesson share, and has more in common with the
    lesson than it says besides; what the corrected answer said, too, does not count. A hint answers
    nothing, and replaces nothing.
    """
    if request.kind == "hint" or record.kind == "lesson":
        return False
    asked, said, held = stems(request.question), stems(text), stems(record.text)
    subject = asked & said
    besides = held - said - asked
    if not subject or not subject <= held or _numbers(besides) > _numbers(said - asked):
        return False  # it is about something else, or about another time, and may hold as well
    return len(held & said) > len(besides - stems(request.answer))


def _is_earlier(record: Record, request: FeedbackRequest, text: str) -> bool:
    """Tell whether a record is an earlier lesson by the same person, of the question or text.

    A lesson by somebody else stays: outcomes will show which of the two is right.
    """
    change = change_data(record)
    if change is None:
        return False
    if (request.source in record.sources) != bool(request.source):
        return False
    if (change["feedback"] == "hint") != (request.kind == "hint"):
        return False
    return _says(record, request, text) or any(
        same_question(request.question, ask) for ask in change["asks"]
    )


def _says(lesson: Record, request: FeedbackRequest, text: str) -> bool:
    """Tell whether an earlier lesson says a text, or the feedback that it was made of."""
    return lesson.text in (text, request.text)


def _numbers(words: set[str]) -> bool:
    """Tell whether there is a number among words."""
    return any(letter.isdigit() for word in words for letter in word)
