"""Stories of people who move about: tasks 1 and 9 to 13."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from memagent.evals.tasks.babi.generator.story import (
    AFTER,
    BYSTANDERS,
    DOUBTFUL,
    PEOPLE,
    PLACES,
    QUESTIONS,
    TOWN,
    WOMEN,
    Story,
    move_text,
    walkers,
)
from memagent.evals.tasks.babi.generator.world import Action, Knowledge, World


@dataclass(frozen=True, slots=True)
class Statement:
    """The last statement about a person: there, at one of two places, or not there.

    An earlier line about the same person says nothing any more: people also move untold.
    """

    places: tuple[str, ...]
    line: int
    away: bool = False


def negation(story: Story) -> None:
    """Tell where people are and where they are not (task 9)."""
    _write(story, PEOPLE, PLACES, _deny)


def doubt(story: Story) -> None:
    """Tell where people are, or two places where they may be (task 10)."""
    _write(story, DOUBTFUL, TOWN, _either)


def _write(
    story: Story,
    people: Sequence[str],
    places: Sequence[str],
    other: Callable[[Story, World, str], Statement],
) -> None:
    world = World(rng=story.rng, people=people, places=places)
    statements: dict[str, Statement] = {}

    def unit() -> None:
        person, draw = story.rng.choice(people), story.rng.random()
        if draw > 0.75:
            statements[person] = other(story, world, person)
            return
        place = world.elsewhere(person)
        world.do(Action(kind="go", person=person, place=place))
        said = move_text(story.rng, person, place) if draw < 0.5 else f"{person} is in the {place}"
        statements[person] = Statement((place,), story.add(f"{said}."))

    for _ in range(QUESTIONS):
        story.block([unit] * story.pace(2), walkers(story.rng))
        person = story.recent({name: last.line for name, last in statements.items()})
        _ask(story, places, person, statements[person])


def _deny(story: Story, world: World, person: str) -> Statement:
    """Say that a person is not where they were, and move them."""
    left = world.place[person]
    world.do(Action(kind="go", person=person, place=world.elsewhere(person)))
    word = story.rng.choice(("not", "no longer"))
    return Statement((left,), story.add(f"{person} is {word} in the {left}."), away=True)


def _either(story: Story, world: World, person: str) -> Statement:
    """Move a person, and name the place and another one."""
    place = world.elsewhere(person)
    world.do(Action(kind="go", person=person, place=place))
    two = [place, story.rng.choice([one for one in world.places if one != place])]
    story.rng.shuffle(two)
    line = story.add(f"{person} is either in the {two[0]} or the {two[1]}.")
    return Statement(tuple(two), line)


def _ask(story: Story, places: Sequence[str], person: str, last: Statement) -> None:
    yes = "no" if last.away else "yes" if len(last.places) == 1 else "maybe"
    others = [place for place in places if place not in last.places]
    if last.away or story.rng.random() < 0.5:
        story.ask(f"Is {person} in the {story.rng.choice(last.places)}? ", yes, (last.line,))
    else:
        story.ask(f"Is {person} in the {story.rng.choice(others)}? ", "no", (last.line,))


ALONE, TOGETHER = 0.6, 0.35
"""Likelihood that a person is asked about, against the next later mover; fits the released."""


def one_fact(story: Story) -> None:
    """Tell single moves, and ask where somebody is (task 1)."""
    world, known = _start(story)

    def unit() -> None:
        action = world.act(())
        line = story.add(f"{move_text(story.rng, action.person, action.place)}.")
        known.learn(action, line)

    _five(story, known, [unit] * story.pace(2), walkers(story.rng), ALONE)


def pronouns(story: Story) -> None:
    """Tell two moves at a time, the second of "he" or "she" (task 11)."""
    world, known = _start(story)

    def unit() -> None:
        person = story.rng.choice(PEOPLE)
        _twice(story, world, known, [person], "she" if person in WOMEN else "he")

    _five(story, known, [unit] * -(-story.pace(2) // 2), walkers(story.rng), ALONE)


def pairs(story: Story) -> None:
    """Tell moves of two people together (task 12)."""
    world, known = _start(story)

    def unit() -> None:
        two = story.rng.sample(PEOPLE, 2)
        _go(story, world, known, two, " and ".join(two), ())

    _five(story, known, [unit] * story.pace(2), _couples(story), TOGETHER)


def pair_pronouns(story: Story) -> None:
    """Tell two moves at a time of two people, the second of "they" (task 13)."""
    world, known = _start(story)

    def unit() -> None:
        _twice(story, world, known, story.rng.sample(PEOPLE, 2), "they")

    _five(story, known, [unit] * -(-story.pace(2) // 2), _couples(story), TOGETHER)


def _start(story: Story) -> tuple[World, Knowledge]:
    return World(rng=story.rng, people=PEOPLE, places=PLACES), Knowledge()


def _five(
    story: Story,
    known: Knowledge,
    units: list[Callable[[], None]],
    aside: Callable[[], str],
    share: float,
) -> None:
    """Add the units and ask where a person is, five times."""
    for _ in range(QUESTIONS):
        story.block(units, aside)
        last = {person: place.lines[-1] for person, place in known.place.items()}
        place = known.place[person := story.recent(last, share)]
        story.ask(f"Where is {person}? ", place.name, place.lines)


def _twice(story: Story, world: World, known: Knowledge, people: list[str], pronoun: str) -> None:
    first = _go(story, world, known, people, " and ".join(people), ())
    _go(story, world, known, people, f"{story.rng.choice(AFTER)} {pronoun}", (first,))


def _go(
    story: Story,
    world: World,
    known: Knowledge,
    people: list[str],
    who: str,
    before: tuple[int, ...],
) -> int:
    place = world.elsewhere(*people)
    for person in people:
        world.do(Action(kind="go", person=person, place=place))
    line = story.add(f"{move_text(story.rng, who, place)}.")
    known.move(people, place, (*before, line))
    return line


def _couples(story: Story) -> Callable[[], str]:
    def aside() -> str:
        who = " and ".join(story.rng.sample(BYSTANDERS, 2))
        return f"{move_text(story.rng, who, story.rng.choice(PLACES))}."

    return aside
