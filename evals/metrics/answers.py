"""Scores, as pure functions."""

import re
from collections.abc import Collection, Sequence

_WORD = re.compile(r"\w+")


def exact_mention(
    prediction: str, gold: Sequence[str], vocabulary: Collection[str], *, ordered: bool = False
) -> bool:
    """Tell whether a prediction mentions the gold answers and no other answer of the task.

    Small models answer in sentences ("Mary is in the garden."), so words outside the vocabulary do
    not count, while naming two places where one is right does. With `ordered` the mentions must
    come in the gold order.
    """
    answers = {word.lower() for word in (*vocabulary, *gold)}
    said = [word for word in _WORD.findall(prediction.lower()) if word in answers]
    wanted = [word.lower() for word in gold]
    return said == wanted if ordered else set(said) == set(wanted)


def mean(values: Sequence[float]) -> float:
    """Return the arithmetic mean, 0 for none."""
    return sum(values) / len(values) if values else 0.0
