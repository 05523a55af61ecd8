"""Profile lines by a chat model, reduced to what the cited statements support.

The model proposes lines with the numbers of the statements they come from, and the numbers of the
lines that they replace; code checks both. A model is asked only if it passes a short check.
"""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from memagent.errors import ContextTooLong, StructuredOutputError, UserError
from memagent.models import replies
from memagent.models.capabilities import checked, constrains_output
from memagent.models.retry import failure_of
from memagent.profile.line_store import ProposedLine
from memagent.prompts import profile_prompt
from memagent.text.words import query_words
from memagent.types import ProfileLine, Record

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

logger = logging.getLogger(__name__)

FILE = "profile.json"
"""File of the capability check in the home folder."""
LINE_CHARS = 160
MIN_SUPPORT = 0.5
"""Share of a line's words that its statements must hold: the rest is the model's wording."""
MODEL_SCORE = 3.0
"""Log-odds of a line that a capable model proposed, as of a sure one of the classifier."""
STATEMENTS = (
    "I have to be at the station at four.",
    "I never eat meat.",
    "I moved to Linz in May.",
)
LINES = ("I live in Graz.", "I have a sister called Ada.")
"""Case of the check: the second statement is lasting, and the third replaces the first line."""


# The docstrings of both models are parts of the JSON schema that the model's server receives.
class Line(BaseModel):
    """A lasting fact or preference, the statements that say it, and the lines that it replaces."""

    text: str = Field(max_length=LINE_CHARS)
    statements: list[int]
    replaces: list[int]


class ProposedLines(BaseModel):
    """What the statements tell about their writer that will still hold in a year."""

    lines: list[Line]


def is_capable(chat: "BaseChatModel") -> bool:
    """Tell whether a model tells lasting statements from passing ones, and sees what they replace.

    The check is made once for each server and model, and its result kept.

    Raises:
        ModelUnavailable: the server does not answer.
    """
    return constrains_output(chat) and checked(chat, FILE, _passes)


def propose(
    chat: "BaseChatModel",
    lines: Sequence[ProfileLine],
    statements: Sequence[tuple[str, Record]],
) -> list[ProposedLine] | None:
    """Return the lines that a model proposes for new statements, as far as these support them.

    None says that the model gave no valid reply.

    Raises:
        ModelUnavailable: the server does not answer.
    """
    texts = [text for text, _ in statements]
    prompt = profile_prompt([line.text for line in lines], texts)
    try:
        reply = replies.structured(chat, prompt, ProposedLines)
    except (StructuredOutputError, ContextTooLong) as error:
        logger.warning("the model proposes no lines: %s", type(error).__name__)
        return None
    model = str(getattr(chat, "model_name", type(chat).__name__))
    found = [_checked(line, lines, statements, model) for line in reply.lines]
    kept = [line for line in found if line is not None]
    if len(kept) < len(found):
        logger.info("dropped %d proposed lines without support", len(found) - len(kept))
    return kept


def _checked(
    line: Line,
    lines: Sequence[ProfileLine],
    statements: Sequence[tuple[str, Record]],
    model: str,
) -> ProposedLine | None:
    """Return a proposed line with its sources; None if its statements do not support it."""
    cited = [statements[number - 1] for number in line.statements if 0 < number <= len(statements)]
    text, said = " ".join(line.text.split()), " ".join(text for text, _ in cited)
    words, held = query_words(text), set(query_words(said))
    if not words or sum(word in held for word in words) < MIN_SUPPORT * len(words):
        return None
    replaced = [lines[number - 1] for number in line.replaces if 0 < number <= len(lines)]
    return ProposedLine(
        text=text,
        said=said,
        sources=tuple({record.id: record for _, record in cited}.values()),
        by=model,
        score=MODEL_SCORE,
        replaces=tuple(dict.fromkeys(each.id for each in replaced)),
    )


def _passes(chat: "BaseChatModel") -> bool:
    try:
        reply = replies.structured(chat, profile_prompt(LINES, STATEMENTS), ProposedLines)
    except StructuredOutputError:
        return False
    except UserError as error:
        if failure_of(error) == "refused":  # it takes no JSON schema
            return False
        raise
    cited = {number for line in reply.lines for number in line.statements}
    replaced = {number for line in reply.lines for number in line.replaces}
    return cited == {2, 3} and replaced == {1}
