"""Tokenizer: the words of any language as the word index, its queries and BM25 take them.

Words are folded (NFKC, case, accents, digits of all scripts) and are runs of letters and digits.
Scripts that put no spaces between words are cut into overlapping pairs of characters, Korean too,
whose particles cling to the word. Each emoji is a word, also one that is joined of several.
"""

import json
import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from functools import cache, lru_cache
from importlib.metadata import version
from itertools import pairwise

from memagent.text.stemmer import algorithm
from memagent.text.stemmer import stem as stem

VERSION = 2
"""To be raised with every change of what this module returns: stores index their words anew."""
MAX_CHARS = 64
"""A longer word is cut into pieces of so many characters."""
MIN_PART = 3
"""A part of a word after an apostrophe is a word of its own from so many letters on: "l'eau"."""

_WORD = re.compile(r"([a-z0-9]+(?:'(?!s(?![a-z0-9]))[a-z0-9]+)*)(?:'s(?![a-z0-9]))?")
"""A word of folded ASCII text; the possessive 's is left out."""
_PLAIN_WORD = re.compile(f"[a-z0-9]{{1,{MAX_CHARS}}}")
"""The same where there is no apostrophe, which is faster."""
_PIECE = re.compile(
    r"(?P<word>w[wmz]*(?:'w[wmz]*)*)|(?P<run>(?:c[mz]*)+)|(?P<emoji>rr?|[ek][kg]*(?:ze[kg]*)*)"
)
"""Pieces of a text by the classes of its characters (`_Classes`)."""
_LETTER = re.compile(r"c[mz]*|[^c]+")
"""A letter of a script without spaces, or all up to the next, by classes."""
_ZWJ = "\u200d"
_PART_OF_EMOJI = re.compile("[\u200d\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]+")
_SPACELESS = (
    *("CJK ", "HIRAGANA ", "KATAKANA", "IDEOGRAPHIC ", "BOPOMOFO ", "HANGUL ", "THAI ", "LAO "),
    *("KHMER ", "MYANMAR ", "TIBETAN ", "YI ", "TAI ", "NEW TAI LUE ", "JAVANESE ", "BALINESE "),
    *("CHAM ", "NUSHU ", "TANGUT ", "EGYPTIAN HIEROGLYPH", "CUNEIFORM "),
)
"""Beginnings of the names of letters that stand without spaces between words, or with particles."""
_PLAIN = {
    **dict.fromkeys(map(ord, "‘’‛ʼ՚"), "'"),  # noqa: RUF001
    **{ord(letter): plain for letter, plain in zip("øłđħŧıĸ", "oldhtik", strict=True)},
    ord("æ"): "ae",
    ord("œ"): "oe",
    ord("\u200b"): " ",
    ord("ـ"): None,
}
"""Letters with what Unicode does not take apart, marks of one meaning, and the Arabic filler."""


class _Folds(dict[int, int | str | None]):
    """Folded form of each character, worked out when it is first met."""

    def __missing__(self, code: int) -> int | str | None:
        char = chr(code)
        folded: int | str | None = code
        if code in _PLAIN:
            folded = _PLAIN[code]
        elif unicodedata.category(char) == "Nd":
            folded = str(unicodedata.decimal(char))
        elif _says_nothing(char):
            folded = None
        self[code] = folded
        return folded


