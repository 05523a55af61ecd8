"""What a question needs that no single record tells: a list, a count, a reason, a forecast."""

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
_WILL = re.compile(
    r"(?:where|what|who)\s+(?:will|is|am|are)\s+(?:(?:the|my|your|his|her|our|their)\s+)?"
    r"(?P<who>[^\s?]+)\s+(?P<rest>.+)",
    re.IGNORECASE,
)
_NUMBERS = "one|two|three|four|five|six|seven|eight|nine|ten|several|some|\\d+"
_THING = re.compile(
    r"(?:(?P<before>\w+)\s+)?\b(?:the|a|an|my|your|his|her|its|our|their|another|"
    rf"{_NUMBERS})\s+(?P<thing>\w+)",
    re.IGNORECASE,
)
_TOWARDS = frozenset(
    "in at to into onto inside near under behind beside toward towards from of by".split()
)
_STATE = (
    r"\s+(?:(?:am|is|are|was|were|have been|has been|feels?|felt|seems?|seemed|got|became)\s+"
    r"(?:(?:very|so|too|quite|really|rather|still)\s+)?(?P<state>[a-z]\w+)"
    r"\s*(?:[.!,;]|$|\b(?:and|but|with|of|about|because|today|now)\b)"
    r"|(?:have|has|had)\s+(?:a|an|no)\s+\w+)"
)
_OWNS = frozenset(("have", "own", "possess"))
_REASON = re.compile(r"\b(?:because|since|so that|in order to|due to)\b", re.IGNORECASE)
_PLAN = re.compile(
    r"\b(?:will|shall|going to|plans?|planning|wants?|tomorrow|'ll)\b", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """A question that every record of a kind has a share in, as "What is Zoe wearing?".

    `about` are the words that say whose it is, `noun` what is counted, if anything is named.
    `past` is set where events are asked for, not how things stand.
    """

    about: tuple[str, ...]
    verb: str
    noun: str | None
    past: bool


def listing_of(question: str) -> Listing | None:
    """Return what a question wants listed or counted, or None if it asks for neither."""
    found = _LIST.match(question.strip())
    if found is None or (found["rest"] and not found["noun"]):
        return None
    verb = found["verb"].lower()
    if verb in FUNCTION_WORDS - {"have", "had", "own"}:
        return None
    about = tuple(_who(found["who"]))
    past = found["tense"].lower() in _PAST
    if not about or (past and not found["noun"]):
        return None
    return Listing(about=about, verb=verb, noun=found["noun"], past=past)


def asks_why(question: str) -> str | None:
    """Return of whom a question wants a reason, or None if it wants none."""
    found = _WHY.match(question.strip())
    return found["who"] if found else None


def asks_ahead(question: str) -> str | None:
    """Return of whom a question wants to know what is still to come, or None."""
    found = _WILL.match(question.strip())
    if found is None or not re.search(r"\bwill\b|\bgoing to\b", question, re.IGNORECASE):
        return None
    return found["who"]


def things(text: str) -> list[str]:
    """Return the things in a text that are not the places in it, in order."""
    found = _THING.finditer(text)
    return [one["thing"] for one in found if (one["before"] or "").lower() not in _TOWARDS]


def asks_possession(question: str) -> bool:
    """Tell whether a question asks what somebody has, which no record need say in such words."""
    listing = listing_of(question)
    return listing is not None and listing.verb in _OWNS


def tells_state(text: str, who: str) -> bool:
    """Tell whether a text says how somebody is: "I am ill", but not "I am a nurse"."""
    found = re.search(rf"\b{re.escape(who)}{_STATE}", text, re.IGNORECASE)
    return found is not None and found["state"] not in FUNCTION_WORDS


def tells_reason(text: str) -> bool:
    """Tell whether a text gives a reason in so many words."""
    return _REASON.search(text) is not None


def tells_plan(text: str) -> bool:
    """Tell whether a text speaks of what is still to come."""
    return _PLAN.search(text) is not None


def opens_with(text: str, who: str) -> bool:
    """Tell whether a text speaks of somebody first, before anything else that carries meaning."""
    if who.upper() == "I":
        return any(word == "I" for word in words(text)[:2])
    return bool(lemmas(text)) and lemmas(text)[0] == lemma(who)


def _who(text: str) -> list[str]:
    """Return the words to look a subject up by: the speaker, or those that carry meaning."""
    return [word for word in words(text) if word == "I"][:1] or content_words(text)
