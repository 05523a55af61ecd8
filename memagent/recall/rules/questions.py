"""English rules, made on bAbI's training stories: answer types, places and time references."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from memagent.text.english import FUNCTION_WORDS, content_words, names, stem, words

AnswerType = Literal["place", "name", "time", "number", "colour"]
Direction = Literal["before", "after"]

_OPENERS: tuple[tuple[str, AnswerType], ...] = (
    (
        r"where(?:'s|\b)|(?:(?:in|at|to|from) )?(?:which|what)"
        r" (?:city|town|village|country|street|place|room|building)\b",
        "place",
    ),
    (r"who(?:se|m|'s)?\b(?! are)", "name"),
    (
        r"when\b|what (?:day|date|time|year|month)\b|(?:which|what) (?:day|date|year|month)\b"
        r"|(?:in|on|since) (?:which|what) (?:day|date|year|month)\b",
        "time",
    ),
    (r"how (?:many|much|old|long|far|tall)\b", "number"),
    (r"(?:what|which) colou?r\b", "colour"),
)
_PLACE = re.compile(
    r"\b(?:in|at|to|into|onto|on|inside|near|under|behind|beside|towards?)\s+"
    r"(?:(?:the|a|an|my|your|his|her|its|our|their)\s+(\w+)|([A-Z]\w*))"
)
_TIME_REFERENCE = re.compile(r"(.+?)\s(before|after)\s(.+)", re.IGNORECASE | re.DOTALL)
_TIME = re.compile(
    r"\d|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b|\b(?:yesterday|today|tomorrow|tonight|noon|"
    r"midnight|morning|afternoon|evening|night|week|month|year|january|february|march|april|may|"
    r"june|july|august|september|october|november|december|spring|summer|autumn|winter)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\d|\b(?:no|none|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|"
    r"twenty|thirty|forty|fifty|hundred|thousand|several|both)\b",
    re.IGNORECASE,
)
_COLOUR = re.compile(
    r"\b(?:black|white|gr[ae]y|red|orange|yellow|green|blue|purple|violet|pink|brown|beige|gold|"
    r"golden|silver|turquoise|colou?rless)\b",
    re.IGNORECASE,
)
_WHEREABOUTS = re.compile(
    r"(is|are|am)\s+(?!there\b)(.+?)\s+(?:still\s+|now\s+|back\s+)?((?:in|at|inside|on)\s+[^?]+)\?",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeReference:
    """The point in time that a question refers to, as in "Where was I before the party?".

    `topic` is the question without it, `direction` the side of it that the question asks about, and
    `anchor` the content words that describe it.
    """

    topic: str
    direction: Direction
    anchor: tuple[str, ...]


def answer_type(question: str) -> AnswerType | None:
    """Return the type of answer that a question expects, or None if its wording does not say."""
    opening = question.strip().lower()
    return next((expected for opener, expected in _OPENERS if re.match(opener, opening)), None)


def location_question(question: str) -> str | None:
    """Return the where-question behind a yes-or-no question about a place, None for any other.

    "Is Zoe in the garden?" becomes "Where is Zoe?".
    """
    found = _WHEREABOUTS.match(question.strip())
    if found is None or not places(found[3]) or _TIME.search(found[3]):
        return None
    if not content_words(found[2]) and found[2] != "I":
        return None
    return f"Where {found[1].lower()} {found[2]}?"


def time_reference(question: str) -> TimeReference | None:
    """Return the point in time that a question refers to, or None without one."""
    found = _TIME_REFERENCE.match(question.strip())
    if found is None:
        return None
    topic, side, rest = found.groups()
    anchor = tuple(content_words(rest))
    if not anchor:
        return None
    direction: Direction = "before" if side.lower() == "before" else "after"
    return TimeReference(topic=topic, direction=direction, anchor=anchor)


def covers(text: str, required: Iterable[str]) -> bool:
    """Tell whether a text holds all of the required words, in any inflected form."""
    stems = {stem(word) for word in content_words(text)}
    return all(stem(word.lower()) in stems for word in required)


def has_candidate(text: str, expected: AnswerType, question: str) -> bool:
    """Tell whether a text holds a candidate answer of the expected type.

    A place or a name that the question mentions itself is no candidate.
    """
    if expected == "place":
        known = {word.lower() for word in words(question)}
        return any(place.lower() not in known for place in places(text))
    if expected == "time":
        return _TIME.search(text) is not None
    if expected == "number":
        return _NUMBER.search(text) is not None
    if expected == "colour":
        return _COLOUR.search(text) is not None
    return bool(new_names(text, question))


def places(text: str) -> list[str]:
    """Return the first word of each place in a text, in order: "in the cabin" gives "cabin"."""
    return [found[1] or found[2] for found in _PLACE.finditer(text)]


def new_names(text: str, question: str) -> list[str]:
    """Return the names in a text that a question does not mention, in order."""
    known = {word.lower() for word in words(question)} | FUNCTION_WORDS
    return [name for name in names(text) if name.lower() not in known]
