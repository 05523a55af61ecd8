"""Text of a lesson: the user's own words, or those of a model, checked against them."""

import logging
from typing import TYPE_CHECKING

from pydantic import BaseModel

from memagent.errors import ContextTooLong, StructuredOutputError
from memagent.feedback.request import FeedbackRequest
from memagent.models import replies
from memagent.prompts import lesson_prompt
from memagent.recall.lessons import names_in, question_forms
from memagent.recall.rules.questions import covers
from memagent.text.english import content_words, stem, words

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

logger = logging.getLogger(__name__)

MAX_BARE_WORDS = 6
"""A correction with at most this many words, none of them from the question, needs the question
before it."""


# The docstring is a part of the JSON schema that the model's server receives.
class Lesson(BaseModel):
    """What a model writes of feedback."""

    lesson: str
    questions: list[str]


def verbatim_lesson(request: FeedbackRequest) -> str:
    """Return the text of the feedback, after the question if it is too short to stand alone."""
    text = request.text.strip()
    bare = request.kind == "correction" and len(words(text)) <= MAX_BARE_WORDS
    if bare and request.question and not _stems(request.question) & _stems(text):
        return f"{request.question.strip()} {text}"
    return request.text


def written_lesson(request: FeedbackRequest, model: "BaseChatModel") -> tuple[str, tuple[str, ...]]:
    """Return the lesson as a model words it, and the questions that it answers.

    The model's text must hold all words of the feedback and no other names; if not, the user's own
    words are the lesson.
    """
    asks = question_forms(request.question)
    messages = lesson_prompt(request.question, request.answer, request.text)
    try:
        reply = replies.structured(model, messages, Lesson)
    except (StructuredOutputError, ContextTooLong) as error:
        logger.warning("the model gave no lesson: %s", type(error).__name__)
        return verbatim_lesson(request), asks
    questions = (" ".join(question.split()) for question in reply.questions)
    more = [
        question
        for question in questions
        if question.endswith("?") and same_names(question, request.question)
    ]
    text = " ".join(reply.lesson.split())
    faithful = covers(text, content_words(request.text)) and not (
        names_in(text) - names_in(f"{request.question} {request.text}")
    )
    usable = faithful and not text.endswith("?") and request.kind == "correction"
    return (text if usable else verbatim_lesson(request)), tuple(dict.fromkeys([*asks, *more]))


def same_names(first: str, second: str) -> bool:
    """Tell whether two questions hold the same names: a model may write one about others."""
    return names_in(first) == names_in(second)


def _stems(text: str) -> set[str]:
    return {stem(word) for word in content_words(text)}
