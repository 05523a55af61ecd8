"""English rules, made on bAbI's training stories: questions for a list, a count or a reason."""

import re
from dataclasses import dataclass

from memagent.text.english import FUNCTION_WORDS, content_words, lemma, lemmas, words

_LIST = re.compile(
    r"(?:what|which\s+\w+|how\s+(?:many|much)\s+(?P<noun>\w+)(?:\s+in\s+all)?)\s+"
    r"(?P<tense>is|are|am|do|does|has|have|did|was|were|had)\s+(?P<who>.+?)\s+(?P<verb>\w+)"
    r"(?P<rest>\s[^?]+)?\?*$",
    re.IGNORECASE,
)
_PAST = frozenset(("did", "was", "were", "had"))
_WHY = re.compile(
    r"(?:why\s+(?:did|does|do|is|was|were|are|am|has|have|had)|how\s+come)\s+"
    r"(?:(?:the|a|an|my|your|his|her|our|their)\s+)?(?P<who>[^\s?]+)",
    re.IGNORECASE,
)
_NUMBERS = "one|two|three|four|five|six|seven|eight|nine|ten|several|some|\\d+"
_THING = re.compile(
    r"(?:(?P<before>\w+)\s+)?\b(?:the|a|an|my|your|his|her|its|our|their|another|"
    rf"{_NUMBERS})\s+(?P<thing>\w+)",
    re.IGNORECASE,
)
_PREPOSITIONS = frozenset(
    "in at to into onto inside near under behind beside toward towards from of by".split()
)
_STATE = (
    r"\s+(?:(?:am|is|are|was|were|have been|has been|feels?|felt|seems?|seemed|got|became)\s+"
    r"(?:(?:very|so|too|quite|really|rather|still)\s+)?(?P<state>[a-z]\w+)"
    r"\s*(?:[.!,;]|$|\b(?:and|but|with|of|about|because|today|now)\b)"
    r"|(?:have|has|had)\s+(?:a|an|no)\s+\w+)"
)
_HAVING = frozenset(lemma(verb) for verb in ("have", "own", "possess", "carry", "hold", "wear"))
"""Verbs for what follows from all that somebody got and gave away."""
_REASON = re.compile(r"\b(?:because|since|so that|in order to|due to)\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """A question that several records answer together, such as "What is Zoe wearing?".

    `about` holds the words for the owner, `noun` the counted thing, if the question names one.
    `past` is set for a question about past events, not about the present state.
    """

    about: tuple[str, ...]
    verb: str
    noun: str | None
    past: bool


def listing_of(question: str) -> Listing | None:
    """Return the listing or count that a question asks for, or None without one."""
    found = _LIST.match(question.strip())
    if found is None or (found["rest"] and not found["noun"]):
        return None
    verb = found["verb"].lower()
    if verb in FUNCTION_WORDS - {"have", "had", "own"}:
        return None
    about = tuple(_subject_words(found["who"]))
    past = found["tense"].lower() in _PAST
    if not about or (past and not found["noun"]):
        return None
    return Listing(about=about, verb=verb, noun=found["noun"], past=past)


def asks_why(question: str) -> str | None:
    """Return the subject whose reason a question asks for, or None without one."""
    found = _WHY.match(question.strip())
    return found["who"] if found else None


def things(text: str) -> list[str]:
    """Return the things in a text, without its places, in order."""
    matches = _THING.finditer(text)
    return [
        match["thing"] for match in matches if (match["before"] or "").lower() not in _PREPOSITIONS
    ]


def asks_possession(question: str) -> bool:
    """Tell whether a question asks for possessions, which no record may state in these words."""
    listing = listing_of(question)
    return listing is not None and lemma(listing.verb) in _HAVING


def states_condition(text: str, who: str) -> bool:
    """Tell whether a text states somebody's condition: "I am ill", but not "I am a nurse"."""
    found = re.search(rf"\b{re.escape(who)}{_STATE}", text, re.IGNORECASE)
    return found is not None and found["state"] not in FUNCTION_WORDS


def gives_reason(text: str) -> bool:
    """Tell whether a text gives a reason explicitly ("because")."""
    return _REASON.search(text) is not None


def opens_with(text: str, who: str) -> bool:
    """Tell whether the first content word of a text is this subject."""
    if who.upper() == "I":
        return any(word == "I" for word in words(text)[:2])
    return bool(lemmas(text)) and lemmas(text)[0] == lemma(who)


def _subject_words(text: str) -> list[str]:
    """Return the words to search a subject by: the speaker, or its content words."""
    return [word for word in words(text) if word == "I"][:1] or content_words(text)
