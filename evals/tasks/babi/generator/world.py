"""World of a story, and the knowledge of its reader with the lines it comes from."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["go", "get", "drop", "give"]
ONLY_MOVES = 0.35
"""The share of actions that are moves whatever else could be done, as in the released stories."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """An act of a person, with a thing or a place or another person where there is one."""

    kind: Kind
    person: str
    place: str = ""
    thing: str = ""
    other: str = ""


@dataclass(kw_only=True, slots=True)
class World:
    """The true state: where everybody and every thing is, and who holds what."""

    rng: random.Random
    people: Sequence[str]
    places: Sequence[str]
    things: Sequence[str] = ()
    place: dict[str, str] = field(default_factory=dict)
    holder: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Put everybody and every thing somewhere."""
        for name in (*self.people, *self.things):
            self.place[name] = self.rng.choice(self.places)

    def elsewhere(self, *people: str) -> str:
        """Draw a place where none of the people is."""
        there = {self.place[one] for one in people}
        return self.rng.choice([place for place in self.places if place not in there])

    def act(self, kinds: Sequence[Kind]) -> Action:
        """Draw an action of one of the kinds that can be done, do it and return it."""
        can = [action for kind in kinds if (action := self._draw(kind))]
        move = self._draw("go")
        action = move if self.rng.random() < ONLY_MOVES or not can else self.rng.choice(can)
        assert action is not None
        self.do(action)
        return action

    def do(self, action: Action) -> None:
        """Change the world by an action."""
        if action.kind == "go":
            self.place[action.person] = action.place
            for thing, holder in self.holder.items():
                if holder == action.person:
                    self.place[thing] = action.place
        elif action.kind == "drop":
            del self.holder[action.thing]
        else:
            self.holder[action.thing] = action.other or action.person

    def _draw(self, kind: Kind) -> Action | None:
        """Draw one action of a kind among all that can be done, or return None."""
        if kind == "go":
            person = self.rng.choice(self.people)
            return Action(kind=kind, person=person, place=self.elsewhere(person))
        can: list[Action] = []
        for thing in self.things:
            holder = self.holder.get(thing)
            here = [one for one in self.people if self.place[one] == self.place[thing]]
            if kind == "get" and holder is None:
                can += [Action(kind=kind, person=one, thing=thing) for one in here]
            elif kind == "drop" and holder is not None:
                can.append(Action(kind=kind, person=holder, thing=thing))
            elif kind == "give" and holder is not None:
                others = [one for one in here if one != holder]
                can += [Action(kind=kind, person=holder, thing=thing, other=one) for one in others]
        return self.rng.choice(can) if can else None


@dataclass(frozen=True, slots=True)
class Place:
    """A place, and the lines that it follows from."""

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
    """Conclusions from the lines so far; where anything was at first is not in them.

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
