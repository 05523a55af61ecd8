"""Arguments of Memory's verbs: texts, counts and records as a caller may write them."""

from collections.abc import Iterable
from numbers import Integral
from typing import Any

from memagent.errors import InvalidInput
from memagent.types import NewRecord

MOST = 1_000_000_000_000
"""More than there are of anything."""


def new_records(records: Iterable[str | NewRecord]) -> list[NewRecord]:
    """Return texts and records to add as records.

    Raises:
        InvalidInput: they are no series, or one text.
    """
    if isinstance(records, str | bytes | NewRecord) or not isinstance(records, Iterable):
        raise InvalidInput(f"add_many takes several texts, not {records!r}: `add` takes one")
    return [one if isinstance(one, NewRecord) else NewRecord(text=one) for one in records]


def texts(name: str, values: Any) -> tuple[str, ...]:
    """Return several texts as a tuple; one text would be taken for its letters.

    Raises:
        InvalidInput: they are not several texts.
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InvalidInput(f"{name}: several texts are wanted, as a list, not {values!r}")
    return tuple(values)


def text(name: str, value: Any) -> str:
    """Return a text as it is.

    Raises:
        InvalidInput: it is no text.
    """
    if not isinstance(value, str):
        raise InvalidInput(f"{name}: a text is wanted, not {value!r}")
    return value


def count(name: str, value: Any) -> int:
    """Return a positive number as it is, or `MOST` if it is greater than that.

    Raises:
        InvalidInput: it is no whole number, or less than one.
    """
    if not isinstance(value, Integral) or value < 1:
        raise InvalidInput(f"{name} must be at least 1, not {value!r}")
    return min(int(value), MOST)
