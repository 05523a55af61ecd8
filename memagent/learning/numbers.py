"""Numbers in answers: found in a text, and read however they are written.

"1,000", "$18.00", "18 dollars", "50%", ".5", "1/2", "1 1/2", "1.5e3", "1.5*10^3" and
"\\frac{1}{2}" are numbers; so are those with another minus sign than the hyphen. A percent sign and
a unit are left out, as GSM8K's grader (Cobbe et al. 2021) leaves out the dollar sign. A point is a
decimal point.
"""

import re
from decimal import Decimal, InvalidOperation
from fractions import Fraction

_MINUS = re.compile("[\u2010-\u2014\u2212\ufe58\ufe63\uff0d]")
"""Hyphens, dashes and minus signs that models write for "-"."""
_SPACE_OF_THOUSANDS = re.compile(
    "(?<=\\d)(?:[\u00a0\u2009\u202f'\u2019_]|\\\\,|\\{,\\})(?=\\d{3}(?!\\d))"
)
_FRACTION = re.compile(r"\\[dt]?frac\s*\{\s*([^{}]*?)\s*\}\s*\{\s*([^{}]*?)\s*\}")
_TIMES = r"(?:[*x\u00d7\u00b7]|\\times|\\cdot)"
_POWER = re.compile(rf"\s*{_TIMES}\s*10\s*(?:\^|\*\*)\s*\{{?\s*(-?\d{{1,3}})(?!\d)\}}?")
_CURRENCY = r"(?:\\?[$€£¥₹]\s?)"
_DIGITS = r"(?:\d+(?:,\d{2,3})*,\d{3}(?![,\d])|\d+)"
_NUMBER = re.compile(
    rf"(?:(?<![\w.)\]}}])-)?(?:{_CURRENCY}-?)?(?<!\^)"
    rf"(?:\d+ \d+/\d+(?![/\d])|{_DIGITS}(?:\.\d+)?/{_DIGITS}(?:\.\d+)?(?![/\d])"
    rf"|(?:{_DIGITS}(?:\.\d+)?|(?<!\d)\.\d+)(?:[eE][+-]?\d{{1,3}}(?![\w]))?)"
)
_OPERATION = re.compile(rf"[^\d=]*\d[\d.,/]*[^\d=]*?(?:[-+÷^]|\s/|{_TIMES})[^\d=]*\d")
"""A line or a side of an equation whose first number is an operand."""
_ZEROS = re.compile(r"(?<=\d)\.0+$")


def numbers_in(text: str) -> list[str]:
    """Return the numbers of a text in order, as they are written but for signs of currency."""
    plain = _plain(text)
    return [_bare(found.group()) for found in _NUMBER.finditer(plain)]


def stated_number(text: str) -> str | None:
    """Return the number that a line states as its answer, None if it holds none.

    Of "5 * 3 = 15" and of "15 = 5 * 3" that is 15; of other lines it is the first number.
    """
    sides = [side for side in _plain(text).split("=") if _NUMBER.search(side)]
    if not sides:
        return None
    first = sides[-1] if _OPERATION.match(sides[0]) else sides[0]
    found = _NUMBER.search(first)
    return _bare(found.group()) if found else None


def is_number(text: str) -> bool:
    """Tell whether a text is one number and nothing else."""
    return _NUMBER.fullmatch(_plain(text)) is not None


def value_of(number: str) -> Fraction | None:
    """Return the value of a number as `numbers_in` gives it, None if it has none ("1/0")."""
    whole, _, part = number.rpartition(" ")
    numerator, _, denominator = part.partition("/")
    try:
        value = Fraction(Decimal(numerator)) / Fraction(Decimal(denominator or "1"))
        if not whole:
            return value
        return Fraction(whole) + (-value if whole.startswith("-") else value)
    except (InvalidOperation, ValueError, ZeroDivisionError, OverflowError):
        return None


def _plain(text: str) -> str:
    """Return a text with its signs, fractions and powers of ten as plain characters."""
    text = _SPACE_OF_THOUSANDS.sub("", _MINUS.sub("-", text))
    text = _FRACTION.sub(r"\1/\2", text)
    return _POWER.sub(r"e\1", text)


def _bare(number: str) -> str:
    bare = re.sub(r"[,$€£¥₹\\]", "", number).strip()
    return _ZEROS.sub("", re.sub(r"\s+", " ", bare.replace("- ", "-")))
