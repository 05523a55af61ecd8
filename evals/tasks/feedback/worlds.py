"""Worlds of people, cities and years: the facts that a memory holds, and those that are true now.

A world of "changed", where the memory holds the facts from before Ada moved:

    Ada works in Paris.
    Bob works in Lisbon.
    Ada joined in 1994.
    The boss of Cleo is Ada.
    same       In which city does Ada work? Lisbon
    related    In which city does the boss of Cleo work? Lisbon
    unrelated  In which year did Ada join? 1994

The teacher's correction of the first is "Ada works in Lisbon.", the hint "Ada has moved to where
Bob works.". After RAM (Li et al. 2024), whose questions are real ones; the worlds are ours.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from memagent.evals.task import Sample
from memagent.evals.tasks.interference.streams import NAMES

Section = Literal["same", "related", "unrelated"]
SECTIONS: tuple[Section, ...] = ("same", "related", "unrelated")
CITIES = tuple(
    "Paris London Rome Berlin Madrid Vienna Moscow Tokyo Chicago Boston Dallas Houston Denver"
    " Seattle Toronto Sydney Dublin Cairo Lisbon Prague Warsaw Detroit"
    " Phoenix Munich".split()
)
"""Large cities. Some (Miami, Atlanta, Delhi) are left out: SmolLM2-135M writes others than it reads
for their names."""
YEARS = tuple(str(year) for year in range(1961, 2021))
NOBODY = "nobody"
"""The gold answer of a question whose premise is false."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A question to a world: its right answer, and the feedback on a wrong one.

    `supports` are the facts that the answer follows from; `correction` and `hint` are empty where
    there is no feedback.
    """

    section: Section
    question: str
    gold: str
    supports: tuple[str, ...] = ()
    correction: str = ""
    hint: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """Facts in the memory, in order, and questions.

    The names of its fields, and of those of an item and a trial, are in the digest of a task: with
    other names, runs of earlier versions could not be compared.
    """

    told: tuple[str, ...]
    items: tuple[Item, ...]

    @property
    def taught(self) -> tuple[Item, ...]:
        """The questions that get feedback."""
        return tuple(item for item in self.items if item.section == "same")


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial(Sample):
    """A question, after so many rounds of feedback."""

    round: int
    item: Item
    world: World


def world(condition: str, sizes: Mapping[str, int], seed: str) -> World:
    """Return a world; the same seed gives the same."""
    rng = random.Random(f"communicative-{seed}")  # an earlier name of the suite
    people = rng.sample(NAMES, 4 * sizes["people"])
    cast = _Cast(
        rng=rng,
        asked=people[: sizes["people"]],
        others=people[sizes["people"] : 2 * sizes["people"]],
        led=people[2 * sizes["people"] : 3 * sizes["people"]],
        strangers=people[3 * sizes["people"] :],
        city=dict(zip(people, rng.sample(CITIES * 2, len(people)), strict=True)),
        year=dict(zip(people, rng.sample(YEARS, len(people)), strict=True)),
    )
    items = list({"changed": _changed, "hops": _hops, "premise": _premise}[condition](cast))
    items += [_city("unrelated", person, cast) for person in cast.others]
    facts = [_works(person, cast.city[person]) for person in (*cast.asked, *cast.others)]
    facts += [f"{person} joined in {cast.year[person]}." for person in (*cast.asked, *cast.others)]
    facts += [_led(under, over) for under, over in zip(cast.led, cast.asked, strict=True)]
    return World(told=tuple(rng.sample(facts, len(facts))), items=tuple(items))


def trials(story: str, made: World, rounds: int) -> Iterator[Trial]:
    """Yield every question of a world before any feedback, and after each round of it."""
    lines = {text: number for number, text in enumerate(made.told, start=1)}
    for number in range(rounds + 1):
        for place, item in enumerate(made.items):
            yield Trial(
                id=f"{story}/{number}/{place}",
                story=story,
                facts=tuple((line, text) for text, line in lines.items()),
                question=item.question,
                gold=(item.gold,),
                supports=tuple(lines[text] for text in item.supports if text in lines),
                round=number,
                item=item,
                world=made,
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cast:
    """The people of a world: those asked about, others, the led, and strangers."""

    rng: random.Random
    asked: list[str]
    others: list[str]
    led: list[str]
    strangers: list[str]
    city: dict[str, str]
    year: dict[str, str]


def _changed(cast: _Cast) -> Iterator[Item]:
    """The person asked about works elsewhere now: where one of the others works."""
    for person, under, other in zip(cast.asked, cast.led, cast.others, strict=True):
        now = cast.city[other]
        while now == cast.city[person]:
            cast.city[person] = cast.rng.choice(CITIES)
        yield Item(
            section="same",
            question=f"In which city does {person} work?",
            gold=now,
            correction=_works(person, now),
            hint=f"{person} has moved to where {other} works.",
        )
        yield Item(
            section="related", question=f"In which city does the boss of {under} work?", gold=now
        )
        yield Item(section="related", question=f"What city does {person} go to for work?", gold=now)
        yield _year("unrelated", person, cast)


def _hops(cast: _Cast) -> Iterator[Item]:
    """The city of a person's boss follows from two facts."""
    for person, under in zip(cast.asked, cast.led, strict=True):
        city = cast.city[person]
        yield Item(
            section="same",
            question=f"In which city does the boss of {under} work?",
            gold=city,
            supports=(_led(under, person), _works(person, city)),
            correction=f"The boss of {under} works in {city}.",
            hint=f"The boss of {under} is {person}.",
        )
        yield Item(
            section="related",
            question=f"In which year did the boss of {under} join?",
            gold=cast.year[person],
            supports=(_led(under, person), f"{person} joined in {cast.year[person]}."),
        )
        yield Item(
            section="related",
            question=f"What city does the boss of {under} go to for work?",
            gold=city,
            supports=(_led(under, person), _works(person, city)),
        )
        yield _city("unrelated", person, cast)


def _premise(cast: _Cast) -> Iterator[Item]:
    """Yield questions about people who do not exist."""
    for person, stranger in zip(cast.asked, cast.strangers, strict=True):
        yield Item(
            section="same",
            question=f"In which city does {stranger} work?",
            gold=NOBODY,
            correction=f"There is no {stranger} here.",
            hint="Not everybody who is asked about exists.",
        )
        yield Item(section="related", question=f"In which year did {stranger} join?", gold=NOBODY)
        yield Item(
            section="related", question=f"What city does {stranger} go to for work?", gold=NOBODY
        )
        yield _city("unrelated", person, cast)
        yield _year("unrelated", person, cast)


def _city(section: Section, person: str, cast: _Cast) -> Item:
    city = cast.city[person]
    return Item(
        section=section,
        question=f"In which city does {person} work?",
        gold=city,
        supports=(_works(person, city),),
    )


def _year(section: Section, person: str, cast: _Cast) -> Item:
    return Item(
        section=section,
        question=f"In which year did {person} join?",
        gold=cast.year[person],
        supports=(f"{person} joined in {cast.year[person]}.",),
    )


def _works(person: str, city: str) -> str:
    return f"{person} works in {city}."


def _led(under: str, over: str) -> str:
    return f"The boss of {under} is {over}."
