"""Feedback request: a turn, and the correction or hint that somebody gave on it."""

from dataclasses import dataclass

from memagent.errors import InvalidInput
from memagent.stores.banks.validation import check
from memagent.types import Feedback, NewRecord, Scope

MAX_CHARS = 4000
"""The length limit of feedback, since a lesson is shown whole or not at all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedbackRequest:
    """A request to learn from feedback: a question, its answer, and the text of the feedback.

    `turn` holds the ids of the turn's records, `memories` those of the records shown with the
    answer, and `asked_in` is the scope of the turn, if that is not the lesson's. `source` names the
    person who gave the feedback, if that is not the user; `who` and `why` go into the history. A
    correction takes the place of a record that says otherwise only if it `replaces`.
    """

    question: str
    answer: str
    text: str
    kind: Feedback
    scope: Scope
    source: str | None = None
    turn: tuple[str, ...] = ()
    memories: tuple[str, ...] = ()
    asked_in: Scope | None = None
    who: str | None = None
    why: str | None = None
    replaces: bool = True


def feedback_of(correction: str | None, hint: str | None) -> tuple[Feedback, str] | None:
    """Return the kind and the text of feedback, None without a correction or a hint.

    Raises:
        InvalidInput: both are given, or the text is empty or too long.
    """
    if correction is not None and hint is not None:
        raise InvalidInput("give a correction or a hint, not both")
    text = correction if correction is not None else hint
    if text is None:
        return None
    check(NewRecord(text=text))
    if len(text) > MAX_CHARS:
        raise InvalidInput(
            f"the feedback has {len(text):,} characters, at most {MAX_CHARS:,} are accepted: add a"
            " long text to the memory, and give a short correction"
        )
    return ("correction" if hint is None else "hint"), text
