"""Snowball stemmers by language: the stem under which the forms of a word are found."""

from collections.abc import Iterable
from functools import lru_cache
from string import ascii_letters

ALGORITHMS = {
    "ar": "arabic",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "porter",
    "eo": "esperanto",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fa": "persian",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "ne": "nepali",
    "nl": "dutch",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
}
"""Snowball's algorithms by ISO 639-1 code of the language."""
OTHER_SCRIPTS = frozenset("ar el fa hi hy ne ru ta".split())
"""Languages in whose notes a word of Latin letters is foreign, and most likely English."""
_LETTERS = frozenset(ascii_letters)


def algorithm(language: str | None) -> str:
    """Return the algorithm for a language; English's where there is none, or it is not known."""
    return ALGORITHMS.get(language or "en", "porter")


def one_per_stemmer(languages: Iterable[str]) -> tuple[str | None, ...]:
    """Return one language for each stemmer that some need, English's always among them, as None."""
    found = {algorithm(language): language for language in languages}
    return (None, *(language for name, language in found.items() if name != "porter"))


@lru_cache(maxsize=131_072)
def stem(word: str, language: str | None = None) -> str:
    """Return the stem of a word in small letters, in a language (ISO 639-1).

    Latin words in notes of another script are stemmed as English ones.
    """
    ascii = word.isascii()
    if ascii and word[-1:] not in _LETTERS:
        return word  # numbers, above all: no suffix is stripped of them
    name = "porter" if ascii and language in OTHER_SCRIPTS else algorithm(language)
    if name == "porter" and word[-1:] not in _LETTERS:
        return word
    import Stemmer  # an instance must not be shared by threads

    return str(Stemmer.Stemmer(name).stemWord(word)) or word
