"""Conclusions from what a person is, or wants: tasks 15, 16 and 20."""

import re
from collections.abc import Sequence

Facts = Sequence[tuple[int, str]]
Found = tuple[str, frozenset[int]]
ONE_OF = {"cats": "cat", "mice": "mouse", "sheep": "sheep", "wolves": "wolf"}
WANTS = {
    "bored": ("garden", "football"),
    "hungry": ("kitchen", "apple"),
    "thirsty": ("kitchen", "milk"),
    "tired": ("bedroom", "pajamas"),
}
"""Places where a person in a mood goes, and the thing they go for."""


def afraid_of(facts: Facts, person: str) -> Found | None:
    """Say what a person's kind is afraid of."""
    kind = _kinds(facts).get(person.lower())
    for line, text in facts:
        found = re.fullmatch(r"(\w+) are afraid of (\w+)\.", text)
        if found and kind and ONE_OF.get(found[1].lower()) == kind[0]:
            return ONE_OF[found[2].lower()], frozenset({kind[1], line})
    return None


def colour_of(facts: Facts, person: str) -> Found | None:
    """Say what colour a person has by another one of the same kind.

    Where several have a colour, it is the one whose kind comes last, as in the released files.
    """
    kinds = _kinds(facts)
    kind = kinds.get(person.lower())
    colours = {
        found[1].lower(): (found[2], line)
        for line, text in facts
        if (found := re.fullmatch(r"(\w+) is (\w+)\.", text))
    }
    like = [one for one in colours if one in kinds and kind and kinds[one][0] == kind[0]]
    if kind is None or not like:
        return None
    last = max(like, key=lambda one: kinds[one][1])
    colour, line = colours[last]
    return colour, frozenset({kind[1], kinds[last][1], line})


def _kinds(facts: Facts) -> dict[str, tuple[str, int]]:
    """Return everybody's kind with its line."""
    return {
        found[1].lower(): (found[2], line)
        for line, text in facts
        if (found := re.fullmatch(r"(\w+) is an? (\w+)\.", text))
    }


def will_go(facts: Facts, person: str) -> Found | None:
    """Say where a person will go."""
    mood = _mood(facts, person)
    return mood and (WANTS[mood[0]][0], mood[1])


def reason(facts: Facts, person: str, target: str) -> Found | None:
    """Say why a person went to a place or got a thing."""
    mood = _mood(facts, person)
    return mood if mood and target in WANTS[mood[0]] else None


def _mood(facts: Facts, person: str) -> Found | None:
    for line, text in reversed(facts):
        found = re.fullmatch(rf"(\w+) is ({'|'.join(WANTS)})\.", text)
        if found and found[1].lower() == person.lower():
            return found[2], frozenset({line})
    return None
