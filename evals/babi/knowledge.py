"""What a reader knows after every line of a story, and by which lines."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from memagent.evals.babi.world import Action


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere, and the lines that tell it."""

    name: str
    lines: tuple[int, ...]


@dataclass(slots=True)
class Stay:
    """A thing's time in one place: the moves that brought it there, and last showed it there."""

    name: str
    came: tuple[int, ...]
    seen: tuple[int, ...]


@dataclass(slots=True)
class Knowledge:
    """All that follows from the lines told so far; where anything was at first, nobody is told.

    `place` is where people are; `spot` where a thing was dropped; `stays` where it has been;
    `handled` the last line that handles it; `hands` the lines that changed what a person holds.
    """

    place: dict[str, Place] = field(default_factory=dict)
    holder: dict[str, str] = field(default_factory=dict)
    spot: dict[str, Place | None] = field(default_factory=dict)
    stays: dict[str, list[Stay]] = field(default_factory=dict)
    handled: dict[str, int] = field(default_factory=dict)
    hands: dict[str, list[int]] = field(default_factory=dict)
    gift: tuple[Action, int] | None = None

    def learn(self, action: Action, line: int) -> None:
        """Take in one line that tells an action."""
        person, thing = action.person, action.thing
        if action.kind == "go":
            self.move([person], action.place, (line,))
            return
        self.handled[thing] = line
        self.hands.setdefault(person, []).append(line)
        if action.kind == "give":
            self.hands.setdefault(action.other, []).append(line)
            self.holder[thing] = action.other
            self.gift = (action, line)
            return
        if person in self.place:
            self._stay(thing, self.place[person])
        if action.kind == "get":
            self.holder[thing] = person
        else:
            del self.holder[thing]
            self.spot[thing] = self.place.get(person)

    def move(self, people: Sequence[str], place: str, lines: tuple[int, ...]) -> None:
        """Take in that people went, with what they hold."""
        for person in people:
            self.place[person] = Place(place, lines)
            for thing, holder in self.holder.items():
                if holder == person:
                    self._stay(thing, self.place[person])

    def where(self, thing: str) -> Place | None:
        """Return where a thing is, with the line that handled it last, if that is known."""
        holder = self.holder.get(thing)
        place = self.place.get(holder) if holder else self.spot.get(thing)
        return place and Place(place.name, (self.handled[thing], *place.lines))

    def carries(self, person: str) -> list[str]:
        """Return the things that a person holds."""
        return [thing for thing, holder in self.holder.items() if holder == person]

    def _stay(self, thing: str, place: Place) -> None:
        stays = self.stays.setdefault(thing, [])
        if stays and stays[-1].name == place.name:
            stays[-1].seen = place.lines
        else:
            stays.append(Stay(place.name, place.lines, place.lines))
