"""Trimming of turns to a model's context window, before the product's agent asks it.

The agent leaves out what it recalled itself where the context is too small; what an arm gives it as
evidence is shown whole or not, so that the arm trims it.
"""

import logging
from collections.abc import Sequence
from datetime import date

from langchain_core.language_models import BaseChatModel

from memagent.errors import ContextTooLong
from memagent.models.context_window import ContextWindow
from memagent.prompts import render
from memagent.types import Example

logger = logging.getLogger(__name__)
ANY_DAY = date(2000, 1, 1)
"""Date that leaves room for today's: all dates are written in the same length."""


class Trimmer:
    """Trimmer of texts to what fits into a model's context beside the rest of a prompt.

    It has a context window of its own, of which no answers change the estimate of tokens, so that
    the same texts are always trimmed alike. Where the length is not known, everything fits.
    """

    def __init__(
        self, model: BaseChatModel, instructions: str, examples: Sequence[Example]
    ) -> None:
        self._window = ContextWindow(model)
        self._instructions = instructions
        self._examples = examples

    def fitting(self, question: str, texts: Sequence[str]) -> int:
        """Return how many of the last texts fit, with the question and room for the answer."""
        least, most = 0, len(texts)
        number = most
        while least < most:
            if self._fits(question, texts[len(texts) - number :]):
                least = number
            else:
                most = number - 1
            number = (least + most + 1) // 2
        if least < len(texts):
            logger.info("%d of %d texts fit into the model's context", least, len(texts))
        return least

    def _fits(self, question: str, evidence: Sequence[str]) -> bool:
        messages = render(
            question,
            evidence,
            instructions=self._instructions,
            examples=self._examples,
            today=ANY_DAY,
        )
        try:
            self._window.check(messages)
        except ContextTooLong:
            return False
        return True
