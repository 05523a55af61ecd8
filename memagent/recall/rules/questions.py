"""What an English question wants: which kind of thing, and whether one answer or several."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from memagent.text.english import FUNCTION_WORDS, content_words, names, stem, words

AnswerType = Literal["place", "name", "time", "number", "colour"]
Side = Literal["before", "after"]

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
_TURN = re.compile(r"(.+?)\s(before|after)\s(.+)", re.IGNORECASE | re.DOTALL)
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
_FACT = re.compile(
    r"(?:where|when|who|whose|what|which|how (?:many|much|old|long|far|tall))\b", re.I
)
_OWN = re.compile(r"\b(?:my|mine|our|ours)\b|\b(?:did|was|were|have|had|am) (?:i|we)\b", re.I)
_ADVICE = re.compile(r"\b(?:should|shall|can|could|would|may|might|need|best)\b", re.I)


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeReference:
    """The point in time by which a question asks, as in "Where was I before the party?".

    `topic` is the question without it, `side` the side of it that is asked about, and `anchor` the
    words that tell of it.
    """

    topic: str
    side: Side
    anchor: tuple[str, ...]


def is_question(text: str) -> bool:
    """Tell whether a text asks: it ends in a question mark, or opens with a question word."""
    stripped = text.strip()
    return stripped.endswith("?") or answer_type(stripped) is not None


def is_personal(question: str) -> bool:
    """Tell whether a question asks for a fact about who asks it ("Where is my car?").

    Who asks for advice ("What should I do about my car?") or politely ("Can you tell me ...?") may
    well be answered by a model that knows nothing of them.
    """
    asked = question.strip()
    return bool(_FACT.match(asked) and _OWN.search(asked) and not _ADVICE.search(asked))


def answer_type(question: str) -> AnswerType | None:
    """Return the kind of thing that would answer, or None when the wording does not tell."""
    opening = question.strip().lower()
    return next((want for opener, want in _OPENERS if re.match(opener, opening)), None)


def location_question(question: str) -> str | None:
    """Return the question for a place that one whether somebody is there rests on.

    "Is Zoe in the garden?" is answered by where she is; None for any other question.
    """
    found = _WHEREABOUTS.match(question.strip())
    if found is None or not places(found[3]) or _TIME.search(found[3]):
        return None
    if not content_words(found[2]) and found[2] != "I":
        return None
    return f"Where {found[1].lower()} {found[2]}?"


def time_reference(question: str) -> TimeReference | None:
    """Return the point in time by which a question asks, or None if it names none."""
    found = _TURN.match(question.strip())
    if found is None:
        return None
    topic, side, rest = found.groups()
    anchor = tuple(content_words(rest))
    if not anchor:
        return None
    return TimeReference(
        topic=topic, side="before" if side.lower() == "before" else "after", anchor=anchor
    )


def covers(text: str, wanted: Iterable[str]) -> bool:
    """Tell whether a text holds every one of some words, in whatever form."""
    held = {stem(word) for word in content_words(text)}
    return all(stem(word.lower()) in held for word in wanted)


def has_candidate(text: str, want: AnswerType, question: str) -> bool:
    """Tell whether a text holds something of the wanted kind that the question does not name."""
    if want == "place":
        asked = {word.lower() for word in words(question)}
        return any(place.lower() not in asked for place in places(text))
    if want == "time":
        return _TIME.search(text) is not None
    if want == "number":
        return _NUMBER.search(text) is not None
    if want == "colour":
        return _COLOUR.search(text) is not None
    return bool(new_names(text, question))


def places(text: str) -> list[str]:
    """Return the words that a text's places begin with, in order: "the cabin" gives "cabin"."""
    return [found[1] or found[2] for found in _PLACE.finditer(text)]


def new_names(text: str, question: str) -> list[str]:
    """Return the names in a text that the question does not hold, in order."""
    known = {word.lower() for word in words(question)} | FUNCTION_WORDS
    return [name for name in names(text) if name.lower() not in known]
