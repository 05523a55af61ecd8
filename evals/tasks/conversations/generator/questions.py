"""Questions about a world, each with its right answers, and with wrong ones of the same kind.

The kind of an answer is that of the fact, such as "home"; or "day" of a date that follows from when
something was said, "place" of the one of two cities, "item" of the dearer of two things, and
"advice0" for what an assistant recommended.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations

from memagent.evals.tasks.conversations.generator.phrases import (
    Pair,
    Phrases,
    answers,
    capital,
    said,
)
from memagent.evals.tasks.conversations.generator.world import CHANGING, Fact, World

CATEGORIES = ("single-hop", "multi-hop", "temporal", "update", "unanswerable")


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A question before its conversation is known.

    `kind` is the kind of the answer, as in the ids of questions. `facts` are those that state the
    answer, `wrong` the wrong answers of the same kind, the most plausible first. An unanswerable
    question has no `gold`, and a `trap` instead.
    """

    kind: str
    category: str
    text: str
    gold: tuple[str, ...]
    facts: tuple[Fact, ...]
    wrong: tuple[str, ...]
    nuggets: tuple[str, ...]
    trap: str = ""


def ask(world: World, phrases: Phrases, rng: random.Random) -> list[Draft]:
    """Return all questions about a world."""
    inquirer = _Inquirer(world, phrases, rng)
    for speaker in range(len(world.speakers)):
        inquirer.own(speaker)
        inquirer.changes(speaker)
        inquirer.trips(speaker)
        inquirer.purchases(speaker)
        inquirer.relatives(speaker)
        inquirer.unanswerable(speaker)
    if len(world.speakers) > 1:
        inquirer.across()
    else:
        inquirer.advice()
    return inquirer.drafts


