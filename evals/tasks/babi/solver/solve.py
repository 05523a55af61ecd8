"""Solver of the bAbI tasks, which answers from the lines of a story alone.

It shares neither words nor method with the generator. The generator keeps a world and a reader's
knowledge of it, line by line; the solver goes back from a question over the lines.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from memagent.evals.tasks.babi.solver import kinds, places, relations
from memagent.evals.tasks.babi.solver.events import NUMBERS, carried, events, gift

Facts = Sequence[tuple[int, str]]
Found = tuple[str | tuple[str, ...], frozenset[int]] | None
_HOW = "|".join(relations.STEPS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Solution:
    """An answer, and the line numbers that it follows from."""

    answer: tuple[str, ...]
    supports: frozenset[int]


def solve(facts: Facts, question: str) -> Solution | None:
    """Return the answer to a question of any task, or None where the lines do not tell it."""
    for pattern, answer in _QUESTIONS:
        if asked := re.fullmatch(pattern, question):
            found = answer(facts, *asked.groups())
            if found is None:
                return None
            words, supports = found
            return Solution(answer=(words,) if isinstance(words, str) else words, supports=supports)
    return None


def _gave(
    facts: Facts, giver: str | None, thing: str | None, receiver: str | None, what: str
) -> Found:
    given = gift(events(facts), giver, thing, receiver)
    if given is None:
        return None
    words = {"giver": given.people[0], "thing": given.thing, "receiver": given.people[1]}
    return words[what], given.lines


def _carrying(facts: Facts, person: str) -> Found:
    found = carried(events(facts), person)
    return found and (found[0] or "nothing", found[1])


def _count(facts: Facts, person: str) -> Found:
    found = carried(events(facts), person)
    return found and (NUMBERS[len(found[0])], found[1])


_QUESTIONS: tuple[tuple[str, Callable[..., Found]], ...] = (
    (r"Where is the (\w+)\?", lambda facts, thing: places.where_thing(events(facts), thing)),
    (r"Where is (\w+)\?", lambda facts, person: places.where_person(events(facts), person)),
    (
        r"Where was the (\w+) before the (\w+)\?",
        lambda facts, thing, place: places.thing_before(events(facts), thing, place),
    ),
    (
        r"Where was (\w+) before the (\w+)\?",
        lambda facts, person, place: places.person_before(events(facts), person, place),
    ),
    (
        rf"Is the (.+) ({_HOW}) the (.+)\?",
        relations.related,
    ),
    (r"Is the (.+) bigger than the (.+)\?", relations.bigger),
    (
        r"Does the (.+) fit in the (.+)\?",
        lambda facts, one, two: relations.bigger(facts, two, one),
    ),
    (
        r"Is (\w+) in the (\w+)\?",
        lambda facts, person, place: places.is_there(events(facts), person, place),
    ),
    (rf"What is ({_HOW}) the (.+)\?", relations.neighbour),
    (
        rf"What is the (.+) ({_HOW})\?",
        lambda facts, of, how: relations.neighbour(facts, relations.opposite(how), of),
    ),
    (r"How do you go from the (.+) to the (.+)\?", relations.path),
    (
        r"What did (\w+) give to (\w+)\?",
        lambda facts, giver, receiver: _gave(facts, giver, None, receiver, "thing"),
    ),
    (
        r"Who (?:gave|passed|handed) the (\w+) to (\w+)\?",
        lambda facts, thing, receiver: _gave(facts, None, thing, receiver, "giver"),
    ),
    (
        r"Who (?:gave|passed|handed) the (\w+)\?",
        lambda facts, thing: _gave(facts, None, thing, None, "giver"),
    ),
    (
        r"Who received the (\w+)\?",
        lambda facts, thing: _gave(facts, None, thing, None, "receiver"),
    ),
    (
        r"Who did (\w+) give the (\w+) to\?",
        lambda facts, giver, thing: _gave(facts, giver, thing, None, "receiver"),
    ),
    (r"How many objects is (\w+) carrying\?", _count),
    (r"What is (\w+) carrying\?", _carrying),
    (r"What is (\w+) afraid of\?", kinds.afraid_of),
    (r"What color is (\w+)\?", kinds.colour_of),
    (r"Where will (\w+) go\?", kinds.will_go),
    (r"Why did (\w+) (?:go to|get) the (\w+)\?", kinds.reason),
)
