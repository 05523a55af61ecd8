"""Stories of places beside one another: tasks 4 and 19."""

import random
from collections.abc import Iterable
from itertools import pairwise

from memagent.evals.tasks.babi.generator.story import (
    MORE_PLACES,
    OPPOSITE,
    PLACES,
    Story,
    neighbours,
)

Spot = tuple[int, int]
STEPS = {"north": (0, 1), "south": (0, -1), "east": (1, 0), "west": (-1, 0)}


def neighbour(story: Story) -> None:
    """Tell of places in one line, and ask what is beside one of them (task 4)."""
    rng = story.rng
    usual = 2 if story.length is None else story.length
    row = rng.sample((*PLACES, *MORE_PLACES) if usual > len(PLACES) - 1 else PLACES, usual + 1)
    side = rng.choice(tuple(STEPS))
    pairs = list(pairwise(row))
    rng.shuffle(pairs)
    lines = story.mix([_sentence(rng, one, side, two) for one, two in pairs], neighbours(rng))
    chosen = rng.randrange(usual)
    (one, two), line = pairs[chosen], lines[chosen]
    if rng.random() < 0.5:
        one, two, side = two, one, OPPOSITE[side]
    if rng.random() < 0.5:
        story.ask(f"What is {side} of the {two}?", one, (line,))
    else:
        story.ask(f"What is the {two} {OPPOSITE[side]} of?", one, (line,))


def path(story: Story) -> None:
    """Tell of places on a map, and ask the way between two that are two steps apart (task 19)."""
    rng = story.rng
    usual = 5 if story.length is None else story.length
    names = rng.sample((*PLACES, *MORE_PLACES) if usual > len(PLACES) - 1 else PLACES, usual + 1)
    tree = _tree(rng, names)
    lines = dict(
        zip(
            tree,
            story.mix(
                [_sentence(rng, one, side, two) for (one, two), side in tree.items()],
                neighbours(rng),
            ),
            strict=True,
        )
    )
    beside = {name: sorted(_beside(tree, name)) for name in names}
    middle = rng.choice([name for name in names if len(beside[name]) > 1])
    start, end = rng.sample(beside[middle], 2)
    letters, supports = [], []
    for one, two in ((middle, start), (end, middle)):
        if (one, two) in tree:
            letters.append(tree[one, two][0])
            supports.append(lines[one, two])
        else:
            letters.append(OPPOSITE[tree[two, one]][0])
            supports.append(lines[two, one])
    story.ask(f"How do you go from the {start} to the {end}?", ",".join(letters), supports)


def _tree(rng: random.Random, names: list[str]) -> dict[tuple[str, str], str]:
    """Place names on a grid, and return for each new one its neighbour and on which side it is.

    The order is shuffled. As in the released stories, the places do not all lie along one way.
    """
    while True:
        spots: dict[Spot, str] = {(0, 0): names[0]}
        pairs: dict[tuple[str, str], str] = {}
        for name in names[1:]:
            free = [
                (spot, side)
                for spot in spots
                for side, step in STEPS.items()
                if _add(spot, step) not in spots
            ]
            spot, side = rng.choice(free)
            pairs[name, spots[spot]] = side
            spots[_add(spot, STEPS[side])] = name
        if len(names) < 4 or any(len(list(_beside(pairs, name))) > 2 for name in names):
            order = list(pairs.items())
            rng.shuffle(order)
            return dict(order)


def _add(spot: Spot, step: Spot) -> Spot:
    return spot[0] + step[0], spot[1] + step[1]


def _beside(pairs: Iterable[tuple[str, str]], name: str) -> Iterable[str]:
    for one, two in pairs:
        if name in (one, two):
            yield two if name == one else one


def _sentence(rng: random.Random, one: str, side: str, two: str) -> str:
    """Say it from either end."""
    if rng.random() < 0.5:
        one, two, side = two, one, OPPOSITE[side]
    return f"The {one} is {side} of the {two}."