class _Inquirer:
    """Collector of the questions about one world."""

    def __init__(self, world: World, phrases: Phrases, rng: random.Random) -> None:
        self.world = world
        self.phrases = phrases
        self.rng = rng
        self.drafts: list[Draft] = []

    def own(self, speaker: int) -> None:
        """Ask for what is told once: pet, dish, allergy, and the things in photos."""
        for kind in ("pet", "dish", "allergy", "colour"):
            for fact in self.world.chain(speaker, kind):
                pairs = self.phrases.attributes[kind].ask
                text = self._of(speaker, pairs, item=fact.slots.get("item", ""))
                self._value(kind, "single-hop", text, fact)

    def changes(self, speaker: int) -> None:
        """Ask for what changed, for what was before, and for when it did."""
        for kind in (*CHANGING, "date"):
            chain = self.world.chain(speaker, kind)
            if not chain:
                continue
            attribute = self.phrases.attributes[kind]
            slots = {"new": said(chain[-1].value), "event": self._event(speaker, chain[-1])}
            self._value(kind, "update", self._of(speaker, attribute.ask, **slots), chain[-1])
            self._value(kind, "update", self._of(speaker, attribute.before, **slots), chain[-2])
            if attribute.when:
                self._day(self._of(speaker, attribute.when, **slots), chain[-1])

    def trips(self, speaker: int) -> None:
        """Ask for the cities of all trips, for the day of each, and for the order of two."""
        attribute = self.phrases.attributes["trip"]
        trips = self.world.chain(speaker, "trip")
        self._list(self._of(speaker, attribute.ask), trips)
        for trip in trips:
            self._day(self._of(speaker, attribute.when, new=said(trip.value)), trip)
        for first, second in self._pairs(trips):
            early, late = sorted((first, second), key=self.world.day)
            if self.world.day(early) == self.world.day(late):
                continue
            slots = {"a": said(first.value), "b": said(second.value)}
            text = self._of(speaker, self.phrases.order, **slots)
            wrong = [said(late.value), *map(said, attribute.values)]
            self._add("place", "temporal", text, answers(early.value), (early, late), wrong)

    def purchases(self, speaker: int) -> None:
        """Ask for the price of each thing, and for the dearer of two."""
        attribute = self.phrases.attributes["price"]
        bought = self.world.chain(speaker, "price")
        for fact in bought:
            text = self._of(speaker, attribute.ask, item=fact.slots["definite"])
            self._value("price", "single-hop", text, fact)
        for first, second in self._pairs(bought):
            cheap, dear = sorted((first, second), key=lambda fact: int(answers(fact.value)[-1]))
            slots = {"a": first.slots["definite"], "b": second.slots["definite"]}
            text = self._of(speaker, self.phrases.dearer, **slots)
            wrong = [cheap.slots["definite"], *(item for _, item in self.phrases.items)]
            gold = (dear.slots["definite"],)
            self._add("item", "multi-hop", text, gold, (dear, cheap), wrong)

    def relatives(self, speaker: int) -> None:
        """Ask for what is told of relatives, by name of the relation and by another fact."""
        homes = self.world.of_relatives(speaker, "home")
        jobs = self.world.of_relatives(speaker, "work")
        for kind, facts in (("home", homes), ("work", jobs)):
            for fact in facts:
                self._value(kind, "single-hop", self._of_relative(speaker, kind, fact), fact)
        for job in jobs:
            home = next(fact for fact in homes if fact.kin is job.kin)
            text = self._of(speaker, self.phrases.relative_work, home=said(home.value))
            wrong = self._wrong(job)
            self._add("work", "multi-hop", text, answers(job.value), (home, job), wrong)

    def unanswerable(self, speaker: int) -> None:
        """Ask for what is told of a relative only, and for where the other relative works."""
        for kind in self.world.withheld[speaker]:
            text = self._of(speaker, self.phrases.attributes[kind].ask)
            self._nothing(kind, text, self.world.of_relatives(speaker, kind))
        jobs = self.world.of_relatives(speaker, "work")
        employed = {job.kin for job in jobs}
        for home in self.world.of_relatives(speaker, "home"):
            if home.kin not in employed:
                self._nothing("work", self._of_relative(speaker, "work", home), jobs)

    def across(self) -> None:
        """Ask for what is known of one speaker, who is described by another fact."""
        for speaker in range(len(self.world.speakers)):
            job = self.world.chain(speaker, "work")[-1]
            home = self.world.chain(speaker, "home")[-1]
            work = {"work": said(job.value)}
            self._joined("home", self.phrases.worker_home, job, home, **work)
            for pet in self.world.chain(speaker, "pet"):
                self._joined("pet", self.phrases.worker_pet, job, pet, **work)
                name = said(pet.value)
                self._joined("home", self.phrases.owner_home, pet, home, pet=name)

    def advice(self) -> None:
        """Ask for what the assistant recommended."""
        for fact in self.world.chain(0, "advice"):
            advice = self.phrases.advice[int(fact.slots["number"])]
            text = self.rng.choice(list(advice.ask))
            wrong = [said(value) for value in advice.values]
            kind = f"advice{fact.slots['number']}"
            self._add(kind, "single-hop", text, answers(fact.value), (fact,), wrong)

    def _of(self, speaker: int, pairs: Sequence[Pair], **slots: str) -> str:
        """Return a question about a speaker: by name, or as the speaker asks it."""
        name = self.world.speakers[speaker]
        pair = self.rng.choice(list(pairs))
        return capital(pair[len(self.world.speakers) == 1].format(name=name, **slots))

    def _of_relative(self, speaker: int, kind: str, fact: Fact) -> str:
        """Return a question about the relative whom a fact is about."""
        assert fact.kin is not None
        relation = fact.kin.kind
        of = relation.of.format(name=self.world.speakers[speaker])
        who = relation.mine if len(self.world.speakers) == 1 else of
        question = self.rng.choice(list(self.phrases.attributes[kind].ask_other))
        return capital(question.format(who=who))

    def _event(self, speaker: int, fact: Fact) -> str:
        """Return the event of a fact as a question names it."""
        if len(self.world.speakers) == 1:
            return fact.slots.get("event", "")
        return fact.slots.get("of", "").format(name=self.world.speakers[speaker])

    def _pairs(self, facts: Sequence[Fact]) -> list[tuple[Fact, Fact]]:
        """Return at most two pairs of facts, in a random order."""
        pairs = list(combinations(facts, 2))
        chosen = self.rng.sample(pairs, min(len(pairs), 2))
        return [
            (second, first) if self.rng.random() < 0.5 else (first, second)
            for first, second in chosen
        ]

    def _value(self, kind: str, category: str, text: str, fact: Fact) -> None:
        self._add(kind, category, text, answers(fact.value), (fact,), self._wrong(fact))

    def _joined(
        self, kind: str, questions: Sequence[str], known: Fact, fact: Fact, **slots: str
    ) -> None:
        """Ask for a fact about the one of whom another is known."""
        text = capital(self.rng.choice(list(questions)).format(**slots))
        wrong = self._wrong(fact)
        self._add(kind, "multi-hop", text, answers(fact.value), (known, fact), wrong)

    def _day(self, text: str, fact: Fact) -> None:
        """Ask for the day on which a fact came about."""
        day = self.world.day(fact)
        others = [self.world.starts[fact.session].date()]
        others += [day + timedelta(days=days) for days in (-7, 7, 2, -14, 30)]
        written = self.phrases.dates.write
        wrong = [written(other)[0] for other in others]
        self._add("day", "temporal", text, written(day), (fact,), wrong)

    def _list(self, text: str, facts: Sequence[Fact]) -> None:
        """Ask for the values of several facts."""
        values = [said(fact.value) for fact in facts]
        gold = (self._joined_values(values), self.phrases.comma.join(values))
        others = [
            said(fact.value)
            for fact in self.world.facts
            if fact.kind == facts[0].kind and said(fact.value) not in values
        ]
        others += [
            value
            for value in map(said, self.phrases.attributes[facts[0].kind].values)
            if value not in [*values, *others]
        ]
        wrong = [
            self._joined_values([*values[:-1], others[0]]),
            self._joined_values([others[1], *values[1:]]),
            self._joined_values([*values[:-1], others[2]]),
        ]
        self._add("trip", "multi-hop", text, gold, tuple(facts), wrong, nuggets=tuple(values))

    def _joined_values(self, values: Sequence[str]) -> str:
        """Return several values as one answer."""
        *before, last = values
        return self.phrases.conjunction.join([self.phrases.comma.join(before), last])

    def _nothing(self, kind: str, text: str, others: Sequence[Fact]) -> None:
        """Ask what is never told of the one asked about, but of another."""
        pool = (*(fact.value for fact in others), *self.phrases.attributes[kind].values)
        trap = answers(others[0].value)[-1]
        self._add(kind, "unanswerable", text, (), (), map(said, pool), trap=trap)

    def _wrong(self, fact: Fact) -> list[str]:
        """Return other values of a fact's kind: first those that are said, then all."""
        others = [other for other in self.world.facts if other.kind == fact.kind]
        near = sorted(others, key=lambda other: other.speaker != fact.speaker)
        pool = self.phrases.attributes[fact.kind].values
        if fact.kind == "colour":
            pool = [colour for _, _, colour in self.phrases.photos]
        elif fact.kind == "price":
            number = int(answers(fact.value)[-1])
            prices = (number + step * self.phrases.price_unit for step in (20, -5, 10, 35, 50))
            pool = [self.phrases.price.format(n=price) for price in prices]
        elif fact.kind == "date":
            pool = self._dates(fact)
        return [said(value) for value in (*(other.value for other in near), *pool)]

    def _dates(self, fact: Fact) -> list[str]:
        """Return dates near the sessions in which a date is told."""
        start = self.world.starts[fact.session]
        return [
            self.phrases.dates.say(start + timedelta(days=days)) for days in (1, 17, 31, 45, 60)
        ]

    def _add(
        self,
        kind: str,
        category: str,
        text: str,
        gold: tuple[str, ...],
        facts: tuple[Fact, ...],
        wrong: Iterable[str],
        *,
        nuggets: tuple[str, ...] = (),
        trap: str = "",
    ) -> None:
        """Add a question; a wrong answer that is right, or there twice, is left out."""
        kept = tuple(answer for answer in dict.fromkeys(wrong) if answer not in gold)
        self.drafts.append(
            Draft(
                kind=kind,
                category=category,
                text=text,
                gold=tuple(dict.fromkeys(gold)),
                facts=facts,
                wrong=kept,
                nuggets=nuggets or gold[:1],
                trap=trap,
            )
        )
