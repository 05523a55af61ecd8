"""Abstractive compressor: notes by a chat model, reduced to what the text supports."""

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, Field

from memagent.compression.base import Budget, Compressed
from memagent.errors import ContextTooLong, StructuredOutputError
from memagent.models import replies
from memagent.prompts import notes_prompt
from memagent.stores.ranking import tokens_of
from memagent.text.english import content_words, stem
from memagent.text.sentences import Span

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

logger = logging.getLogger(__name__)

MAX_CLAIMS, MAX_NAMES = 3, 6
"""The limits on claims, and on names and on dates, in one reply."""
CLAIM_CHARS, NAME_CHARS = 160, 40
"""The length limits of a claim or quote, and of a name: a small model may not stop by itself."""
MIN_SUPPORT = 0.6
"""The share of a claim's content words that its quote must hold."""


# The docstrings of both models are parts of the JSON schema that the model's server receives.
class Claim(BaseModel):
    """One thing that a text says, and the words with which it does."""

    claim: str = Field(max_length=CLAIM_CHARS)
    quote: str = Field(max_length=CLAIM_CHARS)


Name = Annotated[str, Field(max_length=NAME_CHARS)]


class Notes(BaseModel):
    """What the model is to answer with, by its server's JSON-schema decoding."""

    claims: list[Claim] = Field(max_length=MAX_CLAIMS)
    entities: list[Name] = Field(default_factory=list, max_length=MAX_NAMES)
    dates: list[Name] = Field(default_factory=list, max_length=MAX_NAMES)


@dataclass(frozen=True, kw_only=True, slots=True)
class NoteWriter:
    """Compressor that asks a chat model for claims, names and dates, and checks each of them.

    A claim is dropped and counted if the text does not hold its quote, or if the quote holds too
    few of its words; a name or a date, if the text does not hold it. The rest is cut to the budget,
    claims first.
    """

    chat: "BaseChatModel"

    @property
    def name(self) -> str:
        """The name stored with each note: the method and the model."""
        model = getattr(self.chat, "model_name", type(self.chat).__name__)
        return f"notes, {model}"

    def compress(
        self, text: str, budget: Budget, questions: Sequence[str] = ()
    ) -> Compressed | None:
        """Return the notes on a text, with an empty text if none is supported.

        Returns None if the model gave no valid reply, or if the text exceeds its context window.

        Raises:
            ModelUnavailable: the model cannot be reached.
        """
        left = budget.chars(text)
        try:
            notes = replies.structured(self.chat, notes_prompt(text, tokens_of(left)), Notes)
        except (StructuredOutputError, ContextTooLong) as error:
            logger.warning("no note: %s", type(error).__name__)
            return None
        supported, dropped = _supported(text, notes)
        lines, kept = list[str](), list[tuple[str, str, Span]]()
        for kind, line, span in supported:
            if len(line) + 1 <= left and line not in lines:
                lines.append(line)
                kept.append((kind, line, span))
                left -= len(line) + 1
        return Compressed(
            text="\n".join(lines),
            spans=tuple(span for _, _, span in kept),
            dropped=dropped,
            details={"kinds": [kind for kind, _, _ in kept]},
        )


def _supported(text: str, notes: Notes) -> tuple[list[tuple[str, str, Span]], int]:
    """Return the notes that a text supports, as (kind, line, place), and the number of others."""
    checked = list(_checked(text, notes))
    supported = [(kind, line, span) for kind, line, span in checked if span is not None]
    return supported, len(checked) - len(supported)


def _checked(text: str, notes: Notes) -> Iterator[tuple[str, str, Span | None]]:
    """Yield each note as (kind, line, place), with None for the place of an unsupported one."""
    for claim in notes.claims:
        line = " ".join(claim.claim.split())
        span = find_quote(text, claim.quote)
        fits = bool(line) and span is not None and support(line, span.of(text)) >= MIN_SUPPORT
        yield "claim", line, span if fits else None
    for kind, found in (("entity", notes.entities), ("date", notes.dates)):
        for name in found:
            yield kind, " ".join(name.split()), find_quote(text, name)


def find_quote(text: str, quote: str) -> Span | None:
    """Return the place of a quote in a text, ignoring case and spacing, or None without one."""
    words = quote.split()
    if not words:
        return None
    pattern = r"(?<!\w)" + r"\s+".join(map(re.escape, words)) + r"(?!\w)"
    found = re.search(pattern, text, re.IGNORECASE)
    return Span(*found.span()) if found else None


def support(claim: str, quote: str) -> float:
    """Return the share of a claim's content words that a quote holds, in [0, 1].

    It is 0 for a claim without content words, and for one with a number that the quote lacks.
    """
    claimed = {stem(word) for word in content_words(claim)}
    quoted = {stem(word) for word in content_words(quote)}
    if any(letter.isdigit() for word in claimed - quoted for letter in word):
        return 0.0
    return len(claimed & quoted) / len(claimed) if claimed else 0.0
