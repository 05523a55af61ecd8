"""Stories that are told out of their order in time: task 14."""

from collections.abc import Callable

from memagent.evals.babi.story import QUESTIONS, Story
from memagent.evals.babi.words import BYSTANDERS, DOUBTFUL, MORE_PEOPLE, TIMES, TOWN, move_text

LATER = 0.25
"""How often the place after the next one is told first."""


def times(story: Story) -> None:
    """Tell where people went when, and ask where somebody was before (task 14)."""
    pace = story.pace(2)
    people = [*DOUBTFUL, *MORE_PEOPLE][: max(4, -(-pace * QUESTIONS // len(TIMES)) + 1)]
    route = {person: _route(story) for person in people}
    untold = {person: list(range(len(TIMES))) for person in people}
    told: dict[str, dict[int, int]] = {person: {} for person in people}
    aside = _asides(story)

    def unit() -> None:
        left = [one for one in people if untold[one]]
        if not left:
            return
        person = story.rng.choice(left)
        later = len(untold[person]) > 1 and story.rng.random() < LATER
        time = untold[person].pop(1 if later else 0)
        told[person][time] = story.tell(_text(story, person, route[person][time], time))

    for _ in range(QUESTIONS):
        story.block([unit] * pace, aside)
        while not _ask(story, route, told):
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


def _ask(story: Story, route: dict[str, list[str]], told: dict[str, dict[int, int]]) -> bool:
    """Ask about a place that was told last of its name, with the place just before it told too."""
    can = [
        (person, time)
        for person, lines in told.items()
        for time in lines
        if time - 1 in lines
        and not any(route[person][one] == route[person][time] for one in lines if one > time)
    ]
    if not can:
        return False
    person, time = story.rng.choice(can)
    before, place = route[person][time - 1 : time + 1]
    supports = (told[person][time], told[person][time - 1])
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
