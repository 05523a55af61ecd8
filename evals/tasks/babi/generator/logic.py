"""Stories of deduction, induction, times and motives: tasks 14, 15, 16 and 20."""

import random
from collections.abc import Callable, Sequence

from memagent.evals.tasks.babi.generator.story import (
    BYSTANDERS,
    COLOURED,
    DOUBTFUL,
    FEARFUL,
    GET,
    MORE_PEOPLE,
    MOVED,
    QUESTIONS,
    TIMES,
    TOWN,
    Story,
    move_text,
    walkers,
)

NEEDS = {
    "bored": ("garden", "football"),
    "hungry": ("kitchen", "apple"),
    "thirsty": ("kitchen", "milk"),
    "tired": ("bedroom", "pajamas"),
}


def motives(story: Story) -> None:
    """Tell how people feel and what they do about it; ask why, after every line (task 20)."""
    rng = story.rng
    count = len(MOVED) if story.length is None else max(1, -(-story.length // 2))
    people = [*MOVED, *MORE_PEOPLE][:count]
    mood = {person: rng.choice(tuple(NEEDS)) for person in people}
    left = {person: ["feel", "go", "get"] for person in people}
    felt: dict[str, int] = {}
    taken: set[str] = set()
    aside = walkers(rng)
    while going := [person for person in people if left[person]]:
        person = rng.choice(going)
        step, name = left[person].pop(0), person.lower()
        place, thing = NEEDS[mood[person]]
        if step == "get" and thing in taken:
            continue
        for _ in range(story.distractors):
            story.add(aside())
        if step == "feel":
            felt[person] = story.add(f"{person} is {mood[person]}.")
            story.ask(f"Where will {name} go?", place, (felt[person],))
        elif step == "go":
            story.add(f"{move_text(rng, person, place)}.")
            story.ask(f"Why did {name} go to the {place}?", mood[person], (felt[person],))
        else:
            taken.add(thing)
            story.add(f"{person} {rng.choice(GET)} the {thing} there.")
            story.ask(f"Why did {name} get the {thing}?", mood[person], (felt[person],))


LATER = 0.25
"""Share of cases in which the place after the next one comes first."""


def times(story: Story) -> None:
    """Tell where people went when, and ask where somebody was before (task 14)."""
    pace = story.pace(2)
    people = [*DOUBTFUL, *MORE_PEOPLE][: max(4, -(-pace * QUESTIONS // len(TIMES)) + 1)]
    route = {person: _route(story) for person in people}
    untold = {person: list(range(len(TIMES))) for person in people}
    lines_of: dict[str, dict[int, int]] = {person: {} for person in people}
    aside = _asides(story)

    def unit() -> None:
        left = [one for one in people if untold[one]]
        if not left:
            return
        person = story.rng.choice(left)
        later = len(untold[person]) > 1 and story.rng.random() < LATER
        time = untold[person].pop(1 if later else 0)
        lines_of[person][time] = story.add(_text(story, person, route[person][time], time))

    for _ in range(QUESTIONS):
        story.block([unit] * pace, aside)
        while not _ask(story, route, lines_of):
            unit()


def _route(story: Story) -> list[str]:
    """Return four places, no two the same one after the other."""
    route: list[str] = []
    for _ in TIMES:
        route.append(story.rng.choice([one for one in TOWN if one not in route[-1:]]))
    return route


def _text(story: Story, person: str, place: str, time: int) -> str:
    move, when = move_text(story.rng, person, place), TIMES[time]
    return f"{move} {when}." if story.rng.random() < 0.5 else f"{when.capitalize()} {move}."


def _ask(story: Story, route: dict[str, list[str]], lines_of: dict[str, dict[int, int]]) -> bool:
    """Ask about the last mention of a place, where the place just before it is mentioned too."""
    can = [
        (person, time)
        for person, lines in lines_of.items()
        for time in lines
        if time - 1 in lines
        and not any(route[person][one] == route[person][time] for one in lines if one > time)
    ]
    if not can:
        return False
    person, time = story.rng.choice(can)
    before, place = route[person][time - 1 : time + 1]
    supports = (lines_of[person][time], lines_of[person][time - 1])
    story.ask(f"Where was {person} before the {place}? ", before, supports)
    return True


def _asides(story: Story) -> Callable[[], str]:
    """Return asides in which a bystander is at one place a time."""
    left = [(person, time) for person in BYSTANDERS for time in range(len(TIMES))]
    story.rng.shuffle(left)

    def aside() -> str:
        person, time = left.pop()
        return _text(story, person, story.rng.choice(TOWN), time)

    return aside


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
    numbers = story.mix(
        [facts[one] for one in order],
        lambda: f"{rng.choice(BYSTANDERS)} is a {rng.choice(OTHERS)}.",
    )
    line = dict(zip(order, numbers, strict=True))
    for _ in range(ASKED):
        person = rng.choice(people)
        supports = (line[person], line[kind[person]])
        story.ask(f"What is {person.lower()} afraid of?", fear[kind[person]], supports)


def colours(story: Story) -> None:
    """Write kinds and colours, and ask for a colour that only others have a line for (task 16).

    All of a kind have one colour, so that the answer follows; in a tenth of the released stories
    others of the kind asked about differ, and the one whose kind comes last decides.
    """
    rng = story.rng
    count = len(COLOURED) if story.length is None else -(-(story.length + 1) // 2)
    people = _people(COLOURED, count)
    asked, like, *rest = rng.sample(people, len(people))
    colour = {one: rng.choice(COLOURS) for one in SPECIES}
    kind = {person: rng.choice(SPECIES) for person in (asked, *rest)}
    kind[like] = kind[asked]
    order = _order(rng, people, asked)
    numbers = story.mix(
        [
            f"{person} is a {kind[person]}." if first else f"{person} is {colour[kind[person]]}."
            for person, first in order
        ],
        lambda: f"{rng.choice(BYSTANDERS)} is a {rng.choice(OTHERS)}.",
    )
    line = dict(zip(order, numbers, strict=True))
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
