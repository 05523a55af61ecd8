"""What is learnt from feedback: a lesson, proposed, checked if that is wanted, kept or undone.

A lesson is a record of the kind "lesson", in the scope of who gave the feedback. Its metadata:

    {"role": "user", "asked": "Where does Ada work?", "answered": "In Rome.",
     "change": {"feedback": "correction", "said": "Lisbon", "asks": ["Where does Ada work?"],
                "superseded": "<id>", "valid_to": null, "retired": []}}

After RAM (Li et al. 2024): the piece of memory that is nearest to the lesson is replaced by it.
Here only where it is near enough and answers the same question, and it stays as superseded; a
lesson that is near to nothing is added. Others that were shown and say the same as what was
replaced are archived. Without a model that writes the lesson, it is the user's own words, behind
the question where they say too little by themselves.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel

from memagent.errors import ContextTooLong, InvalidInput, StructuredOutputError
from memagent.feedback.recheck import NEIGHBOURS, Ask, Recall, Trial, neighbours
from memagent.memory.memory import Memory
from memagent.models import replies
from memagent.prompts import lesson_prompt
from memagent.recall.lessons import (
    has_all_names,
    is_denial,
    names_in,
    question_forms,
    same_question,
)
from memagent.recall.rules.questions import answer_type, covers, has_candidate
from memagent.stores.banks.episodic import check
from memagent.stores.database.filters import micros
from memagent.stores.lifecycle.undo import change_data
from memagent.text.english import content_words, names, stem, words
from memagent.types import Feedback, Hit, NewRecord, Record, Reflected, Scope

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

THRESHOLD = 0.5
"""The cosine from which a lesson takes the place of the record that is nearest to it.

Texts that differ in one name have 0.54 at least, 0.7 in the middle (MiniLM)."""
LONGEST = 4000
"""How many characters of feedback are taken: a lesson is shown whole, or not at all."""
NEAREST = 10
"""How many records near to a lesson are looked at."""
BARE = 6
"""An answer of at most so many words, and none of the question's, does not stand by itself."""

_KIND = re.compile(r"^\s*(?:\w+\s+)?(?:which|what)\s+\w+", re.IGNORECASE)
"""What a question opens with that names a kind of answer: "in which city"."""


class Lesson(BaseModel):
    """What a model writes of feedback."""

    lesson: str
    questions: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedbackRequest:
    """A turn, and what was said of it in words by whom.

    `turn` names the records of the turn, `shown` those that the answer was made from. `source`
    is who said it, if that is not the user.
    """

    question: str
    answer: str
    text: str
    kind: Feedback
    scope: Scope
    source: str | None = None
    turn: tuple[str, ...] = ()
    memories: tuple[str, ...] = ()
    who: str | None = None
    why: str | None = None


def feedback_of(correction: str | None, hint: str | None) -> tuple[Feedback, str] | None:
    """Return the kind of a feedback in words, and the words; None without any.

    Raises:
        InvalidInput: it is both a correction and a hint, empty, or longer than a model could read.
    """
    if correction is not None and hint is not None:
        raise InvalidInput("give a correction or a hint, not both")
    said = correction if correction is not None else hint
    if said is None:
        return None
    check(NewRecord(text=said))
    if len(said) > LONGEST:
        raise InvalidInput(
            f"the feedback has {len(said):,} characters, at most {LONGEST:,} are taken: remember a"
            " text as such, and say what is right in short"
        )
    if hint is not None:
        return "hint", said
    return ("denial" if is_denial(said) else "correction"), said


def reflect(
    memory: Memory,
    request: FeedbackRequest,
    *,
    model: "BaseChatModel | None" = None,
    ask: Ask | None = None,
    recall: Recall | None = None,
    most: int = NEIGHBOURS,
) -> Reflected:
    """Make a lesson of feedback; with `ask` and `recall`, keep it only if it mends and breaks not.

    `model` writes the lesson where it can. At most `most` past questions are asked again.
    """
    trial = None
    if ask is not None and recall is not None:
        trial = Trial(ask, recall, neighbours(memory, request.question, request.scope, most))
    lesson = _apply(memory, request, model)
    checked = None
    if trial is not None:
        checked = trial.check(request.question, request.answer, request.text, request.kind)
        if not checked.kept:
            memory.changes.undo(
                lesson.id, scope=request.scope, who=request.who, why=f"the check: {checked.why}"
            )
    change = memory.changes.get(lesson.id, scope=request.scope)
    return Reflected(lesson=lesson, change=change, checked=checked)


def _apply(memory: Memory, request: FeedbackRequest, model: "BaseChatModel | None") -> Record:
    """Write the lesson, in the place of what it corrects; the same one again changes nothing."""
    text, asks = (
        written(request, model) if model else (spoken(request), question_forms(request.question))
    )
    while True:
        note, retired = _proposed(memory, request, text, asks)
        if isinstance(note, Record):
            return note
        try:
            return memory.changes.teach(
                note,
                scope=request.scope,
                retires=retired,
                quotes=request.turn or request.memories,
                who=request.who,
                why=request.why,
            )
        except InvalidInput:
            if not _is_overtaken(memory, note, request.scope):
                raise


