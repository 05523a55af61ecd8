"""English rules, made on bAbI's training stories: kinds, converse relations and roles."""

import re
from collections.abc import Sequence

from memagent.text.english import FUNCTION_WORDS, lemma, lemmas, names, words

_IS_A = re.compile(r"\b(?:is|was|are|were|am)\s+an?\s+(?P<what>\w+(?:\s+\w+)*)", re.IGNORECASE)


def kind_of(text: str) -> str:
    """Return the kind that a text assigns to its subject ("is a nurse"), empty without one."""
    found = _IS_A.search(text)
    kind = ""
    for word in found["what"].lower().split() if found else ():
        if word in FUNCTION_WORDS:
            break
        kind = word
    return kind


def is_about_kind(text: str, kind: str, predicate: Sequence[str]) -> bool:
    """Tell whether a kind is the subject of a text with these words as its predicate.

    "Cats fear dogs" says what cats fear, and nothing about what dogs do.
    """
    found = lemmas(text)
    at = [found.index(lemma(word)) for word in predicate if lemma(word) in found]
    return lemma(kind) in found and bool(at) and found.index(lemma(kind)) < min(at)


_PAIRS = """north south, east west, northeast southwest, northwest southeast, left right,
    above below, bigger smaller, larger smaller, older younger, taller shorter, longer shorter,
    higher lower, heavier lighter, faster slower, richer poorer, stronger weaker, warmer colder"""
_CONVERSES: dict[str, set[str]] = {}
for _pair in _PAIRS.split(","):
    _first, _second = _pair.split()
    _CONVERSES.setdefault(_first, set()).add(_second)
    _CONVERSES.setdefault(_second, set()).add(_first)
_SIDES = frozenset(("left", "right"))
"""Relations with "of" alone: somebody may have left, or be right."""


def relation_of(text: str) -> str | None:
    """Return the word of the relation in a text, or None if there is none."""
    found = words(text.lower())
    for word, following in zip(found, [*found[1:], ""], strict=True):
        if word in _CONVERSES and (word not in _SIDES or following == "of"):
            return word
    return None


def is_relation(word: str) -> bool:
    """Tell whether a word is a relation that has a converse."""
    return word.lower() in _CONVERSES


def relates(text: str, question: str) -> bool:
    """Tell whether a text states the relation that a question asks for, from either end.

    "What is the mill south of?" is answered by "The mill is south of the inn" and by "The inn is
    north of the mill", but not by "The mill is north of the inn".
    """
    asked, stated = relation_of(question), relation_of(text)
    if asked is None or stated is None or stated not in {asked, *_CONVERSES[asked]}:
        return False
    question_sides, text_sides = _sides(question, asked), _sides(text, stated)
    if stated != asked:
        text_sides = text_sides[::-1]
    if not any(question_sides) or not all(text_sides):
        return False
    return all(
        question_side <= text_side
        for question_side, text_side in zip(question_sides, text_sides, strict=True)
    )


def _sides(text: str, relation: str) -> tuple[set[str], set[str]]:
    """Return the lemmas before and after the word of a relation."""
    found = words(text.lower())
    at = found.index(relation)
    return _content_lemmas(found[:at]), _content_lemmas(found[at + 1 :])


def _content_lemmas(found: Sequence[str]) -> set[str]:
    return {lemma(word) for word in found if word not in FUNCTION_WORDS}


_WHOM = re.compile(r"who(?:m)?\s+(?:did|does|do|has|have|had|will|is|was)\b.*\w", re.IGNORECASE)
_GAP = "?"


def in_role(text: str, question: str) -> bool:
    """Tell whether a text names people in the roles that a question asks for, by their order.

    "Who wrote to Eva?" is answered by "Zoe wrote to Eva", and "Who did Eva write to?" is not.
    """
    order = _order(question)
    if len(order) < 2:
        return True
    text_names = iter(names(text))
    question_names = set(order)
    return all(any(_fills(name, part, question_names) for name in text_names) for part in order)


def _order(question: str) -> list[str]:
    """Return the names in a question, with a gap in the place of the person asked for."""
    found = names(question)
    if not re.match(r"who", question.strip(), re.IGNORECASE):
        return found
    return [*found, _GAP] if _WHOM.match(question.strip()) and found else [_GAP, *found]


def _fills(name: str, part: str, question_names: set[str]) -> bool:
    return name not in question_names if part == _GAP else name == part
