"""Where people and things are in a story, whether or not it is told."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["go", "get", "drop", "give"]
ONLY_MOVES = 0.35
"""The share of actions that are moves whatever else could be done, as in the released stories."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """What somebody does, with a thing or a place or another person where there is one."""

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
