"""Wording of facts: the turns in which a speaker says one."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from memagent.evals.tasks.conversations.generator.phrases import (
    Phrases,
    Topic,
    capital,
    fill,
    said,
)
from memagent.evals.tasks.conversations.generator.world import Fact


@dataclass(frozen=True, slots=True)
class Line:
    """A turn before it has a time: the number of its speaker, its text, the fact that it states."""

    speaker: int
    text: str
    fact: Fact | None = None


Block = list[Line]
"""Lines that belong together."""


@dataclass(frozen=True, slots=True)
class Wording:
    """Phrases of a language, drawn at random for the speakers of one conversation."""

    speakers: Sequence[str]
    phrases: Phrases
    rng: random.Random
    used: Counter[str] = field(default_factory=Counter)
    """Number of times that each phrase has been used."""

    def parts(self, fact: Fact) -> list[str]:
        """Return a fact in the words of its speaker, one text a turn; the last has the value."""
        attribute = self.phrases.attributes[fact.kind]
        templates: Mapping[str, Sequence[str]] = {
            "tell": attribute.tell,
            "change": attribute.change,
            "other": attribute.other,
            "aside": attribute.aside,
        }
        day = self.phrases.dates.days[fact.ago]
        slots = {**fact.slots, "v": said(fact.value), "day": day, "Day": capital(day)}
        if fact.kin is not None:
            my = fact.kin.kind.my.format(rname=fact.kin.name)
            pronoun = fact.kin.kind.pronoun
            slots |= {"my": my, "My": capital(my)}
            slots |= {"pronoun": pronoun, "Pronoun": capital(pronoun)}
        return self.pick(templates[fact.form], **slots).split("\n")

    def pick(self, phrases: Sequence[str], **slots: str) -> str:
        """Return one of several phrases, one of the least used, filled in."""
        least = min(self.used[phrase] for phrase in phrases)
        phrase = self.rng.choice([phrase for phrase in phrases if self.used[phrase] == least])
        self.used[phrase] += 1
        return fill(phrase, self.rng, **slots)

    def topic(self) -> Topic:
        """Return a topic that tells nothing about a speaker, one with the least used requests."""
        topics = self.phrases.topics
        uses = [sum(self.used[request] for request in topic.requests) for topic in topics]
        return self.rng.choice(
            [topic for topic, use in zip(topics, uses, strict=True) if use == min(uses)]
        )
