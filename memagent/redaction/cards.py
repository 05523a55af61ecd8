"""Card numbers in texts, of any script's digits: plain, or in the groups that cards print."""

import re
from collections.abc import Iterator
from itertools import pairwise

from memagent.redaction.redactor import Span

KIND = "card"
RUN = re.compile(
    r"(?<![0-9A-Za-z_+])\d(?:(?:[^\S\r\n]{1,2}|[-.\u2010-\u2015])?\d){11,}(?![0-9A-Za-z_])"
)
"""A run of at least twelve digits, with at most one separator between two."""
GROUP = re.compile(r"\d+")
INSIDE = re.compile(r"[0-9][-.,:/]$|[A-Za-z][-/]$|\d\s$")
"""What a run follows that is a part of a longer number or name: a decimal, an id, a date."""
PRINTED = ((4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3))
"""Sizes of the groups that cards print."""
COUNTS = sorted({1, *map(len, PRINTED)}, reverse=True)
"""Numbers of groups, the longest first: a long number may begin with a valid shorter one."""
DEBIT = ("5", "6")
"""First digits of national debit cards, whose issuers are many; they count only in groups."""
MIN_DIGITS, MAX_DIGITS = 13, 19


def card_numbers(text: str) -> Iterator[Span]:
    """Yield the card numbers in a text: digits that Luhn's check and an issuer's prefix fit."""
    for run in RUN.finditer(text):
        if INSIDE.search(text, max(run.start() - 2, 0), run.start()):
            continue
        groups = [group.span() for group in GROUP.finditer(text, *run.span())]
        yield from _in_groups(text, groups)


def _in_groups(text: str, groups: list[tuple[int, int]]) -> Iterator[Span]:
    sizes = [end - start for start, end in groups]
    place = 0
    while place < len(groups):
        if sizes[place] != PRINTED[0][0] and sizes[place] < MIN_DIGITS:
            place += 1
            continue
        for count in COUNTS:
            window = groups[place : place + count]
            printed = tuple(sizes[place : place + count]) in PRINTED
            alone = count == 1 and _is_apart(text, groups, place)
            if (printed or alone) and _is_card(text, window, printed=printed):
                yield window[0][0], window[-1][1], KIND
                place += count - 1
                break
        place += 1


def _is_apart(text: str, groups: list[tuple[int, int]], place: int) -> bool:
    """Tell whether a group has a card's length, and is no part of a decimal or a longer id."""
    start, end = groups[place]
    before = text[groups[place - 1][1] : start] if place else " "
    return MIN_DIGITS <= end - start <= MAX_DIGITS and before.isspace()


def _is_card(text: str, window: list[tuple[int, int]], *, printed: bool) -> bool:
    """Tell whether groups of digits are a card's number, by a check of pydantic's."""
    from pydantic_core import PydanticCustomError
    from pydantic_extra_types.payment import PaymentCardBrand, PaymentCardNumber

    if len({text[end:start] for (_, end), (start, _) in pairwise(window)}) > 1:
        return False  # a card's groups are set apart alike
    digits = "".join(str(int(digit)) for start, end in window for digit in text[start:end])
    try:
        number = PaymentCardNumber(digits)
    except PydanticCustomError:
        return False
    return number.brand != PaymentCardBrand.other or (printed and digits.startswith(DEBIT))
