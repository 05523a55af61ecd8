"""Budget of a recall: how many memories a chat model is shown, and how long they are together."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memagent.models.open_chat import EMBEDDED
from memagent.models.weights import SMOLLM2
from memagent.profile.lines import TOKENS as PROFILE_TOKENS
from memagent.recall.strategy import RECORDS, TOKENS

WEAK_RECORDS = 3
"""Records that the embedded model is shown at most."""
WEAK_TOKENS = 60
"""Tokens of these: three turns or facts, or one sentence of a passage. It reads a sentence better
than the passage around it, and one right memory better than five with a right one among them."""
WEAK_PROFILE = 0
"""Tokens of the profile that the embedded model is shown. Two or three lines of 30 tokens made it
follow no more preferences, and answer fewer questions about other things."""
PROFILE_PART = 4
"""The profile has at most one token for so many of the memories."""
MAX_SHARE = 0.25
"""Share of a model's context that memories take at most."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Records shown at most, the tokens (of about four characters) of their texts, and their dates.

    Without `dates` the lines have none, and neither has the question. `profile` are the tokens of
    the lines about the user, at most.
    """

    k: int
    tokens: int
    dates: bool = True
    profile: int = PROFILE_TOKENS


def budget_of(
    chat: Any, context: int | None, k: int | None = None, tokens: int | None = None
) -> Budget:
    """Return how much a chat model is shown, where `k` and `tokens` do not say.

    The embedded model gets few. `context` are the tokens of the model's context, None if unknown;
    without `tokens` memories take at most a quarter of it. The profile, of which the embedded model
    gets none, comes on top.
    """
    if k is None:
        k = WEAK_RECORDS if is_weak(chat) else RECORDS
    if tokens is None:
        most = WEAK_TOKENS if is_weak(chat) else TOKENS
        room = most if context is None else int(MAX_SHARE * context)
        tokens = max(1, min(most, room))
    profile = WEAK_PROFILE if is_weak(chat) else min(PROFILE_TOKENS, tokens // PROFILE_PART)
    return Budget(k, tokens, dates=not is_weak(chat), profile=profile)


def is_weak(chat: Any) -> bool:
    """Tell whether a chat model is known to read many memories worse than few."""
    embedded = getattr(chat, "server_id", None) == EMBEDDED
    return embedded and getattr(chat, "model_name", None) == Path(SMOLLM2.inside).stem
