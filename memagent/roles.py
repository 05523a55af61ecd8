"""Who did something to whom: in English, told by the order in which they are named."""

import re
from collections.abc import Sequence

from memagent.text.english import content_words, lemmas, names
from memagent.types import Hit

_WHOM = re.compile(r"who(?:m)?\s+(?:did|does|do|has|have|had|will|is|was)\b.*\w", re.IGNORECASE)
_GAP = "?"


def in_role(text: str, question: str) -> bool:
    """Tell whether a text names people in the order that a question asks for.

    "Who wrote to Eva?" is answered by "Zoe wrote to Eva", and "Who did Eva write to?" is not.
    """
    order = _order(question)
    if len(order) < 2:
        return True
    told = iter(names(text))
    asked = set(order)
    return all(any(_fills(name, part, asked) for name in told) for part in order)


def newest_telling(hits: Sequence[Hit]) -> list[Hit]:
    """Leave out what a newer hit tells of the same people and things in other words."""
    kept: dict[object, Hit] = {}
    for hit in hits:
        same: object = _told(hit.key) if len(names(hit.key)) > 1 else hit.record.id
        before = kept.get(same)
        if before is None or hit.record.moment > before.record.moment:
            kept[same] = hit
    return [hit for hit in hits if any(hit is one for one in kept.values())]


def _order(question: str) -> list[str]:
    """Return the names in a question, with a gap where the person asked for belongs."""
    asked = names(question)
    if not re.match(r"who", question.strip(), re.IGNORECASE):
        return asked
    return [*asked, _GAP] if _WHOM.match(question.strip()) and asked else [_GAP, *asked]


def _fills(name: str, part: str, asked: set[str]) -> bool:
    return name not in asked if part == _GAP else name == part


def _told(text: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return whom a text names, and what it says of them but for its verb."""
    called = names(text)
    people = {name.lower() for name in called}
    rest = [word for word in content_words(text) if word not in people]
    return tuple(called), frozenset(lemmas(" ".join(rest[1:])))
