"""Arguments of Memory's verbs: texts, counts and records as a caller may write them."""

import functools
import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from memagent.errors import InvalidInput, shown
from memagent.records import require_whole
from memagent.types import NewRecord

T = TypeVar("T")
MAX_COUNT = 1 << 60
"""More than any store holds; SQLite takes no number of more than 64 bits."""
NAMES = {
    str: "a text is",
    bool: "true or false is",
    int: "a whole number is",
    float: "a number is",
    datetime: "a datetime is",
    timedelta: "a timedelta is",
    Sequence: "several texts are",
    Iterable: "several texts are",
}
"""Names of argument types in errors; another class goes by its own name."""


def checked(part: type[T]) -> type[T]:
    """Class decorator: public verbs check their plain arguments by the annotations.

    Texts, numbers, flags, times and choices are checked before anything is done. What has a type of
    its own (a scope, ids, a filter, vectors) is checked where it is read.
    """
    for name, verb in list(vars(part).items()):
        if name.startswith("_"):
            continue
        if inspect.isfunction(verb):
            setattr(part, name, _checking(verb))
        elif isinstance(verb, classmethod):
            setattr(part, name, classmethod(_checking(verb.__func__)))
    return part


def _checking(verb: Callable[..., Any]) -> Callable[..., Any]:
    parameters = inspect.signature(verb).parameters
    places, types = (
        list(parameters),
        {
            name: parameter.annotation
            for name, parameter in parameters.items()
            if _is_checked(parameter.annotation)
        },
    )

    @functools.wraps(verb)
    def call(*args: Any, **kwargs: Any) -> Any:
        for name, value in (*zip(places, args, strict=False), *kwargs.items()):
            if name in types and not _accepts(types[name], value):
                raise InvalidInput(f"{name}: {_named(types[name])} wanted, not {shown(value)}")
        return verb(*args, **kwargs)

    return call


def _is_checked(annotation: Any) -> bool:
    """Tell whether a type is a class, choices, several texts, or one of these or None."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        parts = [part for part in get_args(annotation) if part is not NoneType]
        return len(parts) == 1 and _is_checked(parts[0])
    if origin in (Sequence, Iterable):
        return get_args(annotation) == (str,)
    untyped = annotation in (inspect.Parameter.empty, object)
    return origin is Literal or (isinstance(annotation, type) and not untyped)


def _accepts(annotation: Any, value: Any) -> bool:
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return value is None or all(
            _accepts(part, value) for part in get_args(annotation) if part is not NoneType
        )
    if origin is Literal:
        return isinstance(value, str) and value in get_args(annotation)
    if origin in (Sequence, Iterable):
        return not isinstance(value, str | bytes) and isinstance(value, Iterable) and _texts(value)
    if annotation in (int, float):
        number = isinstance(value, Integral if annotation is int else Real)
        return number and not isinstance(value, bool) and not _is_nan(value)
    return isinstance(value, annotation)


def _texts(values: Iterable[Any]) -> bool:
    """Tell whether several values are texts; those of an iterator are not read for it."""
    try:
        return isinstance(values, Iterator) or all(isinstance(value, str) for value in values)
    except TypeError:  # an array without dimensions says that it is iterable
        return False


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _named(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return _named(next(part for part in get_args(annotation) if part is not NoneType))
    if origin is Literal:
        return f"one of {', '.join(get_args(annotation))} is"
    held = origin or annotation
    return NAMES.get(held) or f"a {held.__name__} is"


def new_records(records: Iterable[str | NewRecord]) -> list[NewRecord]:
    """Return texts and records to add as records.

    Raises:
        InvalidInput: they are no series, or one text.
    """
    if isinstance(records, str | bytes | NewRecord) or not isinstance(records, Iterable):
        raise InvalidInput(f"add_many takes several texts, not {shown(records)}: `add` takes one")
    return [
        record if isinstance(record, NewRecord) else NewRecord(text=record)
        for record in listed("records", records)
    ]


def listed(name: str, values: Iterable[T]) -> list[T]:
    """Return several values as a list.

    Raises:
        InvalidInput: they say that they are several, and are not (an array without dimensions).
    """
    try:
        return list(values)
    except TypeError as error:
        raise InvalidInput(f"{name}: several are wanted, not {shown(values)}") from error


def texts(name: str, values: Any) -> tuple[str, ...]:
    """Return several texts as a tuple; one text would be taken for its letters.

    Raises:
        InvalidInput: they are not several texts.
    """
    several = not isinstance(values, str | bytes) and isinstance(values, Iterable)
    whole = tuple(listed(name, values)) if several else ()
    if not several or not all(isinstance(value, str) for value in whole):
        raise InvalidInput(f"{name}: several texts are wanted, as a list, not {shown(values)}")
    return whole


def text(name: str, value: Any) -> str:
    """Return a text as it is.

    Raises:
        InvalidInput: it is no text, or holds half of a character.
    """
    if not isinstance(value, str):
        raise InvalidInput(f"{name}: a text is wanted, not {shown(value)}")
    return require_whole(f"the {name}", value)


def count(name: str, value: Any, *, least: int = 1) -> int:
    """Return a whole number as it is.

    Raises:
        InvalidInput: it is no whole number, or less than the least.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise InvalidInput(f"{name} must be at least {least}, not {shown(value)}")
    return min(int(value), MAX_COUNT)