def _is_overtaken(memory: Memory, note: NewRecord, scope: Scope) -> bool:
    """Tell whether what a lesson was to take the place of went, or was replaced, meanwhile."""
    if note.supersedes is None:
        return False
    return not any(one for one in memory.get([note.supersedes], scope=scope) if not one.superseded)


def _proposed(
    memory: Memory, request: FeedbackRequest, text: str, asks: tuple[str, ...]
) -> tuple[NewRecord | Record, Sequence[Record]]:
    """Return the lesson to write, and what it retires; the record that says so already, if any."""
    wide = request.scope.across_sessions()
    hits = memory.search(text, scope=wide, k=NEAREST)
    held = [hit for hit in hits if hit.record.evidence]
    earlier = next((hit.record for hit in held if _is_earlier(hit.record, request, text)), None)
    if earlier is not None and earlier.text == text:
        known = earlier.metadata["change"]["asks"]
        if set(asks) <= set(known):
            return earlier, ()
        asks = tuple(dict.fromkeys([*known, *asks]))
    near = [hit.record for hit in held if replaces(request, text, hit)]
    replaced = earlier or next(iter(near), None)
    retired = [
        one for one in near if one != replaced and one.id in request.memories and not one.pinned
    ]
    change = {
        "feedback": request.kind,
        "said": request.text,
        "asks": list(asks),
        "superseded": replaced.id if replaced else None,
        "valid_to": micros(replaced.valid_to) if replaced and replaced.valid_to else None,
        "retired": [one.id for one in retired],
    }
    note = NewRecord(
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
    return note, retired


def spoken(request: FeedbackRequest) -> str:
    """Return the lesson that feedback is by itself: its words, behind the question if need be."""
    said = request.text.strip()
    bare = request.kind == "correction" and len(words(said)) <= BARE
    if bare and request.question and not _stems(request.question) & _stems(said):
        return f"{request.question.strip()} {said}"
    return request.text


def written(request: FeedbackRequest, model: "BaseChatModel") -> tuple[str, tuple[str, ...]]:
    """Return the lesson as a model writes it, and the questions it says it answers.

    What it writes has to hold all that was said, and to name nothing that was not; else the words
    of the user stand.
    """
    asks = question_forms(request.question)
    messages = lesson_prompt(request.question, request.answer, request.text)
    try:
        reply = replies.structured(model, messages, Lesson)
    except (StructuredOutputError, ContextTooLong):
        return spoken(request), asks
    tidy = (" ".join(one.split()) for one in reply.questions)
    more = [one for one in tidy if one.endswith("?") and same_names(one, request.question)]
    text = " ".join(reply.lesson.split())
    faithful = covers(text, content_words(request.text)) and not (
        names_in(text) - names_in(f"{request.question} {request.text}")
    )
    usable = faithful and not text.endswith("?") and request.kind == "correction"
    return (text if usable else spoken(request)), tuple(dict.fromkeys([*asks, *more]))


def same_names(one: str, other: str) -> bool:
    """Tell whether two questions name the same: what a model made of one may ask of others."""
    return names_in(one) == names_in(other)


def replaces(request: FeedbackRequest, text: str, hit: Hit) -> bool:
    """Tell whether a lesson takes a record's place: it is near, and answers the same question.

    A hint answers nothing, and takes no place.
    """
    record = hit.record
    if request.kind == "hint" or record.kind == "lesson":
        return False
    if hit.why.get("cosine", 0.0) < THRESHOLD or not has_all_names(record.text, request.question):
        return False
    held = _stems(record.text)
    frame = _stems(_KIND.sub("", request.question)) & _stems(text)
    if not frame <= held or not (held & _stems(text)) - _stems(" ".join(names(text))):
        return False  # it tells something else
    want = answer_type(request.question)
    if want != "time" and not _times(record.text) <= _times(f"{request.question} {text}"):
        return False  # it tells of another time, and may hold as well
    return want is None or has_candidate(record.text, want, request.question)


def _is_earlier(record: Record, request: FeedbackRequest, text: str) -> bool:
    """Tell whether a record is what the same one taught before, of the question or in these words.

    Somebody else's lesson stays beside it: which of the two is right, outcomes will tell.
    """
    change = change_data(record)
    if change is None:
        return False
    if (request.source in record.sources) != bool(request.source):
        return False
    if (change["feedback"] == "hint") != (request.kind == "hint"):
        return False
    return record.text == text or any(
        same_question(request.question, ask) for ask in change["asks"]
    )


def _stems(text: str) -> set[str]:
    return {stem(word) for word in content_words(text)}


def _times(text: str) -> set[str]:
    return {
        word.lower() for word in words(text) if word.isalpha() and has_candidate(word, "time", "")
    }
