"""A draft of the answer, to search with: its words may be nearer to what is stored."""

from typing import TYPE_CHECKING

from memagent import models, replies
from memagent.prompts import SHORT_ANSWER, render

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


def draft(question: str, model: "str | BaseChatModel") -> str:
    """Return what a model answers without a memory: a query, never evidence.

    `model` is what `open_chat` takes. After Adapt-Retrieve-Revise (Wan et al. 2024), where a model
    of the domain drafts; one that knows nothing of it drafts words that lead astray (docs/log.md).

    Raises:
        ModelUnavailable: the model's server does not answer.
    """
    messages = render(question, (), instructions=SHORT_ANSWER)
    told = replies.reply(models.open_chat(model), messages)
    return "".join(text for text, _ in told).strip()
