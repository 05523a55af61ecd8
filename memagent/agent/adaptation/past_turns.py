"""Past turns of a conversation: shown as they were to a model that reads them, and to no other.

A weak model copies its own past replies instead of reading the notes. It is shown none, only notes
that are nearly as good as the best, and where a question alone finds nothing, it is searched for
together with what the user said before.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from memagent.agent.adaptation.budget import Budget, is_weak
from memagent.errors import UserError
from memagent.models.capabilities import checked, constrains_output
from memagent.models.errors import translated
from memagent.models.reasoning import split_message
from memagent.prompts import ASSISTANT, render
from memagent.recall.expansion import CONTEXT
from memagent.recall.selection import OUTDATED, select
from memagent.text.questions import asks
from memagent.types import Hit, Recollection

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

logger = logging.getLogger(__name__)

FILE = "past-turns.json"
Turns = Sequence[tuple[str, str]]
_GREAT, _REFUSAL = "That is a great story. What happened next?", "I am sorry, I cannot answer that."
CASES: Sequence[tuple[Turns, str, Sequence[str], str]] = (
    (
        [("My name is Ada.", _GREAT), ("I have a parrot.", _GREAT), ("It is windy.", _GREAT)],
        "Where is the ladder?",
        ["The ladder is in the barn."],
        "barn",
    ),
    (
        [("Who is Tomek?", _REFUSAL), ("Where is the harbour?", _REFUSAL)],
        "What does Nina play?",
        ["Nina plays the violin."],
        "violin",
    ),
    (
        [
            ("Where is the blue bag?", "The blue bag is in the kitchen."),
            ("Who has the map?", "The blue bag is in the kitchen."),
        ],
        "When does the ferry leave?",
        ["The ferry leaves on Sunday."],
        "sunday",
    ),
    ([("My aunt Vera lives in Porto.", "How nice.")], "In which city does she live?", [], "porto"),
)
"""Past turns, a question, its notes, and a word of the right answer."""
LIKELY = 0.5
"""Relevance below which a question refers to what was said before, or to nothing that is known."""
FOCUS = 0.5
"""Share of the best score that a memory reaches which is shown to a model that copies replies."""
KNOWN = 0.5
"""Share of the words of a statement, weighted by rarity, that a memory holds which is shown."""


def reads_turns(chat: "BaseChatModel", any_turns: bool) -> bool:
    """Tell whether a model reads past turns without copying its replies.

    The first use of past turns checks it, and the result is stored in `past-turns.json` in the home
    folder. Before there is any, all models do but the one that is known to be weak. A model without
    a server of its own is trusted.
    """
    if not constrains_output(chat):
        return True
    if not any_turns:
        return not is_weak(chat)
    try:
        return checked(chat, FILE, _passes)
    except UserError as error:  # the next turn checks again
        logger.warning("whether the model reads past turns is unknown: %s", error)
        return True


def _passes(chat: "BaseChatModel") -> bool:
    """Check that a model answers from the notes after bad replies, and from the turn before.

    Raises:
        ModelUnavailable: the server does not answer.
    """
    for turns, question, notes, word in CASES:
        with translated():
            message = chat.invoke(render(question, notes, instructions=ASSISTANT, turns=turns))
        if word not in split_message(message).answer.casefold():
            return False
    return True


def context_of(question: str, turns: Turns) -> str:
    """Return what the user said before a question, by which it may be understood; else nothing."""
    return turns[-1][0] if turns and asks(question) else ""


def refers_back(found: Recollection) -> bool:
    """Tell whether a question that found this may be about what was said before it."""
    return bool(found.candidates) and found.relevance < LIKELY


def widened(budget: Budget) -> Budget:
    """Return the budget of a recall that is focused afterwards."""
    return replace(budget, k=2 * budget.k, tokens=2 * budget.tokens)


def focused(found: Recollection, budget: Budget, *, stated: bool = False) -> Recollection:
    """Return the memories that are nearly as good as the best, without the turns beside them.

    Of versions the newest is shown. For what is `stated` rather than asked only those count that
    hold much of it: else the model would reply with an old memory. Lessons stay.
    """
    hits = [hit for hit in found.hits if CONTEXT not in hit.why]
    best = max((hit.score for hit in hits if not _is_taught(hit)), default=0.0)
    near = [hit for hit in hits if _is_taught(hit) or hit.score >= FOCUS * best]
    if stated:
        near = [hit for hit in near if _is_taught(hit) or _words(hit) >= KNOWN]
    near = [hit for hit in near if not any(_replaces(newer, hit) for newer in near)]
    near.sort(key=lambda hit: (_is_taught(hit), hit.score), reverse=True)
    chosen = select(near, budget.k, budget.tokens)
    return replace(found, hits=tuple(sorted(chosen, key=lambda hit: hit.record.moment)))


def _is_taught(hit: Hit) -> bool:
    return not {"taught", "led"}.isdisjoint(hit.why)


def _words(hit: Hit) -> float:
    return hit.why.get("words", 0.0)


def _replaces(newer: Hit, hit: Hit) -> bool:
    """Tell whether a hit is an older version of another, which holds as much of the question."""
    return (
        hit.why.get("outdated", 0.0) >= OUTDATED
        and _words(newer) >= _words(hit) - 1e-9
        and newer.record.moment > hit.record.moment
    )
