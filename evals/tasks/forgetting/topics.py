"""Topic of a generated note: how it is said, asked for, mistaken for another, and translated."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Language = Literal["de", "es", "fr", "zh"]
LANGUAGES: tuple[Language, ...] = ("de", "es", "fr", "zh")


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """Something that a person says of themselves, with a value, "{}" in what is said.

    `said` are wordings of the note and `reply` is an assistant's that repeats it. `asked` names it
    as a request does, `reworded` in words that the notes do not have. `others` says the same of
    somebody else, by "{name}", and `alike` uses the same words for another thing. `before` asks for
    what held before, `now` for what holds, and `changed` is the note of a change. `translated` has
    the note and the request in other languages.
    """

    name: str
    values: tuple[str, ...]
    said: tuple[str, ...]
    reply: str
    asked: tuple[str, ...]
    reworded: tuple[str, ...]
    others: str
    alike: str
    before: tuple[str, ...]
    now: str
    changed: str
    translated: Mapping[Language, tuple[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Templates:
    """Everything that the cases of one split are made of; no other split shares a text of it.

    A wish has "{}" for what is to be forgotten, and `naming` are wishes by an identifier. `fillers`
    are notes on nothing that is asked for. `identified` is a note with an identifier, "{}", by the
    kind of the identifier, and somebody's "{name}".
    """

    topics: tuple[Topic, ...]
    wishes: tuple[str, ...]
    names: tuple[str, ...]
    fillers: tuple[str, ...]
    identified: Mapping[str, str]
    naming: tuple[str, ...]
