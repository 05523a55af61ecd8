"""Capability check: whether a model that is held to a JSON schema chooses well among tools.

A small model calls some tool whatever it is asked, also where its notes hold the answer. One that
fails the check is offered none: it answers as it would without tools, which it does better.
"""

import logging
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

from memagent.agent.tool_calling import Action, Mistake, choose
from memagent.errors import UserError
from memagent.models.capabilities import checked, constrains_output, supports_tools
from memagent.models.retry import failure_of
from memagent.prompts import ASSISTANT, render
from memagent.tools.calculator import calculator
from memagent.tools.dates import date_tools
from memagent.tools.execute import run_tool

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.tools import BaseTool

logger = logging.getLogger(__name__)

FILE = "tool-choice.json"
CASES: Sequence[tuple[str, Sequence[str], str | None, str]] = (
    ("What is Mira's cat called?", ["Mira's cat is called Pepper."], None, "pepper"),
    ("What is 12.5 times 17?", ["Mira's cat is called Pepper."], "calculator", "212.5"),
    ("Where does Jon work?", ["Jon works at the harbour."], None, "harbour"),
    ("Which day of the week was 3 May 1999?", ["Jon works at the harbour."], "weekday", "monday"),
)
"""Questions with notes, the tool that each needs, and a word of its result or of the answer."""


def chooses_tools(chat: "BaseChatModel") -> bool:
    """Tell whether a model can be offered tools; the first call asks it up to five times.

    One that calls tools natively can, and so can one that cannot be held to a schema, which a check
    would tell nothing about. The result is stored in `tool-choice.json` in the home folder.

    Raises:
        ModelUnavailable: the server does not answer.
    """
    if not constrains_output(chat) or supports_tools(chat):
        return True
    capable = checked(chat, FILE, _passes)
    if not capable:
        _warn(str(getattr(chat, "model_name", None) or type(chat).__name__))
    return capable


@cache
def _warn(model: str) -> None:
    """Warn once in a process for each model."""
    logger.warning(
        "%s chooses badly among tools, so it answers without them; delete %s in the home folder to"
        " check it again",
        model,
        FILE,
    )


def _passes(chat: "BaseChatModel") -> bool:
    """Check that a model calls a tool where it needs one, and answers from notes where not."""
    tools = [calculator(), *date_tools(lambda: date(2024, 2, 29))]
    return all(_passes_case(chat, tools, *case) for case in CASES)


def _passes_case(
    chat: "BaseChatModel",
    tools: "Sequence[BaseTool]",
    question: str,
    notes: Sequence[str],
    needed: str | None,
    word: str,
) -> bool:
    try:
        step = choose(chat, render(question, notes, instructions=ASSISTANT), tools)
    except UserError as error:
        if failure_of(error) == "refused":  # it takes no JSON schema, or not so long a prompt
            return False
        raise
    if isinstance(step, Mistake):
        return False
    if not isinstance(step, Action):
        return needed is None and word in step.text.casefold()
    if step.name != needed:
        return False
    (tool,) = [tool for tool in tools if tool.name == needed]
    return word in run_tool(tool, step.arguments).text.casefold()