class _Classes(dict[int, str]):
    """Class of each character: word, mark, spaceless script, and the parts of emoji."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        category = unicodedata.category(char)
        found = " "
        if char in ("'", _ZWJ):
            found = "'" if char == "'" else "z"
        elif 0x1F3FB <= code <= 0x1F3FF:
            found = "k"  # a tone of skin
        elif 0x1F1E6 <= code <= 0x1F1FF:
            found = "r"  # half a flag
        elif _is_tag(code):
            found = "g"
        elif category[0] == "M":
            found = "m"
        elif category[0] in "LN":
            found = "c" if _name(char).startswith(_SPACELESS) else "w"
        elif category == "So":
            found = "e"
        self[code] = found
        return found


_FOLDS, _CLASSES = _Folds(), _Classes()


@cache
def fingerprint() -> str:
    """Return what tells the words of this tokenizer from those of another version, as JSON."""
    parts = {
        "version": VERSION,
        "unicode": unicodedata.unidata_version,
        "stemmer": version("PyStemmer"),
    }
    return json.dumps(parts)


def fold(text: str) -> str:
    """Return a text in lower case and plain letters, for comparing."""
    if text.isascii():
        return text.lower()
    whole = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", whole).translate(_FOLDS))


def query_words(text: str) -> list[str]:
    """Return the folded words to look for, in order; a character alone where it stands alone."""
    folded = fold(text)
    if not folded.isascii():
        return _cut([word for kind, piece in _pieces(folded) for word in _words(kind, piece)])
    return _cut(_WORD.findall(folded)) if "'" in folded else _PLAIN_WORD.findall(folded)


def document_words(text: str) -> list[str]:
    """Return the folded words that a text is found by, in order.

    They are those to look for, and also single characters and parts after an apostrophe.
    """
    folded = fold(text)
    if not folded.isascii():
        both = ((_words(*piece), _parts_of(*piece)) for piece in _pieces(folded))
        return _cut([word for found in both for some in found for word in some])
    if "'" not in folded:
        return _PLAIN_WORD.findall(folded)
    return _cut([part for word in _WORD.findall(folded) for part in (word, *_parts(word))])


def single_letters(text: str) -> list[str]:
    """Return what spaces part, with each letter of a script without spaces by itself.

    For comparing answers, where a pair of characters would count each twice.
    """
    if text.isascii():
        return text.split()
    pieces = _LETTER.finditer(text.translate(_CLASSES))
    return " ".join(text[piece.start() : piece.end()] for piece in pieces).split()


def spellings(text: str) -> dict[str, set[str]]:
    """Return how words are spelt with their accents, by the folded word, where they have any.

    Stemmers know the endings of their language by these: a Russian "й" folds to "и".
    """
    if text.isascii():
        return {}
    found: dict[str, set[str]] = {}
    for kind, piece in _pieces(unicodedata.normalize("NFKC", text).casefold()):
        if kind == "word" and not piece.isascii():
            word = piece.replace(_ZWJ, "").removesuffix("'s")
            for spelling in (word, *_parts(word)):
                found.setdefault(_folded(spelling), set()).add(spelling)
    return found


def stems_of(word: str, spelt: Collection[str], languages: tuple[str | None, ...]) -> Sequence[str]:
    """Return the stems of a folded word in some languages, by itself and as it was spelt."""
    if not spelt:
        return _stems(word, languages)
    found = dict.fromkeys(_stems(word, languages))
    for language in languages:
        if algorithm(language) != "porter":
            found |= dict.fromkeys(_folded(stem(spelling, language)) or word for spelling in spelt)
    return list(found)


@lru_cache(maxsize=65_536)
def _stems(word: str, languages: tuple[str | None, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(stem(word, language) for language in languages))


def terms(text: str, language: str | None = None) -> set[str]:
    """Return the words that the index holds of a text in a language: stemmed, each once."""
    words = document_words(text)
    if algorithm(language) == "porter":
        return set(map(stem, words))
    spelt = spellings(text)
    return {found for word in words for found in stems_of(word, spelt.get(word, ()), (language,))}


def query_stems(text: str, languages: tuple[str | None, ...]) -> list[Sequence[str]]:
    """Return the stems in some languages of each word to look for; one of them is enough."""
    spelt = spellings(text)
    return [stems_of(word, spelt.get(word, ()), languages) for word in query_words(text)]


@lru_cache(maxsize=65_536)
def _folded(word: str) -> str:
    return fold(word)


def _cut(words: list[str]) -> list[str]:
    if max(map(len, words), default=0) <= MAX_CHARS:
        return words
    starts = ((word, start) for word in words for start in range(0, len(word), MAX_CHARS))
    return [word[start : start + MAX_CHARS] for word, start in starts]


def _pieces(folded: str) -> Iterator[tuple[str, str]]:
    for match in _PIECE.finditer(folded.translate(_CLASSES)):
        yield str(match.lastgroup), folded[match.start() : match.end()]


def _words(kind: str, piece: str) -> list[str]:
    if kind == "emoji":
        whole = [piece.rstrip(_ZWJ)]
        return whole + [part for part in _PART_OF_EMOJI.split(piece) if part and part not in whole]
    plain = piece.replace(_ZWJ, "")
    if kind == "word":
        return [plain.removesuffix("'s")]
    units = _units(plain)
    return list(map("".join, pairwise(units))) or units


def _parts_of(kind: str, piece: str) -> list[str]:
    """Return what else a piece of a text is found by."""
    if kind == "word":
        return _parts(piece.replace(_ZWJ, "").removesuffix("'s"))
    units = _units(piece.replace(_ZWJ, "")) if kind == "run" else []
    return units if len(units) > 1 else []


def _parts(word: str) -> list[str]:
    return [part for part in word.split("'")[1:] if len(part) >= MIN_PART] if "'" in word else []


def _units(run: str) -> list[str]:
    """Return the letters of a run, each with the marks on it."""
    units: list[str] = []
    for char in run:
        if units and _CLASSES[ord(char)] == "m":
            units[-1] += char
        else:
            units.append(char)
    return units


def _says_nothing(char: str) -> bool:
    """Tell whether a character is an accent, a vowel of Hebrew or Arabic, or a mark of layout."""
    combining = unicodedata.combining(char)
    if 10 <= combining <= 35 or combining >= 200 or "VARIATION SELECTOR" in _name(char):
        return True
    category = unicodedata.category(char)
    return category == "Me" or (category == "Cf" and char != _ZWJ and not _is_tag(ord(char)))


def _name(char: str) -> str:
    return unicodedata.name(char, "")


def _is_tag(code: int) -> bool:
    return 0xE0020 <= code <= 0xE007F
