"""Relations that are told from either end: what is north of a town has the town south of it."""

from collections.abc import Sequence

from memagent.text.english import FUNCTION_WORDS, lemma, words

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
