"""Phrases of a language, from which conversations are made.

Each language has a file in `languages/`, whose keys are the fields of `Phrases`. A phrase is a
whole sentence with slots in braces. Nothing is inflected: where a language changes a word with its
place in the sentence, each form is a slot of its own. `<a|b>` is one of the words at random. A line
break parts the turns of what is told over several.
"""

import random
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

Pair = tuple[str, str]
"""A question about the speaker `{name}`, and the same question asked by the speaker."""
LANGUAGES = ("en", "de", "es", "fr", "zh", "ja")
"""Languages by the code that names their file."""
_FILES = Path(__file__).parent / "languages"
_ANY = re.compile(r"<([^<>]*)>")


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """Requests to an assistant about one subject, and tips that it replies with, in any order."""

    requests: Sequence[str]
    tips: Sequence[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Attribute:
    """One kind of fact: its values, how it is told and changed, and how it is asked for.

    A value is its wording in a sentence, then shorter wordings that are right answers too, parted
    by `|`. `tell` and `change` are said by the speaker whom the fact is about, `other` about a
    relative (`{My}`, then `{Pronoun}`), `aside` about somebody who plays no part. `lead` is what
    the other speaker may ask first. `ask` is the question for the newest value, `before` for the
    one before the move or change to `{new}`, `when` for the day of the change, and `ask_other` for
    the value of a relative (`{who}`). `vague` is an answer that commits to nothing.
    """

    tell: Sequence[str]
    ask: Sequence[Pair]
    vague: str
    topic: Topic
    values: Sequence[str] = ()
    change: Sequence[str] = ()
    other: Sequence[str] = ()
    aside: Sequence[str] = ()
    lead: Sequence[str] = ()
    before: Sequence[Pair] = ()
    when: Sequence[Pair] = ()
    ask_other: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Relative:
    """A kind of relative: in a speaker's mouth, in a question about the speaker, in their own."""

    my: str
    of: str
    mine: str
    pronoun: str
    female: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Advice:
    """Recommendation of an assistant: the request, the reply with `{v}`, and the questions."""

    request: str
    reply: str
    values: Sequence[str]
    ask: Sequence[str]
    vague: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Dates:
    """Dates as a language writes them: with `{d}`, `{m}` (a number), `{month}`, `{y}` and `{iso}`.

    `spoken` is a date without its year, `written` are all right answers, and `month` is a month's
    answer. `days` are the phrases for today and the days before it. `first` is the first of a
    month.
    """

    months: Sequence[str]
    spoken: str
    written: Sequence[str]
    days: Sequence[str]
    first: str = "1"

    def say(self, day: date) -> str:
        """Return a date as a speaker says it, without the year."""
        return self._fill(self.spoken, day)

    def write(self, day: date) -> tuple[str, ...]:
        """Return a date in all the ways that are right answers, the most usual first."""
        return tuple(self._fill(pattern, day) for pattern in self.written)

    def _fill(self, pattern: str, day: date) -> str:
        number = self.first if day.day == 1 else str(day.day)
        month = self.months[day.month - 1]
        return pattern.format(d=number, m=day.month, month=month, y=day.year, iso=day.isoformat())


@dataclass(frozen=True, kw_only=True, slots=True)
class Phrases:
    """All phrases of a language.

    `attributes` has home, work, hobby, pet, dish, allergy, trip, price, date and colour. `items`
    are things to buy: in "I bought {item}", and in "the price of {item}". `events` have a date: in
    the speaker's mouth, and in a question about the speaker. `photos` are a turn with the caption
    of an image, the thing in it, and its colour.
    """

    name: str
    speakers: Sequence[str]
    female: Sequence[str]
    male: Sequence[str]
    relatives: Sequence[Relative]
    dates: Dates
    price: str
    price_unit: int
    conjunction: str
    comma: str
    attributes: Mapping[str, Attribute]
    species: Sequence[str]
    items: Sequence[Pair]
    events: Sequence[Pair]
    photos: Sequence[tuple[str, str, str]]
    advice: Sequence[Advice]
    order: Sequence[Pair]
    dearer: Sequence[Pair]
    relative_work: Sequence[Pair]
    worker_home: Sequence[str]
    worker_pet: Sequence[str]
    owner_home: Sequence[str]
    vague: Mapping[str, str]
    never_said: str
    greetings: Sequence[str]
    closings: Sequence[str]
    small_talk: Sequence[str]
    reactions: Sequence[str]
    prompts: Sequence[str]
    relative_topic: Topic
    topics: Sequence[Topic]
    openers: Sequence[str]
    closers: Sequence[str]
    assistant_prompts: Sequence[str]
    digression: str
    space: str = " "


@cache
def load(language: str) -> Phrases:
    """Return the phrases of one of the `LANGUAGES`."""
    from pydantic import TypeAdapter

    text = (_FILES / f"{language}.toml").read_text(encoding="utf-8")
    return TypeAdapter(Phrases).validate_python(tomllib.loads(text))


def fill(phrase: str, rng: random.Random, **slots: str) -> str:
    """Return a phrase with its slots filled and one word of each `<a|b>`."""
    return _ANY.sub(lambda found: rng.choice(found[1].split("|")), phrase).format(**slots)


def said(value: str) -> str:
    """Return a value as it is said in a sentence."""
    return value.split("|")[0]


def answers(value: str) -> tuple[str, ...]:
    """Return all wordings of a value that are right answers."""
    return tuple(value.split("|"))


def capital(text: str) -> str:
    """Return a text with its first letter upper case."""
    return text[:1].upper() + text[1:]
