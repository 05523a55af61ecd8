"""Stories of shapes above, below and beside one another: task 17."""

import random
from collections.abc import Callable

from memagent.evals.tasks.babi.generator.story import OPPOSITE, Story

SHAPES = ("blue square", "pink rectangle", "red sphere", "red square", "triangle", "yellow square")
MORE_SHAPES = ("blue rectangle", "green sphere", "orange square")
"""Shapes of longer stories."""
ASIDES = ("black circle", "brown star", "gray cross", "purple circle", "white star")
"""Shapes nobody asks about, from left to right."""
STEPS = {
    "above": (0, 1),
    "below": (0, -1),
    "to the right of": (1, 0),
    "to the left of": (-1, 0),
}
ASKED = 8


def positions(story: Story) -> None:
    """Tell where shapes are, each beside the one before; ask about the first and the last."""
    rng = story.rng
    usual = 2 if story.length is None else story.length
    names = rng.sample(SHAPES if usual < len(SHAPES) else (*SHAPES, *MORE_SHAPES), usual + 1)
    spots, sides = _walk(rng, usual)
    steps = list(zip(names[1:], sides, names, strict=False))
    rng.shuffle(steps)
    lines = story.mix([_sentence(rng, *step) for step in steps], _asides(rng))
    first, last = (names[0], spots[0]), (names[-1], spots[-1])
    for _ in range(ASKED):
        one, two = rng.sample((first, last), 2)
        right, up = one[1][0] - two[1][0], one[1][1] - two[1][1]
        yes = rng.random() < 0.5
        how = rng.choice([how for how, (x, y) in STEPS.items() if (right * x + up * y > 0) == yes])
        answer = "yes" if yes else "no"
        story.ask(f"Is the {one[0]} {how} the {two[0]}?", answer, lines)


def _walk(rng: random.Random, steps: int) -> tuple[list[tuple[int, int]], list[str]]:
    """Return the spots of a way that never crosses itself, and the side of each step."""
    while True:
        spots, sides = [(0, 0)], []
        for _ in range(steps):
            side = rng.choice(tuple(STEPS))
            spot = (spots[-1][0] + STEPS[side][0], spots[-1][1] + STEPS[side][1])
            if spot in spots:
                break
            spots.append(spot)
            sides.append(side)
        else:
            return spots, sides


def _sentence(rng: random.Random, one: str, how: str, two: str) -> str:
    """Say it from either end."""
    if rng.random() < 0.5:
        one, two, how = two, one, OPPOSITE[how]
    return f"The {one} is {how} the {two}."


def _asides(rng: random.Random) -> Callable[[], str]:
    def aside() -> str:
        index = rng.randrange(len(ASIDES) - 1)
        return _sentence(rng, ASIDES[index], "to the left of", ASIDES[index + 1])

    return aside
