"""Compressor protocol, the budget it keeps to, and its result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from memagent.errors import InvalidInput, shown
from memagent.stores.ranking import tokens_of
from memagent.text.sentences import Span


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """The limit on the length of a compressed text: a share of its source, a number of tokens.

    With both, the lower limit counts. A token is taken as four characters. The ratio never cuts a
    text below `min_tokens` tokens.

    Raises:
        InvalidInput: both are None, the ratio is outside (0, 1], or the tokens are not positive.
    """

    ratio: float | None = 0.25
    tokens: int | None = None
    min_tokens: int = 0

    def __post_init__(self) -> None:
        if self.ratio is None and self.tokens is None:
            raise InvalidInput("a budget takes a ratio, a number of tokens, or both")
        if self.ratio is not None and not 0 < self.ratio <= 1:
            raise InvalidInput(f"the ratio must be above 0 and at most 1, not {shown(self.ratio)}")
        if self.tokens is not None and self.tokens < 1:
            raise InvalidInput(f"the budget must be at least 1 token, not {shown(self.tokens)}")

    def chars(self, text: str) -> int:
        """Return how many characters a text may keep."""
        limits = [len(text)]
        if self.ratio is not None:
            limits.append(max(4 * self.min_tokens, int(self.ratio * len(text))))
        if self.tokens is not None:
            limits.append(4 * self.tokens)
        return min(limits)

    def __str__(self) -> str:
        parts = [] if self.ratio is None else [f"ratio {self.ratio:g}"]
        return ", ".join(parts + ([] if self.tokens is None else [f"{self.tokens} tokens"]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Compressed:
    """A compressed text and the places in its source.

    `spans` are the places in the source that support it, in order. `dropped` counts a model's
    claims that the source does not support; `details` holds further metadata, as JSON values.
    """

    text: str
    spans: tuple[Span, ...] = ()
    dropped: int = 0
    details: Mapping[str, Any] | None = None

    @property
    def tokens(self) -> int:
        """The approximate number of tokens."""
        return tokens_of(len(self.text))


class Compressor(Protocol):
    """Shortens texts; two compressors of the same `name` give the same results."""

    @property
    def name(self) -> str:
        """The name stored with each note, settings included."""
        ...

    def compress(
        self, text: str, budget: Budget, questions: Sequence[str] = ()
    ) -> Compressed | None:
        """Return a text within the budget; an empty one or None if nothing useful is left.

        `questions` are questions that the text answers.
        """
        ...
