"""Stories that deny, or leave open, where people are: tasks 9 and 10."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from memagent.evals.babi.story import QUESTIONS, Story
from memagent.evals.babi.words import DOUBTFUL, PEOPLE, PLACES, TOWN, move_text, walkers
from memagent.evals.babi.world import Action, World


@dataclass(frozen=True, slots=True)
class Told:
    """The last that was told of a person: there, at one of two places, or not there.

    An earlier line about the same person says nothing any more: people also move untold.
    """

    places: tuple[str, ...]
    line: int
    away: bool = False


def negation(story: Story) -> None:
    """Tell where people are and where they are not (task 9)."""
    _tell(story, PEOPLE, PLACES, _deny)


def doubt(story: Story) -> None:
    """Tell where people are, or two places where they may be (task 10)."""
    _tell(story, DOUBTFUL, TOWN, _either)


def _tell(
    story: Story,
    people: Sequence[str],
    places: Sequence[str],
    other: Callable[[Story, World, str], Told],
) -> None:
    world = World(rng=story.rng, people=people, places=places)
    told: dict[str, Told] = {}

    def unit() -> None:
        person, draw = story.rng.choice(people), story.rng.random()
        if draw > 0.75:
            told[person] = other(story, world, person)
            return
        place = world.elsewhere(person)
        world.do(Action(kind="go", person=person, place=place))
        said = move_text(story.rng, person, place) if draw < 0.5 else f"{person} is in the {place}"
        told[person] = Told((place,), story.tell(f"{said}."))

    for _ in range(QUESTIONS):
        story.block([unit] * story.pace(2), walkers(story.rng))
        person = story.recent({one: last.line for one, last in told.items()})
        _ask(story, places, person, told[person])


def _deny(story: Story, world: World, person: str) -> Told:
    """Say that somebody is not where they were, and move them."""
    left = world.place[person]
    world.do(Action(kind="go", person=person, place=world.elsewhere(person)))
    word = story.rng.choice(("not", "no longer"))
    return Told((left,), story.tell(f"{person} is {word} in the {left}."), away=True)


def _either(story: Story, world: World, person: str) -> Told:
    """Move somebody, and name the place and another one."""
    place = world.elsewhere(person)
    world.do(Action(kind="go", person=person, place=place))
    two = [place, story.rng.choice([one for one in world.places if one != place])]
    story.rng.shuffle(two)
    line = story.tell(f"{person} is either in the {two[0]} or the {two[1]}.")
    return Told(tuple(two), line)


def _ask(story: Story, places: Sequence[str], person: str, told: Told) -> None:
    yes = "no" if told.away else "yes" if len(told.places) == 1 else "maybe"
    others = [place for place in places if place not in told.places]
    if told.away or story.rng.random() < 0.5:
        story.ask(f"Is {person} in the {story.rng.choice(told.places)}? ", yes, (told.line,))
    else:
        story.ask(f"Is {person} in the {story.rng.choice(others)}? ", "no", (told.line,))
