"""Events in the lines of a story: moves, and things taken, dropped and given."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["at", "away", "either", "get", "drop", "give"]

_GO = r"(?:went to|went back to|travelled to|journeyed to|moved to) the (?P<place>\w+)"
_TIME = r"yesterday|this morning|this afternoon|this evening"
_THING = r"the (?P<thing>\w+)"
TIMES = _TIME.split("|")
_SENTENCES: tuple[tuple[Kind, str], ...] = (
    ("at", rf"(?:then|afterwards|after that|following that) (?P<pronoun>he|she|they) {_GO}"),
    ("at", rf"(?P<front>{_TIME}) (?P<who>\w+) {_GO}"),
    ("at", rf"(?P<who>\w+) {_GO} (?P<back>{_TIME})"),
    ("at", rf"(?P<who>\w+)(?: and (?P<too>\w+))? {_GO}"),
    ("at", r"(?P<who>\w+) is in the (?P<place>\w+)"),
    ("away", r"(?P<who>\w+) is (?:not|no longer) in the (?P<place>\w+)"),
    ("either", r"(?P<who>\w+) is either in the (?P<place>\w+) or the (?P<or>\w+)"),
    ("give", rf"(?P<who>\w+) (?:gave|passed|handed) {_THING} to (?P<too>\w+)"),
    ("get", rf"(?P<who>\w+) (?:got|took|grabbed|picked up) {_THING}(?: there)?"),
    ("drop", rf"(?P<who>\w+) (?:left|dropped|discarded|put down) {_THING}(?: there)?"),
)
_PATTERNS = [(kind, re.compile(rf"{one}\.", re.IGNORECASE)) for kind, one in _SENTENCES]


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One line that was understood, with the lines that tell it.

    `lines` holds the line itself, and the line before it when that says who "she" is. `time` counts
    from 0, yesterday, to 3, this evening; it is None where there is no time.
    """

    line: int
    lines: frozenset[int]
    kind: Kind
    people: tuple[str, ...]
    thing: str
    places: tuple[str, ...]
    time: int | None


def events(facts: Sequence[tuple[int, str]]) -> list[Event]:
    """Return the events in the order of their lines; other lines are left out."""
    history: list[Event] = []
    for line, text in facts:
        for kind, pattern in _PATTERNS:
            if found := pattern.fullmatch(text):
                parts = found.groupdict()
                if history or not parts.get("pronoun"):
                    history.append(_event(line, kind, parts, history))
                break
    return history


def _event(line: int, kind: Kind, parts: dict[str, str | None], history: Sequence[Event]) -> Event:
    named = tuple(one for name in ("who", "too") if (one := parts.get(name)))
    time = parts.get("front") or parts.get("back")
    follows = bool(parts.get("pronoun"))
    return Event(
        line=line,
        lines=frozenset({line, history[-1].line} if follows else {line}),
        kind=kind,
        people=history[-1].people if follows else named,
        thing=parts.get("thing") or "",
        places=tuple(one for name in ("place", "or") if (one := parts.get(name))),
        time=TIMES.index(time.lower()) if time else None,
    )


NUMBERS = ("none", "one", "two", "three", "four", "five", "six")


def gift(
    history: Sequence[Event], giver: str | None, thing: str | None, receiver: str | None
) -> Event | None:
    """Return the last gift that is as asked; None stands for what is not known of it."""
    for event in reversed(history):
        if event.kind != "give":
            continue
        known = ((giver, event.people[0]), (thing, event.thing), (receiver, event.people[1]))
        if all(asked in (None, one) for asked, one in known):
            return event
    return None


def carried(history: Sequence[Event], person: str) -> tuple[tuple[str, ...], frozenset[int]] | None:
    """Return the things that a person holds, and every line that puts a thing in or out of hand."""
    own = [event for event in history if event.thing and person in event.people]
    if not own:
        return None
    held: dict[str, None] = {}
    for event in own:
        if event.kind == "drop" or (event.kind == "give" and event.people[0] == person):
            held.pop(event.thing, None)
        else:
            held[event.thing] = None
    return tuple(held), frozenset(event.line for event in own)
