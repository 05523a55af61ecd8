"""Reference of metadata filters: what a filter says, told anew over plain Python values."""

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

ODD_KEYS = (
    *("größe", "作者", "👍", "a\\b", "a\nb", 'a"b', "a.b", "$", "[0]", "", " ", "$.a", "a[0]"),
    *("\0", "\x01", "\x7f", "\u2028", "not", "and", "eq", "'", "a'", "%", "_", "#", "\\u0061"),
)
MISSING = object()


def same(one: Any, other: Any) -> bool:
    """Equality of JSON: of one type, numbers by value."""
    kinds = [
        "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value)
        for value in (one, other)
    ]
    if kinds[0] != kinds[1]:
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


def held_at(metadata: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if not isinstance(metadata, dict) or key not in metadata:
            return MISSING
        metadata = metadata[key]
    return metadata


def compares(held: Any, operator: str, value: Any) -> bool:
    numbers = [type(side) in (int, float) for side in (held, value)]
    if not all(numbers) and not (isinstance(held, str) and isinstance(value, str)):
        return False
    if operator.startswith("l"):
        return bool(held < value or (operator == "lte" and held == value))
    return bool(held > value or (operator == "gte" and held == value))


def holds(metadata: Any, where: Any) -> bool:
    """What a filter says of metadata."""
    for name, wanted in where.items():
        if name == "and":
            passed = all(holds(metadata, inner) for inner in wanted)
        elif name == "or":
            passed = any(holds(metadata, inner) for inner in wanted)
        elif name == "not":
            passed = not holds(metadata, wanted)
        else:
            held = held_at(metadata, name if isinstance(name, tuple) else (name,))
            tests = wanted if isinstance(wanted, dict) else {"eq": wanted}
            passed = all(passes(held, operator, value) for operator, value in tests.items())
        if not passed:
            return False
    return True


def passes(held: Any, operator: str, value: Any) -> bool:
    if operator == "exists":
        return (held is not MISSING) is value
    if operator == "eq":
        return same(held, value)
    if operator == "ne":
        return not same(held, value)
    if operator == "in":
        return any(same(held, one) for one in value)
    if operator == "contains":
        return isinstance(held, list) and any(same(one, value) for one in held)
    return compares(held, operator, value)


letters = st.text("aé\\\"'\n\0. \u2028👍", max_size=2)
keys_of_any_letters = st.sampled_from(("a", "b", "a.b", *ODD_KEYS)) | letters
numbers = st.sampled_from(
    (
        0,
        1,
        1.0,
        -1,
        0.1,
        0.1 + 0.2,
        2**53,
        2**53 + 1,
        float(2**53),
        2**63,
        2**63 - 1,
        -(2**63),
        2**70,
    )
) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | letters
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(keys_of_any_letters, inner, max_size=2)
    ),
    max_leaves=4,
)
metadatas = st.lists(
    st.dictionaries(keys_of_any_letters, values, max_size=4), min_size=1, max_size=4
)


def paths_of(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if path:
        yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths_of(inner, (*path, key))


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[dict[str, Any]], dict[Any, Any]]:
    """Metadata of some records, and a filter that mostly speaks of what they hold."""
    written = draw(metadatas)
    known = [pair for metadata in written for pair in paths_of(metadata)]

    def comparison() -> dict[Any, Any]:
        path, value = draw(st.sampled_from(known)) if known else (("a",), 1)
        path = draw(
            st.just(path) | st.lists(keys_of_any_letters, min_size=1, max_size=2).map(tuple)
        )
        if isinstance(value, list) and value and draw(st.booleans()):
            value = value[0]
        value = draw(st.just(value) | values)
        operator = draw(st.sampled_from(("eq", "ne", "in", "contains", "exists", "lt", "gte")))
        if operator in ("lt", "gte"):
            operator = draw(st.sampled_from(("lt", "lte", "gt", "gte")))
            value = value if isinstance(value, str) or type(value) in (int, float) else 1
        if operator == "in":
            value = [value, *draw(st.lists(values, max_size=2))]
        if operator == "exists":
            value = draw(st.booleans())
        return {path: {operator: value}}

    def nested(depth: int) -> dict[Any, Any]:
        shape = draw(st.sampled_from(("leaf", "leaf", "and", "or", "not"))) if depth else "leaf"
        if shape == "leaf":
            return comparison()
        if shape == "not":
            return {"not": nested(depth - 1)}
        return {shape: [nested(depth - 1) for _ in range(draw(st.integers(1, 2)))]}

    return written, nested(2)
