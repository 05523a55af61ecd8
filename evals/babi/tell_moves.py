"""Stories of people who move about: tasks 1, 11, 12 and 13."""

from collections.abc import Callable

from memagent.evals.babi.knowledge import Knowledge
from memagent.evals.babi.story import QUESTIONS, Story
from memagent.evals.babi.words import (
    AFTER,
    BYSTANDERS,
    PEOPLE,
    PLACES,
    WOMEN,
    move_text,
    walkers,
)
from memagent.evals.babi.world import Action, World

ALONE, TOGETHER = 0.6, 0.35
"""How likely somebody is asked about, against the one who moved next later; fits the released."""


def one_fact(story: Story) -> None:
    """Tell single moves, and ask where somebody is (task 1)."""
    world, known = _start(story)

    def unit() -> None:
        action = world.act(())
        line = story.tell(f"{move_text(story.rng, action.person, action.place)}.")
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
    """Five times over, tell the units and ask where somebody is."""
    for _ in range(QUESTIONS):
        story.block(units, aside)
        told = {person: place.lines[-1] for person, place in known.place.items()}
        place = known.place[person := story.recent(told, share)]
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
    line = story.tell(f"{move_text(story.rng, who, place)}.")
    known.move(people, place, (*before, line))
    return line


def _couples(story: Story) -> Callable[[], str]:
    def aside() -> str:
        who = " and ".join(story.rng.sample(BYSTANDERS, 2))
        return f"{move_text(story.rng, who, story.rng.choice(PLACES))}."

    return aside
