"""Histories of people who state preferences once amid other talk, and their later requests.

A person has up to ten preferences, each stated in a conversation of its own of at least twenty
turns. The other talk is that of generated conversations: small talk, requests for advice, and
what others do.
"""

import random
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from memagent.evals.task import Sample
from memagent.evals.tasks.conversations.generator import phrases
from memagent.evals.tasks.conversations.generator.phrases import Phrases, Topic, fill

FILES = {"test": "held_out", "development": "development"}
"""Splits, and the file of each."""
PER_PERSON = 10
TURNS = 20
"""Turns of a conversation at least, of both sides."""
_FOLDER = Path(__file__).parent / "data"
Message = Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Preference(Sample):
    """Request of a person, which should follow a preference that was stated once.

    An answer follows it if it holds one of the `gold` words, and none of `against`.
    """

    statement: str
    against: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Person with conversations, oldest first, each a list of messages; and the later requests."""

    name: str
    conversations: tuple[tuple[Message, ...], ...]
    preferences: tuple[Preference, ...]


@cache
def people(split: str) -> tuple[Person, ...]:
    """Return the people of a split: each speaks one language."""
    file = tomllib.loads((_FOLDER / f"{FILES[split]}.toml").read_text(encoding="utf-8"))
    by_language: dict[str, list[Mapping[str, Any]]] = {}
    for item in file["items"]:
        by_language.setdefault(item["language"], []).append(item)
    return tuple(
        _person(f"{split}-{language}-{start // PER_PERSON + 1}", language, some)
        for language, items in by_language.items()
        for start in range(0, len(items), PER_PERSON)
        for some in [items[start : start + PER_PERSON]]
    )


def _person(name: str, language: str, items: Sequence[Mapping[str, Any]]) -> Person:
    rng, spoken = random.Random(name), phrases.load(language)
    conversations = tuple(
        tuple(_conversation(str(item["statement"]), spoken, rng)) for item in items
    )
    return Person(
        name=name,
        conversations=conversations,
        preferences=tuple(
            Preference(
                id=f"{name}/{number}",
                story=name,
                facts=((1, item["statement"]),),
                question=item["request"],
                gold=tuple(item["follows"]),
                supports=(1,),
                category=language,
                statement=item["statement"],
                against=tuple(item.get("against", ())),
            )
            for number, item in enumerate(items, start=1)
        ),
    )


def _conversation(statement: str, spoken: Phrases, rng: random.Random) -> list[Message]:
    """Return the messages of a conversation in which a statement is made once."""
    blocks: list[list[str]] = []
    while sum(map(len, blocks)) < TURNS - 2:
        blocks.append(rng.choice((_small_talk, _advice, _others))(spoken, rng))
    blocks.insert(rng.randint(1, len(blocks)), [statement, rng.choice(list(spoken.reactions))])
    roles = ("user", "assistant")
    return [
        {"role": roles[place % 2], "content": text}
        for block in blocks
        for place, text in enumerate(block)
    ]


def _small_talk(spoken: Phrases, rng: random.Random) -> list[str]:
    texts = fill(rng.choice(list(spoken.small_talk)), rng).split("\n")
    return texts if len(texts) % 2 == 0 else [*texts, rng.choice(list(spoken.reactions))]


def _advice(spoken: Phrases, rng: random.Random) -> list[str]:
    own = [attribute.topic for attribute in spoken.attributes.values()]
    topic: Topic = rng.choice([*own, *spoken.topics])
    return [fill(rng.choice(list(topic.requests)), rng), " ".join(rng.sample(list(topic.tips), 2))]


def _others(spoken: Phrases, rng: random.Random) -> list[str]:
    """Return what somebody else does, which is nothing about the user."""
    attribute = rng.choice([each for each in spoken.attributes.values() if each.aside])
    value = phrases.said(rng.choice(list(attribute.values)))
    return [fill(rng.choice(list(attribute.aside)), rng, v=value), rng.choice(spoken.reactions)]
