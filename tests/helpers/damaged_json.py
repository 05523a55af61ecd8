"""JSON documents that are damaged in one place, for tests of what reads them."""

import copy
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import strategies as st

from memagent.errors import InvalidInput, RunError

T = TypeVar("T")
TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
"""Any JSON value, also one with half of a character in it."""


def places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of each value within a document, that of the whole first."""
    parts: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        parts = list(value.items())
    elif isinstance(value, list):
        parts = list(enumerate(value))
    return [above, *(path for key, part in parts for path in places(part, (*above, key)))]


@st.composite
def damaged(draw: st.DrawFn, document: Any) -> Any:
    """Draw the document with one value replaced, removed, doubled, or under another key."""
    path = draw(st.sampled_from(places(document)))
    if not path:
        return draw(VALUES)
    whole = copy.deepcopy(document)
    holder = whole
    for key in path[:-1]:
        holder = holder[key]
    key = path[-1]
    way = draw(st.sampled_from(["replaced", "replaced", "removed", "moved"]))
    if way == "replaced":
        holder[key] = draw(VALUES)
        return whole
    value = holder.pop(key)
    if way == "moved" and isinstance(holder, list):
        holder += [value, value]
    elif way == "moved":
        holder[draw(TEXTS)] = value
    return whole


def read_or_refused(load: Callable[[], T]) -> T | str:
    """Return what is loaded, or the message of a user's error."""
    try:
        return load()
    except (InvalidInput, RunError) as error:
        return str(error)
