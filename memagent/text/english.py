"""English words: stems, content words, names, lemmas and runs of content words."""

import re
from dataclasses import dataclass

from memagent.text.sentences import Span
from memagent.text.words import document_words, query_words
from memagent.text.words import stem as stem

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
"""Words that carry grammar rather than meaning; searches ignore them."""


def words(text: str) -> list[str]:
    """Return the words of a text as written, without a possessive 's."""
    return _WORD.findall(text)


def content_words(text: str) -> list[str]:
    """Return the words that carry meaning, folded (`text.words`), one per stem, in order."""
    by_stem = {stem(word): word for word in query_words(text) if word not in FUNCTION_WORDS}
    return list(by_stem.values())


@dataclass(frozen=True, slots=True)
class Stems:
    """The stems of a text: of all its words in order, and of those that carry meaning."""

    all: tuple[str, ...]
    content: frozenset[str]


def stems(text: str) -> Stems:
    """Return the stems of the words that a text is found by."""
    found = document_words(text)
    content = set(found).difference(FUNCTION_WORDS)
    return Stems(tuple(map(stem, found)), frozenset(map(stem, content)))


def names(text: str) -> list[str]:
    """Return the capitalised words of a text that are not function words, each once, in order."""
    capitalised = (word for word in words(text) if word[0].isupper())
    return list(dict.fromkeys(word for word in capitalised if word.lower() not in FUNCTION_WORDS))


_ENDING_IN_F = (
    "calf elf half hoof knife leaf life loaf scarf self shelf thief wharf wife wolf yourself"
).split()
_IRREGULAR = {
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
_PLURALS = {word: re.sub("fe?$", "ves", word) for word in _ENDING_IN_F} | _IRREGULAR
_SINGULARS = {plural: singular for singular, plural in _PLURALS.items()}


def lemma(word: str) -> str:
    """Return the lemma of a word, the same for all its forms: "wolves" and "wolf"."""
    lowered = word.lower()
    return stem(_SINGULARS.get(lowered, lowered))


def lemmas(text: str) -> list[str]:
    """Return the lemmas of a text's words that carry meaning, each once, in order."""
    return list(dict.fromkeys(lemma(word) for word in content_words(text)))


def forms(word: str) -> list[str]:
    """Return the forms of a word that a stemmed index tells apart."""
    lowered = word.lower()
    other = _SINGULARS.get(lowered) or _PLURALS.get(lowered)
    return [lowered, other] if other else [lowered]


_TOKEN = re.compile(r"\S+")
_EDGES = re.compile(r"^\W+|\W+$")
_CLOSING_MARK = re.compile(r"[,;:.!?)\]]$")
_LINKING_WORDS = frozenset(["of", "de"])
"""Words that stay between two capitalised ones: "Kingdom of France"."""


def runs(text: str, within: Span | None = None) -> list[Span]:
    """Return the longest runs of content words without a mark between them, in order.

    A full name with "of" or "de" in it is one run.
    """
    piece = within or Span(0, len(text))
    tokens = [Span(*match.span()) for match in _TOKEN.finditer(text, piece.start, piece.end)]
    runs: list[list[Span]] = [[]]
    for number, token in enumerate(tokens):
        word = bare(token.of(text))
        if not word or word.lower() in FUNCTION_WORDS:
            after = bare(tokens[number + 1].of(text)) if number + 1 < len(tokens) else ""
            before = bare(runs[-1][-1].of(text)) if runs[-1] else ""
            if word in _LINKING_WORDS and after[:1].isupper() and before[:1].isupper():
                runs[-1].append(token)
            else:
                runs.append([])
            continue
        runs[-1].append(token)
        if _CLOSING_MARK.search(token.of(text)):
            runs.append([])
    return [Span(run[0].start, run[-1].end) for run in runs if run]


def bare(token: str) -> str:
    """Return a token without the punctuation around it."""
    return _EDGES.sub("", token)
