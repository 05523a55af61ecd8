"""Identifiers in texts, compared by what they identify: mail addresses, dates, numbers, codes.

Case, width, script of the digits, separators and a number's country prefix do not tell two
spellings apart. Names of months and digits written as words are not read: they are of one language.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Literal

from memagent.text.words import fold

MIN_NUMBER = 6
"""Digits of a number that identifies: a shorter one is an amount, a year, a time."""
MIN_SUFFIX, MAX_PREFIX = 7, 3
"""Digits that two numbers share at their end to be one, and digits that only one of them has."""
MIN_CODE, MIN_CODE_DIGITS = 5, 2
"""Characters of a code of letters and digits, and digits among them."""

_AT = r"(?:@|\s*[\[({<]\s*(?:at|@)\s*[\])}>]\s*)"
_DOT = r"(?:\.|\s*[\[({<]\s*(?:dot|\.)\s*[\])}>]\s*)"
_NAME = r"[^\W_][\w+-]*"
_MAIL = re.compile(rf"{_NAME}(?:{_DOT}{_NAME})*{_AT}{_NAME}(?:{_DOT}{_NAME})+")
_SPOKEN_MAIL = re.compile(rf"{_NAME}(?: dot {_NAME})* at {_NAME}(?: dot {_NAME})+")
_DATE = re.compile(
    r"(?<!\d)(?:(?P<y>\d{4})(?:[-/.]|年)(?P<m>\d{1,2})(?:[-/.]|月)(?P<d>\d{1,2})日?"
    r"|(?P<first>\d{1,2})[-/.](?P<second>\d{1,2})[-/.](?P<year>\d{4}))(?!\d)"
)
_NUMBER = re.compile(r"\+?\d(?:[^\w,;:!?]{0,2}\d)+")
_TOKEN = re.compile(r"[^\W_]+")
_GAP = re.compile(r"[-./ ]")
_DIGIT = re.compile(r"\d")

Kind = Literal["mail", "date", "number", "code"]


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier in one spelling for all: a date as ISO 8601, a number as its digits."""

    kind: Kind
    value: str

    def is_same(self, other: "Identifier") -> bool:
        """Tell whether another identifier names the same; a number may lack its prefix."""
        if self.kind != other.kind:
            return False
        if self.kind != "number":
            return self.value == other.value
        short, long = sorted((self.value.lstrip("0"), other.value.lstrip("0")), key=len)
        if short == long:
            return True
        near = len(short) >= MIN_SUFFIX and len(long) - len(short) <= MAX_PREFIX
        return near and long.endswith(short)


def identifiers(text: str) -> frozenset[Identifier]:
    """Return the identifiers in a text; a date that can be read in two ways is both."""
    rest, found = fold(text), {Identifier("code", code) for code in _codes(_plain(text))}
    for pattern, read in ((_MAIL, _mail), (_SPOKEN_MAIL, _mail), (_DATE, _dates)):
        for match in pattern.finditer(rest):
            found.update(read(match))
        rest = pattern.sub(" | ", rest)
    for match in _NUMBER.finditer(rest):
        digits = "".join(_DIGIT.findall(match.group()))
        if len(digits) >= MIN_NUMBER:
            found.add(Identifier("number", digits))
    return frozenset(found)


def share_identifier(first: frozenset[Identifier], second: frozenset[Identifier]) -> bool:
    """Tell whether two texts, given as their identifiers, name one thing in common."""
    return any(one.is_same(other) for one in first for other in second)


def _plain(text: str) -> str:
    """Return a text in plain width, its case as it is, without what is read as something else."""
    plain = unicodedata.normalize("NFKC", text)
    return _DATE.sub(" | ", re.sub(r"\S*@\S*", " | ", plain))


def _mail(match: re.Match[str]) -> Iterator[Identifier]:
    plain = re.sub(rf"{_AT}| at ", "@", match.group())
    yield Identifier("mail", re.sub(rf"{_DOT}| dot ", ".", plain))


def _dates(match: re.Match[str]) -> Iterator[Identifier]:
    first, second = match["first"], match["second"]
    if match["y"]:
        readings = [(match["y"], match["m"], match["d"])]
    else:
        readings = [(match["year"], second, first), (match["year"], first, second)]
    for year, month, day in readings:
        try:
            yield Identifier("date", date(int(year), int(month), int(day)).isoformat())
        except ValueError:  # no such day, or the other reading of it
            continue


def _codes(text: str) -> Iterator[str]:
    """Yield codes of letters and digits: "B-KX 4821".

    A space joins letters to digits only where they are capitals and few, as in no usual word.
    """
    tokens = list(_TOKEN.finditer(text))
    starts = [0]
    for place, (before, after) in enumerate(pairwise(tokens), start=1):
        gap = text[before.end() : after.start()]
        spaced = gap == " " and not (_is_part(before.group()) and _is_part(after.group()))
        if spaced or not _GAP.fullmatch(gap):
            starts.append(place)
    for start, end in pairwise([*starts, len(tokens)]):
        code = fold("".join(token.group() for token in tokens[start:end]))
        digits = len(_DIGIT.findall(code))
        if len(code) >= MIN_CODE and MIN_CODE_DIGITS <= digits < len(code):
            yield code


def _is_part(token: str) -> bool:
    """Tell whether a token may stand beside a space within a code."""
    return bool(_DIGIT.search(token)) or (len(token) <= 3 and token.isupper())
