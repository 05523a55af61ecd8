"""Stories of people who handle things: tasks 2, 3, 5, 6, 7 and 8."""

from collections.abc import Callable, Sequence

from memagent.evals.tasks.babi.generator.story import (
    DROP,
    GET,
    GIVE,
    GIVERS,
    PEOPLE,
    PLACES,
    QUESTIONS,
    THINGS,
    Story,
    handlers,
    move_text,
)
from memagent.evals.tasks.babi.generator.world import Action, Kind, Knowledge, World

NUMBERS = ("none", "one", "two", "three")
HANDLED: tuple[Kind, ...] = ("go", "get", "drop")
GIVEN: tuple[Kind, ...] = (*HANDLED, *("give",) * 5)
"""A gift is drawn more often, since it can seldom be done."""
LATEST = 0.8
"""Of the questions of task 3, the share that is about the last move."""
Ask = Callable[[Story, Knowledge, str], bool]


def two_facts(story: Story) -> None:
    """Ask where a thing is (task 2)."""
    _write(story, PEOPLE, HANDLED, _where_is, ready=0.65)


def three_facts(story: Story) -> None:
    """Ask where a thing was before (task 3)."""
    _write(story, PEOPLE, HANDLED, _where_was, ready=0.5, targets=THINGS, there=0.2)


def gifts(story: Story) -> None:
    """Ask who gave what to whom (task 5)."""
    _write(story, GIVERS, GIVEN, _gift, ready=0.8)


def yes_or_no(story: Story) -> None:
    """Ask whether somebody is somewhere (task 6)."""
    _write(story, PEOPLE, HANDLED, _is_there)


def counts(story: Story) -> None:
    """Ask how many things somebody carries (task 7)."""
    _write(story, PEOPLE, GIVEN, _how_many)


def lists(story: Story) -> None:
    """Ask what somebody carries (task 8)."""
    _write(story, PEOPLE, HANDLED, _which)


def _write(
    story: Story,
    people: Sequence[str],
    kinds: Sequence[Kind],
    ask: Ask,
    *,
    ready: float = 1.0,
    targets: Sequence[str] = ("",),
    there: float = 1.0,
) -> None:
    """Add a few actions and ask, five times; where nothing can be asked yet, tell a few more.

    The released stories' lengths suggest that where something can be asked, it is so only with the
    chance `ready`, and that the thing of task 3, of `targets`, is drawn first and waited for.
    `there` is how often somebody picks a thing up "there".
    """
    world = World(rng=story.rng, people=people, places=PLACES, things=THINGS)
    known, aside = Knowledge(), handlers(story.rng)

    def unit() -> None:
        action = world.act(kinds)
        known.learn(action, story.add(_text(story, action, there)))

    for _ in range(QUESTIONS):
        target = story.rng.choice(targets)
        story.block([unit] * story.pace(2), aside)
        while story.rng.random() >= ready or not ask(story, known, target):
            unit()
            unit()


def _text(story: Story, action: Action, there: float) -> str:
    rng, who, thing = story.rng, action.person, action.thing
    if action.kind == "go":
        return f"{move_text(rng, who, action.place)}."
    if action.kind == "give":
        return f"{who} {rng.choice(GIVE)} the {thing} to {action.other}."
    verbs, share = (GET, there) if action.kind == "get" else (DROP, 0.2)
    here = " there" if rng.random() < share else ""
    return f"{who} {rng.choice(verbs)} the {thing}{here}."


def _where_is(story: Story, known: Knowledge, _: str) -> bool:
    last_lines = {thing: max(place.lines) for thing in THINGS if (place := known.where(thing))}
    if not last_lines:
        return False
    thing = story.recent(last_lines)
    place = known.where(thing)
    assert place is not None
    story.ask(f"Where is the {thing}? ", place.name, place.lines)
    return True


def _where_was(story: Story, known: Knowledge, thing: str) -> bool:
    stays = known.stays.get(thing, [])
    if len(stays) < 2:
        return False
    index = len(stays) - 1
    if story.rng.random() > LATEST:
        name = stays[story.rng.randrange(1, len(stays))].name
        index = max(index for index, stay in enumerate(stays) if stay.name == name)
    before, after = stays[index - 1 : index + 1]
    supports = (known.handled[thing], *after.came, *before.seen)
    story.ask(
        f"Where was the {thing} before the {after.name}? ", before.name, dict.fromkeys(supports)
    )
    return True


def _gift(story: Story, known: Knowledge, _: str) -> bool:
    if known.gift is None:
        return False
    gift, line = known.gift
    giver, thing, receiver = gift.person, gift.thing, gift.other
    forms = (
        (f"Who gave the {thing}? ", giver),
        (f"Who gave the {thing} to {receiver}? ", giver),
        (f"Who received the {thing}? ", receiver),
        (f"Who did {giver} give the {thing} to? ", receiver),
        (f"What did {giver} give to {receiver}? ", thing),
    )
    (form,) = story.rng.choices(forms, weights=(1, 1, 1, 1, 2.3))
    story.ask(*form, (line,))
    return True


def _is_there(story: Story, known: Knowledge, _: str) -> bool:
    if not known.place:
        return False
    last_lines = {person: place.lines[-1] for person, place in known.place.items()}
    place = known.place[person := story.recent(last_lines)]
    if story.rng.random() < 0.5:
        story.ask(f"Is {person} in the {place.name}? ", "yes", place.lines)
    else:
        other = story.rng.choice([one for one in PLACES if one != place.name])
        story.ask(f"Is {person} in the {other}? ", "no", place.lines)
    return True


def _carrier(story: Story, known: Knowledge) -> str | None:
    if not known.hands:
        return None
    return story.recent({person: lines[-1] for person, lines in known.hands.items()})


def _how_many(story: Story, known: Knowledge, _: str) -> bool:
    person = _carrier(story, known)
    if person is None:
        return False
    number = NUMBERS[len(known.carries(person))]
    story.ask(f"How many objects is {person} carrying? ", number, known.hands[person])
    return True


def _which(story: Story, known: Knowledge, _: str) -> bool:
    person = _carrier(story, known)
    if person is None:
        return False
    things = ",".join(known.carries(person)) or "nothing"
    story.ask(f"What is {person} carrying? ", things, known.hands[person])
    return True
