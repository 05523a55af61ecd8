"""Watch for spoken corrections in a conversation: the memory that a turn seems to correct.

The detector decides where it is sure. Where it is in doubt, a model that passes a short check is
asked; the embedded one never is.
"""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel

from memagent.agent.adaptation.budget import is_weak
from memagent.agent.agent import Agent
from memagent.errors import MemagentError, StructuredOutputError, UserError
from memagent.feedback.spoken import SURE, Correction, Detector
from memagent.models.capabilities import checked, constrains_output
from memagent.models.replies import structured
from memagent.models.retry import failure_of
from memagent.prompts import corrects_prompt
from memagent.types import Answer, PastTurn, Scope

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

logger = logging.getLogger(__name__)

FILE = "spoken-corrections.json"
ASKED = 5
"""Records that a model is asked about, at most."""
CASES: Sequence[tuple[str, str, Sequence[str], int]] = (
    ("Yes, the train leaves at 6:40.", "Sorry, I meant 7:20.", ["The train leaves at 6:40."], 1),
    (
        "I see.",
        "Nora has sold the boat, by the way.",
        ["Nora's boat is blue.", "Nora owns a boat.", "Ben owns a boat."],
        2,
    ),
    ("I see.", "Ben has a boat, too.", ["Nora's boat is blue.", "Nora owns a boat."], 0),
)
"""A reply, a statement after it, notes, and the number of the note that it corrects; 0 for none."""


# The docstring is a part of the JSON schema that the model's server receives.
class Corrected(BaseModel):
    """The number of the note that the statement corrects, 0 if it corrects none."""

    note: int


class CorrectionWatch:
    """Finds what the turns of one conversation correct."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._detector: Detector | None = None

    def find(
        self, answer: Answer, turn: PastTurn | None, before: Answer | None, scope: Scope
    ) -> Correction | None:
        """Return what the user's part of a saved turn corrects, None if nothing.

        `turn` and `before` are the turn before it, and its answer. A failure is logged, and finds
        nothing: the turn itself is saved.
        """
        memory = self._agent.memory
        if memory is None or not answer.turn:
            return None
        try:
            said = memory.get(answer.turn[:1], scope=scope)
            if not said or not said[0].evidence:
                return None
            self._detector = self._detector or Detector(memory)
            recalled = [hit.record for hit in answer.recollection.hits]
            found = self._detector.ranked(said[0], turn, before, scope, recalled)
            return self._decided(found, turn)
        except MemagentError as error:
            logger.warning("whether a turn corrects anything is unknown: %s", error)
            return None

    def _decided(self, found: Sequence[Correction], turn: PastTurn | None) -> Correction | None:
        if not found:
            return None
        if found[0].score >= SURE:
            return found[0]
        doubtful = [each for each in found if each.doubtful][:ASKED]
        if not doubtful or not knows_corrections(chat := self._agent.open()):
            return None
        reply = turn[1] if turn else ""
        number = corrected(
            chat, reply, doubtful[0].statement.text, [each.record.text for each in doubtful]
        )
        logger.debug("the model was asked about %d records, and named %s", len(doubtful), number)
        return doubtful[number - 1] if number else None


def corrected(chat: "BaseChatModel", reply: str, statement: str, notes: Sequence[str]) -> int:
    """Return the number of the note (from 1) that a statement corrects, as a model says; 0 if none.

    Raises:
        StructuredOutputError: the model gave no number.
        ModelUnavailable: the server does not answer.
    """
    number = structured(chat, corrects_prompt(reply, statement, notes), Corrected).note
    return number if 1 <= number <= len(notes) else 0


def knows_corrections(chat: "BaseChatModel") -> bool:
    """Tell whether a model sees what a statement corrects; the first call checks it.

    The embedded model is never asked. The result is stored in `spoken-corrections.json` in the home
    folder.
    """
    if not constrains_output(chat) or is_weak(chat):
        return False
    try:
        return checked(chat, FILE, _passes)
    except UserError as error:  # the next doubtful turn checks again
        logger.warning("whether the model sees corrections is unknown: %s", error)
        return False


def _passes(chat: "BaseChatModel") -> bool:
    """Check that a model names the right note, and none where none is corrected.

    Raises:
        ModelUnavailable: the server does not answer.
    """
    try:
        return all(
            corrected(chat, reply, statement, notes) == number
            for reply, statement, notes, number in CASES
        )
    except StructuredOutputError:
        return False
    except UserError as error:
        if failure_of(error) == "refused":  # it takes no JSON schema
            return False
        raise
