"""English words: which carry meaning, which names a text holds, and which point elsewhere."""

import re
from dataclasses import dataclass
from functools import lru_cache
from string import ascii_letters

_LETTERS = frozenset(ascii_letters)
_WORD = re.compile(r"(\w+(?:['’](?!s\b)\w+)*)(?:['’]s\b)?")  # noqa: RUF001

FUNCTION_WORDS = frozenset(
    """a about above after afterwards again against all also am an and any are aren't as at be
    because been before being below between both but by can can't could couldn't did didn't do does
    doesn't doing don't down during each either few following for from further had hadn't has hasn't
    have haven't having he her here hers herself him himself his how i i'm i've if in into is isn't
    it it's its itself just know let me mine more most my myself neither no nor not now of off on
    once only or other our ours ourselves out over own please same shall she should so some such
    tell than that that's the their theirs them themselves then there these they they're this those
    through to too under until up us very was wasn't we were weren't what what's when where where's
    which while who who's whom whose why will with won't would you your yours yourself yourselves
    """.split()
)
"""Words that carry grammar rather than meaning; a search does not look for them."""

PERSONAL_PRONOUNS = frozenset("he him his she her hers they them their theirs it its".split())
"""Third-person pronouns: a text whose only subject is one of these needs what came before it."""
_PRONOUN = re.compile(rf"\b(?:{'|'.join(sorted(PERSONAL_PRONOUNS))})\b", re.IGNORECASE)


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """Return the Porter stem of a word, as the full-text index stems it."""
    if word[-1:] not in _LETTERS:
        return word  # numbers, above all: every ending that is taken off is of English letters
    import snowballstemmer

    return str(snowballstemmer.stemmer("porter").stemWord(word))


def words(text: str) -> list[str]:
    """Return the words of a text as they are written, but for a possessive: Emma's is Emma."""
    return _WORD.findall(text)


def content_words(text: str) -> list[str]:
    """Return the words that carry meaning in lower case, one for each stem, in order."""
    lowered = (word.lower() for word in words(text))
    by_stem = {stem(word): word for word in lowered if word not in FUNCTION_WORDS}
    return list(by_stem.values())


@dataclass(frozen=True, slots=True)
class Stems:
    """The stems of a text: of each of its words in order, and of those that carry meaning."""

    all: tuple[str, ...]
    content: frozenset[str]


def stems(text: str) -> Stems:
    """Return the stems of a text's words."""
    lowered = list(map(str.lower, words(text)))
    meaning = set(lowered).difference(FUNCTION_WORDS)
    return Stems(tuple(map(stem, lowered)), frozenset(map(stem, meaning)))


def names(text: str) -> list[str]:
    """Return the capitalised words of a text that are not function words, each once, in order."""
    found = (word for word in words(text) if word[0].isupper())
    return list(dict.fromkeys(word for word in found if word.lower() not in FUNCTION_WORDS))


def needs_context(text: str) -> bool:
    """Tell whether a text speaks of somebody only by pronoun, with no name before it."""
    if _PRONOUN.search(text) is None:  # most texts, told at once
        return False
    for word in words(text):
        if word.lower() in PERSONAL_PRONOUNS:
            return True
        if names(word):
            return False
    return False
