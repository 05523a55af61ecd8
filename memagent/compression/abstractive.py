"""Notes that a chat model writes, of which only what the text supports is kept."""

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
from memagent.text.english import Span, content_words, stem

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

CLAIMS, NAMES = 3, 6
"""How many claims, and how many names and dates, a model is asked for at most."""
CLAIM_CHARS, NAME_CHARS = 160, 40
"""How long each may be: a small model does not come to an end by itself."""
SHARED = 0.6
"""The share of a claim's content words that its quote must hold."""


class Claim(BaseModel):
    """One thing that a text says, and the words with which it does."""

    claim: str = Field(max_length=CLAIM_CHARS)
    quote: str = Field(max_length=CLAIM_CHARS)


Name = Annotated[str, Field(max_length=NAME_CHARS)]


class Notes(BaseModel):
    """What the model is to answer with, by its server's JSON-schema decoding."""

    claims: list[Claim] = Field(max_length=CLAIMS)
    entities: list[Name] = Field(default_factory=list, max_length=NAMES)
    dates: list[Name] = Field(default_factory=list, max_length=NAMES)


@dataclass(frozen=True, kw_only=True, slots=True)
class NoteWriter:
    """Asks a chat model for claims, names and dates, each with its place in the text.

    A claim is dropped and counted if its quote is not in the text, or holds too few of its words; a
    name or a date, if the text does not hold it. What stays is cut to the budget, claims first.
    """

    chat: "BaseChatModel"

    @property
    def name(self) -> str:
        """What it is called in what it has made."""
        model = getattr(self.chat, "model_name", type(self.chat).__name__)
        return f"notes, {model}"

    def compress(
        self, text: str, budget: Budget, questions: Sequence[str] = ()
    ) -> Compressed | None:
        """Return the notes on a text, an empty one if nothing of them is supported.

        It is None if the model failed.

        Raises:
            ModelUnavailable: the model cannot be reached.
        """
        room = budget.chars(text)
        try:
            written = replies.structured(self.chat, notes_prompt(text, tokens_of(room)), Notes)
        except (StructuredOutputError, ContextTooLong):
            return None
        told, dropped = _supported(text, written)
        lines, kept = list[str](), list[tuple[str, str, Span]]()
        for kind, line, span in told:
            if len(line) + 1 <= room and line not in lines:
                lines.append(line)
                kept.append((kind, line, span))
                room -= len(line) + 1
        return Compressed(
            text="\n".join(lines),
            spans=tuple(span for _, _, span in kept),
            dropped=dropped,
            details={"kinds": [kind for kind, _, _ in kept]},
        )


def _supported(text: str, written: Notes) -> tuple[list[tuple[str, str, Span]], int]:
    """Return what a text supports, as (kind, line, place), and how much it does not."""
    found = list(_checked(text, written))
    told = [(kind, line, span) for kind, line, span in found if span is not None]
    return told, len(found) - len(told)


def _checked(text: str, written: Notes) -> Iterator[tuple[str, str, Span | None]]:
    for claim in written.claims:
        line = " ".join(claim.claim.split())
        span = find_quote(text, claim.quote)
        fits = bool(line) and span is not None and support(line, span.of(text)) >= SHARED
        yield "claim", line, span if fits else None
    for kind, given in (("entity", written.entities), ("date", written.dates)):
        for name in given:
            yield kind, " ".join(name.split()), find_quote(text, name)


def find_quote(text: str, quote: str) -> Span | None:
    """Return where a text holds a quote, whatever its spaces and capitals; None if nowhere."""
    words = quote.split()
    if not words:
        return None
    pattern = r"(?<!\w)" + r"\s+".join(map(re.escape, words)) + r"(?!\w)"
    found = re.search(pattern, text, re.IGNORECASE)
    return Span(*found.span()) if found else None


def support(claim: str, quote: str) -> float:
    """Return the share of a claim's content words that a quote holds; 0 for a claim of none.

    It is 0, too, for a claim with a number that is not in the quote.
    """
    wanted = {stem(word) for word in content_words(claim)}
    held = {stem(word) for word in content_words(quote)}
    if any(letter.isdigit() for word in wanted - held for letter in word):
        return 0.0
    return len(wanted & held) / len(wanted) if wanted else 0.0
