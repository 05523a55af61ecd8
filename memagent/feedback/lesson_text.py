"""Text of a lesson: the user's own words, or those of a model, checked against them."""

import logging
from typing import TYPE_CHECKING

from pydantic import BaseModel

from memagent.errors import ContextTooLong, StructuredOutputError
from memagent.feedback.request import FeedbackRequest
from memagent.models import replies
from memagent.prompts import lesson_prompt
from memagent.text.english import content_words, stem
from memagent.text.questions import asks

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

logger = logging.getLogger(__name__)

MIN_SHARE = 0.5
"""A correction that holds no more of the words of its question is understood only after it."""


# The docstring is a part of the JSON schema that the model's server receives.
class Lesson(BaseModel):
    """What a model writes of feedback."""

    lesson: str
    questions: list[str]


def verbatim_lesson(request: FeedbackRequest) -> str:
    """Return the text of the feedback, after the question if it cannot stand alone.

    "Graz" cannot, for "Where does Lena live?"; nor can "She lives in Graz".
    """
    if request.kind == "hint" or not request.question:
        return request.text
    asked = stems(request.question)
    if len(asked & stems(request.text)) > MIN_SHARE * len(asked):
        return request.text
    return f"{request.question.strip()} {request.text.strip()}"


def written_lesson(request: FeedbackRequest, model: "BaseChatModel") -> tuple[str, tuple[str, ...]]:
    """Return the lesson as a model words it, and the questions that it answers.

    The model's text must hold all words of the feedback, and none but those and the question's; if
    not, the user's own words are the lesson. Its questions must hold what question and lesson
    share.
    """
    messages = lesson_prompt(request.question, request.answer, request.text)
    try:
        reply = replies.structured(model, messages, Lesson)
    except (StructuredOutputError, ContextTooLong) as error:
        logger.warning("the model gave no lesson: %s", type(error).__name__)
        return verbatim_lesson(request), (request.question,)
    asked, said, text = stems(request.question), stems(request.text), " ".join(reply.lesson.split())
    faithful = said <= stems(text) <= said | asked and not asks(text)
    lesson = text if faithful and request.kind != "hint" else verbatim_lesson(request)
    subject = asked & stems(lesson)
    questions = (" ".join(question.split()) for question in reply.questions)
    more = [question for question in questions if asks(question) and subject <= stems(question)]
    return lesson, tuple(dict.fromkeys([request.question, *more]))


def stems(text: str) -> set[str]:
    """Return the stems of the words of a text that carry meaning."""
    return {stem(word) for word in content_words(text)}
