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


_BREAK = re.compile(r"[.!?][\"')\]”’]*\s+(?=[\"'(\[“‘]?[^\W_a-z])|\s*\n\s*")  # noqa: RUF001
_SHORT = re.compile(
    r"(?:\b[A-Z]|\b(?:Dr|Mr|Mrs|Ms|Prof|St|Jr|Sr|vs|etc|cf|No|Vol|Fig|approx|e\.g|i\.e))\.\s*$"
)
"""What ends in a full stop and ends no sentence: initials, and the usual abbreviations."""
_TOKEN = re.compile(r"\S+")
_EDGES = re.compile(r"^\W+|\W+$")
_CLOSED = re.compile(r"[,;:.!?)\]]$")
_LINKS = frozenset(["of", "de"])
"""Words that stay between two capitalised ones: "Kingdom of France"."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Where a piece of a text begins and ends, in characters; the end is exclusive."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """Return the piece."""
        return text[self.start : self.end]

    def __len__(self) -> int:
        return self.end - self.start


def sentences(text: str) -> list[Span]:
    """Return the sentences of a text in order; a line break ends one as well."""
    spans, start = [], 0
    for found in _BREAK.finditer(text):
        end = start + len(text[start : found.end()].rstrip())
        if "\n" not in found.group() and _SHORT.search(text[start:end]):
            continue
        spans.append(Span(start, end))
        start = found.end()
    spans.append(Span(start, start + len(text[start:].rstrip())))
    return [span for span in (_stripped(text, one) for one in spans) if len(span)]


def runs(text: str, within: Span | None = None) -> list[Span]:
    """Return the longest runs of words without a function word or a mark between them, in order.

    A full name that holds "of" is one run.
    """
    part = within or Span(0, len(text))
    tokens = [Span(*found.span()) for found in _TOKEN.finditer(text, part.start, part.end)]
    found: list[list[Span]] = [[]]
    for number, token in enumerate(tokens):
        word = bare(token.of(text))
        if not word or word.lower() in FUNCTION_WORDS:
            after = bare(tokens[number + 1].of(text)) if number + 1 < len(tokens) else ""
            before = bare(found[-1][-1].of(text)) if found[-1] else ""
            if word in _LINKS and after[:1].isupper() and before[:1].isupper():
                found[-1].append(token)
            else:
                found.append([])
            continue
        found[-1].append(token)
        if _CLOSED.search(token.of(text)):
            found.append([])
    return [Span(run[0].start, run[-1].end) for run in found if run]


def bare(token: str) -> str:
    """Return a word without the marks around it."""
    return _EDGES.sub("", token)


def _stripped(text: str, span: Span) -> Span:
    piece = span.of(text)
    return Span(span.start + len(piece) - len(piece.lstrip()), span.end)
