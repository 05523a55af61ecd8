"""Stories for bAbI tasks 1 and 2, simulated and told in the released format.

People move, pick things up and drop them; the reader knows only what is told. A question is asked
when its answer follows from that, and its support is the lines it follows from.
"""

import random
from dataclasses import dataclass, field

GENERATED = (1, 2)
"""The tasks that can be generated."""
STORIES = 200
QUESTIONS = 5

PEOPLE = ("Daniel", "John", "Mary", "Sandra")
PLACES = ("bathroom", "bedroom", "garden", "hallway", "kitchen", "office")
THINGS = ("apple", "football", "milk")
GO = ("went to", "went back to", "travelled to", "journeyed to", "moved to")
GET = ("got", "took", "grabbed", "picked up")
DROP = ("left", "dropped", "discarded", "put down")


@dataclass(slots=True)
class World:
    """Where everybody is, and what of it the reader has been told.

    `told_place` gives a person's last told move (place, line); `told_thing` gives a thing's last
    told event: (holder, None, line) when held, (holder, place and line of the holder then, line)
    when dropped.
    """

    rng: random.Random
    place: dict[str, str]
    thing_place: dict[str, str]
    holder: dict[str, str] = field(default_factory=dict)
    told_place: dict[str, tuple[str, int]] = field(default_factory=dict)
    told_thing: dict[str, tuple[str, tuple[str, int] | None, int]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def tell(self, text: str) -> int:
        """Add a line to the story, and return its number."""
        self.lines.append(f"{len(self.lines) + 1} {text}")
        return len(self.lines)

    def go(self) -> None:
        """Somebody moves to another place."""
        person = self.rng.choice(PEOPLE)
        target = self.rng.choice([one for one in PLACES if one != self.place[person]])
        self.place[person] = target
        line = self.tell(f"{person} {self.rng.choice(GO)} the {target}.")
        self.told_place[person] = (target, line)

    def handle(self) -> bool:
        """Somebody picks something up or drops it, if that can be; tell whether it could."""
        person, thing = self.rng.choice(PEOPLE), self.rng.choice(THINGS)
        there = self.rng.choice((" there", ""))
        if self.holder.get(thing) == person:
            del self.holder[thing]
            self.thing_place[thing] = self.place[person]
            line = self.tell(f"{person} {self.rng.choice(DROP)} the {thing}{there}.")
            self.told_thing[thing] = (person, self.told_place.get(person), line)
            return True
        if thing not in self.holder and self.thing_place[thing] == self.place[person]:
            self.holder[thing] = person
            line = self.tell(f"{person} {self.rng.choice(GET)} the {thing}{there}.")
            self.told_thing[thing] = (person, None, line)
            return True
        return False

    def ask_person(self) -> None:
        """Ask where somebody is whose move was told."""
        person = self.rng.choice(sorted(self.told_place))
        place, line = self.told_place[person]
        self.tell(f"Where is {person}? \t{place}\t{line}")

    def ask_thing(self) -> bool:
        """Ask where a thing is, if that follows for any; tell whether it did."""
        known = {}
        for thing, (person, then, line) in self.told_thing.items():
            moved = self.told_place.get(person) if self.holder.get(thing) == person else then
            if moved is not None:
                known[thing] = (moved[0], line, moved[1])
        if not known:
            return False
        thing = self.rng.choice(sorted(known))
        place, line, moved_line = known[thing]
        self.tell(f"Where is the {thing}? \t{place}\t{line} {moved_line}")
        return True


def generate(number: int, *, seed: int, stories: int = STORIES) -> str:
    """Return the text of a file of stories for task 1 or 2; the same seed gives the same text."""
    rng = random.Random(f"babi-{number}-{seed}")
    tell = {1: _one_fact, 2: _two_facts}[number]
    return "".join(f"{line}\n" for _ in range(stories) for line in tell(rng))


def _world(rng: random.Random) -> World:
    place = {person: rng.choice(PLACES) for person in PEOPLE}
    return World(rng, place, {thing: rng.choice(PLACES) for thing in THINGS})


def _one_fact(rng: random.Random) -> list[str]:
    world = _world(rng)
    for _ in range(QUESTIONS):
        world.go()
        world.go()
        world.ask_person()
    return world.lines


def _two_facts(rng: random.Random) -> list[str]:
    world = _world(rng)
    asked = 0
    since = 0
    while asked < QUESTIONS:
        if since >= 3 and rng.random() < 0.5 and world.ask_thing():
            asked, since = asked + 1, 0
            continue
        if rng.random() < 0.5:
            world.go()
        elif not world.handle():
            continue
        since += 1
    return world.lines
