"""English plurals that a stemmer does not bring together: one wolf, two wolves."""

import re

from memagent.stores.words import content_words, stem

_IN_F = (
    "calf elf half hoof knife leaf life loaf scarf self shelf thief wharf wife wolf yourself"
).split()
_CHANGED = {
    "man": "men",
    "woman": "women",
    "child": "children",
    "person": "people",
    "mouse": "mice",
    "louse": "lice",
    "foot": "feet",
    "tooth": "teeth",
    "goose": "geese",
    "ox": "oxen",
    "die": "dice",
}
_PLURALS = {word: re.sub("fe?$", "ves", word) for word in _IN_F} | _CHANGED
_SINGULARS = {plural: singular for singular, plural in _PLURALS.items()}


def lemma(word: str) -> str:
    """Return what all forms of a word have in common: "wolves" gives what "wolf" does."""
    lowered = word.lower()
    return stem(_SINGULARS.get(lowered, lowered))


def lemmas(text: str) -> list[str]:
    """Return the lemmas of a text's words that carry meaning, each once, in order."""
    return list(dict.fromkeys(lemma(word) for word in content_words(text)))


def forms(word: str) -> list[str]:
    """Return the forms of a word that a stemmed index does not take for one."""
    lowered = word.lower()
    other = _SINGULARS.get(lowered) or _PLURALS.get(lowered)
    return [lowered, other] if other else [lowered]
