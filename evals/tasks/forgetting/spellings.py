"""Spellings of one identifier: a telephone number, an account, a date, and others."""

import random
from collections.abc import Callable, Sequence

Spell = Callable[[random.Random], Sequence[str]]
"""Draws an identifier, and returns several spellings of it."""
_WORDS = "zero one two three four five six seven eight nine".split()
_FIRST = "ada boris carla dana emil fatou goran hilda".split()
_LAST = "lovelace moravec nunes okoro petit quist rossi stein".split()
_MONTHS = (
    "January February March April May June July August September October November December"
).split()


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("123456789") for _ in range(count))


def _grouped(digits: str, size: int, mark: str) -> str:
    return mark.join(digits[start : start + size] for start in range(0, len(digits), size))


def _shifted(digits: str, zero: str) -> str:
    """Return digits in another script, whose zero is given."""
    return "".join(chr(ord(zero) + int(digit)) for digit in digits)


def _phone(rng: random.Random) -> Sequence[str]:
    area, exchange, line = "555", _digits(rng, 3), _digits(rng, 4)
    return (
        f"+1 {area} {exchange} {line}",
        f"({area}) {exchange}-{line}",
        f"{area}.{exchange}.{line}",
        f"{area}{exchange}{line}",
    )


def _mobile(rng: random.Random) -> Sequence[str]:
    prefix, rest = f"17{_digits(rng, 1)}", _digits(rng, 7)
    return (
        f"+49 {prefix} {_grouped(rest, 4, ' ')}",
        f"0{prefix}/{rest}",
        f"0049-{prefix}-{_grouped(rest, 3, '-')}",
        f"(0{prefix}) {rest}",
        f"{_shifted('0', chr(0xFF10))}{_shifted(prefix + rest, chr(0xFF10))}",
        f"{_shifted('0', chr(0x0660))}{_shifted(prefix + rest, chr(0x0660))}",
        " ".join(_WORDS[int(digit)] for digit in f"0{prefix}{rest}"),
    )


def _bank(rng: random.Random) -> Sequence[str]:
    number = f"DE{_digits(rng, 20)}"
    return number, _grouped(number, 4, " "), _grouped(number, 4, "-").lower()


def _card(rng: random.Random) -> Sequence[str]:
    number = f"4{_digits(rng, 15)}"
    return _grouped(number, 4, " "), number, _grouped(number, 4, "-"), _grouped(number, 4, ".")


def _date(rng: random.Random) -> Sequence[str]:
    year, month, day = rng.randint(2021, 2029), rng.randint(1, 12), rng.randint(13, 28)
    return (
        f"{year}-{month:02}-{day}",
        f"{day}.{month}.{year}",
        f"{day}/{month:02}/{year}",
        f"{year}年{month}月{day}日",
    )


def _day(rng: random.Random) -> Sequence[str]:
    year, month, day = rng.randint(2021, 2029), rng.randint(1, 12), rng.randint(13, 28)
    return (
        f"{year}/{month:02}/{day}",
        f"{day}.{month:02}.{year}",
        f"{month}/{day}/{year}",
        f"{day} {_MONTHS[month - 1]} {year}",
    )


def _mail(rng: random.Random) -> Sequence[str]:
    first, last = rng.choice(_FIRST), rng.choice(_LAST)
    host = rng.choice(("example.org", "example.com", "mail.example.net"))
    dotted = host.replace(".", " dot ")
    return (
        f"{first}.{last}@{host}",
        f"{first}.{last}@{host}".upper(),
        f"{first.title()}.{last.title()} (at) {host.replace('.', ' (dot) ')}",
        f"{first}.{last}[at]{host}",
        f"{first} dot {last} at {dotted}",
    )


def _plate(rng: random.Random) -> Sequence[str]:
    place, letters, number = rng.choice("BHKSM"), rng.choice(("KX", "TR", "LU")), _digits(rng, 4)
    return (
        f"{place}-{letters} {number}",
        f"{place}{letters}{number}",
        f"{place} {letters} {number}",
        f"{place}-{letters}-{number}".lower(),
    )


SPELLINGS: dict[str, Spell] = {
    "phone": _phone,
    "bank": _bank,
    "date": _date,
    "mobile": _mobile,
    "mail": _mail,
    "card": _card,
    "plate": _plate,
    "day": _day,
}
