"""Who did something to whom: in English, told by the order in which they are named."""

import re
from collections.abc import Sequence

from memagent.text.english import FUNCTION_WORDS, content_words, lemma, lemmas, names, words
from memagent.types import Hit

_IS_A = re.compile(r"\b(?:is|was|are|were|am)\s+an?\s+(?P<what>\w+(?:\s+\w+)*)", re.IGNORECASE)


def kind_of(text: str) -> str:
    """Return the word for what somebody is said to be, empty if a text does not say."""
    found = _IS_A.search(text)
    kind = ""
    for word in found["what"].lower().split() if found else ():
        if word in FUNCTION_WORDS:
            break
        kind = word
    return kind


def said_of(text: str, kind: str, said: Sequence[str]) -> bool:
    """Tell whether a text says something of a kind, and not of others about that kind.

    "Cats fear dogs" tells what cats fear, and nothing of what dogs do.
    """
    told = lemmas(text)
    at = [told.index(lemma(word)) for word in said if lemma(word) in told]
    return lemma(kind) in told and bool(at) and told.index(lemma(kind)) < min(at)


_PAIRS = """north south, east west, northeast southwest, northwest southeast, left right,
    above below, bigger smaller, larger smaller, older younger, taller shorter, longer shorter,
    higher lower, heavier lighter, faster slower, richer poorer, stronger weaker, warmer colder"""
_CONVERSES: dict[str, set[str]] = {}
for _pair in _PAIRS.split(","):
    _one, _other = _pair.split()
    _CONVERSES.setdefault(_one, set()).add(_other)
    _CONVERSES.setdefault(_other, set()).add(_one)


def relation_of(text: str) -> str | None:
    """Return the relation that a text tells or asks, by its word, or None if there is none."""
    return next((word for word in words(text.lower()) if word in _CONVERSES), None)


def is_relation(word: str) -> bool:
    """Tell whether a word names a relation that has a converse."""
    return word.lower() in _CONVERSES


def relates(text: str, question: str) -> bool:
    """Tell whether a text holds the relation that a question asks for, from whichever end.

    "What is the mill south of?" is answered by "The mill is south of the inn" and by "The inn is
    north of the mill", but not by "The mill is north of the inn".
    """
    relation, told = relation_of(question), relation_of(text)
    if relation is None or told is None or told not in {relation, *_CONVERSES[relation]}:
        return False
    asked, held = _sides(question, relation), _sides(text, told)
    if told != relation:
        held = held[::-1]
    named = any(asked) and all(held)
    return named and all(one <= other for one, other in zip(asked, held, strict=True))


def _sides(text: str, relation: str) -> tuple[set[str], set[str]]:
    """Return the lemmas of what stands before a relation's word, and of what stands after it."""
    said = words(text.lower())
    at = said.index(relation)
    return _meaning(said[:at]), _meaning(said[at + 1 :])


def _meaning(said: Sequence[str]) -> set[str]:
    return {lemma(word) for word in said if word not in FUNCTION_WORDS}


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
