"""What compresses a text, how far, and what comes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from memagent.errors import InvalidInput
from memagent.stores.ranking import tokens_of
from memagent.text.english import Span


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """How long a compressed text may be: a share of its source, a number of tokens, or the less.

    Tokens are of four characters. The ratio leaves `least` tokens, where there are so many.

    Raises:
        InvalidInput: the ratio is not above 0 and at most 1, or the tokens are not positive.
    """

    ratio: float | None = 0.25
    tokens: int | None = None
    min_tokens: int = 0

    def __post_init__(self) -> None:
        if self.ratio is None and self.tokens is None:
            raise InvalidInput("a budget is a ratio, a number of tokens, or both")
        if self.ratio is not None and not 0 < self.ratio <= 1:
            raise InvalidInput(f"the ratio must be above 0 and at most 1, not {self.ratio}")
        if self.tokens is not None and self.tokens < 1:
            raise InvalidInput(f"the budget must be at least 1 token, not {self.tokens}")

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
    """What a text became, and from where in it.

    `spans` are the places in the source that it rests on, in order. `dropped` counts what a model
    claimed that the source does not say; `details` is what else is known of it, as JSON.
    """

    text: str
    spans: tuple[Span, ...] = ()
    dropped: int = 0
    details: Mapping[str, Any] | None = None

    @property
    def tokens(self) -> int:
        """About how many tokens it has."""
        return tokens_of(len(self.text))


class Compressor(Protocol):
    """Makes a text short; `name` says how, settings included, and two of one name do the same."""

    @property
    def name(self) -> str:
        """What it is called in what it has made."""
        ...

    def compress(
        self, text: str, budget: Budget, questions: Sequence[str] = ()
    ) -> Compressed | None:
        """Return a text within the budget, an empty one or None if nothing of use came of it.

        `questions` are some that the text answers.
        """
        ...
