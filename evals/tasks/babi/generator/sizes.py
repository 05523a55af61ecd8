"""Stories of things that fit inside others: task 18."""

import random
from collections.abc import Callable, Sequence

from memagent.evals.tasks.babi.generator.story import QUESTIONS, Story

Pair = tuple[str, str]
SMALL = ("box of chocolates", "chocolate")
BIG = ("box", "chest", "container", "suitcase")
MORE_BIG = ("basket", "crate", "drawer", "parcel", "sack", "trunk")
"""Things of longer stories."""
ASIDES = ("barn", "van", "wardrobe", "bucket", "kettle", "teacup")
"""Things nobody asks about, from big to small."""


def sizes(story: Story) -> None:
    """Tell what is bigger than what, and ask what follows from two of the lines (task 18)."""
    rng = story.rng
    big = [*BIG, *MORE_BIG] if (story.length or 0) > 10 else list(BIG)
    rng.shuffle(big)
    order = [*big, *SMALL]
    pairs = _statements(rng, order, story.length)
    lines = story.mix([_sentence(rng, *pair) for pair in pairs], _asides(rng))
    first = dict(reversed(list(zip(pairs, lines, strict=True))))
    can = _between(pairs)
    for _ in range(QUESTIONS):
        large, small = rng.choice(sorted(can))
        middle = can[large, small]
        supports = (first[large, middle], first[middle, small])
        yes = rng.random() < 0.5
        one, two = (large, small) if yes else (small, large)
        answer = "yes" if yes else "no"
        if rng.random() < 0.5:
            story.ask(f"Is the {one} bigger than the {two}?", answer, supports)
        else:
            story.ask(f"Does the {two} fit in the {one}?", answer, supports)


def _statements(rng: random.Random, order: Sequence[str], length: int | None) -> list[Pair]:
    """Draw pairs of a bigger and a smaller thing until something follows from two of them.

    With no length it is five pairs, or ten where nothing follows from five.
    """
    while True:
        pairs: list[Pair] = []
        for count in (5, 10) if length is None else (length,):
            while len(pairs) < count:
                one, two = sorted(rng.sample(range(len(order)), 2))
                pairs.append((order[one], order[two]))
            if _between(pairs):
                return pairs


def _between(pairs: Sequence[Pair]) -> dict[Pair, str]:
    """Return the pairs that follow from two lines, each with the only thing in between.

    A pair that one line tells is left out: its answer would need no reasoning.
    """
    middles: dict[Pair, set[str]] = {}
    for large, middle in pairs:
        for other, small in pairs:
            if other == middle:
                middles.setdefault((large, small), set()).add(middle)
    return {
        pair: next(iter(found))
        for pair, found in middles.items()
        if len(found) == 1 and pair not in pairs
    }


def _sentence(rng: random.Random, large: str, small: str) -> str:
    """Say it from either end."""
    if rng.random() < 0.5:
        return f"The {large} is bigger than the {small}."
    return f"The {small} fits inside the {large}."


def _asides(rng: random.Random) -> Callable[[], str]:
    def aside() -> str:
        index = rng.randrange(len(ASIDES) - 1)
        return _sentence(rng, ASIDES[index], ASIDES[index + 1])

    return aside
