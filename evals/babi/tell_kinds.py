"""Stories of animals with people's names: tasks 15 and 16."""

import random
from collections.abc import Sequence

from memagent.evals.babi.story import Story
from memagent.evals.babi.words import BYSTANDERS, COLOURED, FEARFUL, MORE_PEOPLE

PLURALS = {"cat": "cats", "mouse": "mice", "sheep": "sheep", "wolf": "wolves"}
SPECIES = ("frog", "lion", "rhino", "swan")
COLOURS = ("gray", "green", "white", "yellow")
OTHERS = ("badger", "heron", "tiger", "zebra")
"""Animals of asides."""
ASKED = 4


def fears(story: Story) -> None:
    """Tell what kinds are afraid of, and ask what somebody is afraid of (task 15)."""
    rng = story.rng
    count = len(FEARFUL) if story.length is None else max(1, story.length - len(PLURALS))
    people = _people(FEARFUL, count)
    kind = {person: rng.choice(tuple(PLURALS)) for person in people}
    fear = {one: rng.choice([other for other in PLURALS if other != one]) for one in PLURALS}
    facts = {person: f"{person} is a {kind[person]}." for person in people}
    facts |= {
        one: f"{PLURALS[one].capitalize()} are afraid of {PLURALS[fear[one]]}." for one in PLURALS
    }
    order = rng.sample(sorted(facts), len(facts))
    told = story.mix(
        [facts[one] for one in order],
        lambda: f"{rng.choice(BYSTANDERS)} is a {rng.choice(OTHERS)}.",
    )
    line = dict(zip(order, told, strict=True))
    for _ in range(ASKED):
        person = rng.choice(people)
        supports = (line[person], line[kind[person]])
        story.ask(f"What is {person.lower()} afraid of?", fear[kind[person]], supports)


def colours(story: Story) -> None:
    """Tell kinds and colours, and ask for a colour that was told of others only (task 16).

    All of a kind have one colour, so that the answer follows; in a tenth of the released stories
    others of the kind asked about differ, and the one whose kind was told last decides.
    """
    rng = story.rng
    count = len(COLOURED) if story.length is None else -(-(story.length + 1) // 2)
    people = _people(COLOURED, count)
    asked, like, *rest = rng.sample(people, len(people))
    colour = {one: rng.choice(COLOURS) for one in SPECIES}
    kind = {person: rng.choice(SPECIES) for person in (asked, *rest)}
    kind[like] = kind[asked]
    order = _order(rng, people, asked)
    told = story.mix(
        [
            f"{person} is a {kind[person]}." if first else f"{person} is {colour[kind[person]]}."
            for person, first in order
        ],
        lambda: f"{rng.choice(BYSTANDERS)} is a {rng.choice(OTHERS)}.",
    )
    line = dict(zip(order, told, strict=True))
    last = max(
        (person for person in people if person != asked and kind[person] == kind[asked]),
        key=lambda person: line[person, True],
    )
    supports = (line[asked, True], line[last, True], line[last, False])
    story.ask(f"What color is {asked}?", colour[kind[asked]], supports)


def _people(usual: Sequence[str], count: int) -> list[str]:
    return [*usual, *MORE_PEOPLE][:count]


def _order(rng: random.Random, people: Sequence[str], asked: str) -> list[tuple[str, bool]]:
    """Draw the order of (person, whether it is the kind); a colour comes after the kind."""
    left = {person: [True] if person == asked else [True, False] for person in people}
    order: list[tuple[str, bool]] = []
    while any(left.values()):
        person = rng.choice([one for one in people if left[one]])
        order.append((person, left[person].pop(0)))
    return order
