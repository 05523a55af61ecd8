"""Filter over the metadata of records: in SQL where SQL can tell, and in Python where it cannot.

    {"page": 3}                                   equal, and a number
    {"year": {"gte": 2020, "lt": 2024}}           all of these
    {"tag": {"in": ["a", "b"]}, "draft": {"exists": False}}
    {"or": [{"page": 3}, {"not": {"tag": "a"}}]}  and, or, not
    {("author", "name"): "Ada"}                   a key within an object, by its path
    {"tags": {"contains": "a"}}                   an element of a list is equal
    {"tags": {"eq": ["a", "b"]}}                  the whole list, in this order

Operators: eq, ne, in, contains, lt, lte, gt, gte, exists. The rules, for any key and any value:

- Equal are values of one JSON type: the number 3 is not the text "3", and 1 is not `true`. Numbers
  are equal by value (1 and 1.0 are), texts character by character. Lists are equal as wholes and in
  order, objects with the same keys and equal values.
- `null` is a value. A key that is missing is equal to nothing, not even to `null`; so `ne` and
  `not` let records through that have no such key.
- `contains` looks into a list. The orders compare numbers with numbers, and texts with texts by
  their code points; between other values none of them holds.
- A path, even of one key, always means a key, which is how a key called "not" is reached. It leads
  through objects only, not into lists.
"""

import json
import operator
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from math import isnan
from typing import Any
from weakref import WeakValueDictionary

from memagent.errors import InvalidInput, shown
from memagent.stores.database.metadata import MAX_DEPTH

Compiled = tuple[str, list[Any]]
Path = tuple[str, ...]
_ORDER = {"lt": operator.lt, "lte": operator.le, "gt": operator.gt, "gte": operator.ge}
_SIGNS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_OPERATORS = ("eq", "ne", "in", "contains", *_ORDER, "exists")
_OR = 'alternatives are written {"or": [{...}, {...}]}'
_MISSING = object()
"""Value of a key that is not there."""
_PLAIN_KEY = re.compile(r'[^"\\\x00-\x1f]+')
"""Keys that JSON does not escape: every SQLite reads them the same way in a path."""
_EXACT = range(-(1 << 53), (1 << 53) + 1)
"""Whole numbers that SQLite compares exactly with any other number."""
MAX_TERMS = 64
"""Comparisons up to which a filter is SQL; SQLite refuses an expression of a thousand."""
MAX_SQL_DEPTH = 8
"""Filters within one another up to which they are SQL; SQLite's parser has a stack of a hundred."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Condition on decoded metadata, and the same in SQL over the column `{column}`.

    The SQL is NULL for a record of which SQL cannot tell; it is None if that is any record.
    """

    matches: Callable[[Any], bool]
    sql: str | None = None
    values: tuple[Any, ...] = ()
    terms: int = 1


class Predicate:
    """Condition as a parameter of a statement: bound by its number, alive as long as it is held."""

    def __init__(self, matches: Callable[[Any], bool]) -> None:
        self.matches = matches
        self.number = next(_NUMBERS)
        _PREDICATES[self.number] = self

    def __conform__(self, protocol: object) -> int:
        """Return what SQLite is given in its place."""
        return self.number


_NUMBERS = count(1)
_PREDICATES: WeakValueDictionary[int, Predicate] = WeakValueDictionary()


def metadata_matches(metadata: Any, number: int) -> bool | None:
    """Tell whether stored metadata meet a predicate; None if they are damaged.

    SQLite calls this function by its name.
    """
    try:
        decoded = json.loads(metadata)
    except (TypeError, ValueError, RecursionError):
        return None
    return _PREDICATES[number].matches(decoded)


def compile_filter(where: Mapping[Any, Any], column: str = "r.metadata") -> Compiled:
    """Return an SQL condition over a column of stored metadata, and its values.

    The connection must know the function `metadata_matches`.

    Raises:
        InvalidInput: the filter is malformed; the message names the part.
    """
    condition = _filter(where, 1)
    predicate = Predicate(condition.matches)
    # Metadata that are damaged are left to `json_type`, which says so.
    python = f"coalesce(metadata_matches({column}, ?), json_type({column}) = '')"
    if condition.sql is None or condition.terms > MAX_TERMS:
        return python, [predicate]
    # Not every SQLite reads a text on beyond an escaped NUL.
    sql = f"CASE WHEN instr({column}, '\\u0000') THEN NULL ELSE {condition.sql} END"
    return f"coalesce({sql.replace('{column}', column)}, {python})", [*condition.values, predicate]


def _filter(where: Any, depth: int) -> Condition:
    if not isinstance(where, Mapping) or not where:
        raise InvalidInput(f"filter: expected a non-empty mapping, found {shown(where)}")
    if depth > MAX_DEPTH:
        raise InvalidInput(f"filter: nested too deeply: at most {MAX_DEPTH} filters")
    condition = _all([_part(name, wanted, depth) for name, wanted in where.items()])
    return condition if depth <= MAX_SQL_DEPTH else Condition(condition.matches)


def _part(name: Any, wanted: Any, depth: int) -> Condition:
    if name in ("and", "or"):
        if not is_list(wanted):
            raise InvalidInput(f"filter: {name!r} expects a non-empty list of filters; {_OR}")
        join = _all if name == "and" else _any
        return join([_filter(inner, depth + 1) for inner in wanted])
    if name == "not":
        return _not(_filter(wanted, depth + 1))
    if isinstance(wanted, list | tuple):
        raise InvalidInput(f"filter: {shown(name)}: say 'in' or 'eq' to compare with a list")
    if not isinstance(wanted, Mapping):
        return _comparison(name, "eq", wanted)
    if not wanted:
        raise InvalidInput(f"filter: {shown(name)} has no operator")
    return _all([_comparison(name, symbol, value) for symbol, value in wanted.items()])


def _comparison(name: Any, symbol: Any, value: Any) -> Condition:
    path = _path(name)
    if symbol == "eq":
        return _equal(path, _comparable(value, name), value)
    if symbol == "ne":
        return _not(_equal(path, _comparable(value, name), value))
    if symbol == "in":
        if not is_list(value):
            raise InvalidInput(f"filter: {shown(name)}: 'in' expects a non-empty list")
        return _among(path, name, value)
    if symbol == "contains":
        element = _comparable(value, name)
        return Condition(lambda metadata: _has(_value(metadata, path), element))
    if symbol == "exists":
        if not isinstance(value, bool):
            raise InvalidInput(f"filter: {shown(name)}: 'exists' expects true or false")
        there = f"(json_type({{column}}, ?) IS {'NOT ' if value else ''}NULL)"
        return _on_sql(
            path, lambda metadata: (_value(metadata, path) is not _MISSING) is value, there
        )
    if isinstance(symbol, str) and symbol in _ORDER:
        return _ordered(path, name, symbol, value)
    raise InvalidInput(
        f"filter: {shown(name)}: unknown operator {shown(symbol)}; there are"
        f" {', '.join(_OPERATORS)}; {_OR}"
    )


def _equal(path: Path, wanted: Hashable, value: Any) -> Condition:
    def matches(metadata: Any) -> bool:
        return _comparable_stored(_value(metadata, path)) == wanted

    if value is None or isinstance(value, bool):
        named = json.dumps(value)
        return _on_sql(path, matches, f"(coalesce(json_type({{column}}, ?), '') = '{named}')")
    return _compared(path, matches, "=", wanted)


def _among(path: Path, name: Any, values: Sequence[Any]) -> Condition:
    """Return the condition that a value is one of several; a look-up, however many they are."""
    wanted = [_comparable(value, name) for value in values]
    among = frozenset(wanted)
    condition = Condition(
        lambda metadata: _comparable_stored(_value(metadata, path)) in among, terms=len(values)
    )
    if len(values) > MAX_TERMS:
        return condition
    parts = [_equal(path, *pair) for pair in zip(wanted, values, strict=True)]
    joined = _any(parts)
    return Condition(condition.matches, joined.sql, joined.values, joined.terms)


def _ordered(path: Path, name: Any, symbol: str, value: Any) -> Condition:
    if value is None or isinstance(value, bool):
        raise InvalidInput(f"filter: {shown(name)}: {symbol!r} expects a number or a text")
    bound: Any = _comparable(value, name)
    if not isinstance(bound, int | float | str):
        raise InvalidInput(f"filter: {shown(name)}: {symbol!r} expects a number or a text")
    types, holds = str if isinstance(bound, str) else int | float, _ORDER[symbol]

    def matches(metadata: Any) -> bool:
        held = _value(metadata, path)
        return isinstance(held, types) and not isinstance(held, bool) and holds(held, bound)

    return _compared(path, matches, _SIGNS[symbol], bound)


def _compared(path: Path, matches: Callable[[Any], bool], sign: str, value: Any) -> Condition:
    """Return a comparison, in SQL if it is with a text or a whole number that SQL reads exactly.

    A stored fraction is left to Python: SQLite's versions round some of them in their own ways.
    """
    if isinstance(value, str):
        decided, left = "text", ""
    elif isinstance(value, int) and value in _EXACT:
        decided, left = "integer", " WHEN 'real' THEN NULL"
    else:
        return Condition(matches)
    sql = (
        f"(CASE json_type({{column}}, ?) WHEN '{decided}'"
        f" THEN json_extract({{column}}, ?) {sign} ?{left} ELSE 0 END)"
    )
    return _on_sql(path, matches, sql, value)


def _on_sql(path: Path, matches: Callable[[Any], bool], sql: str, *values: Any) -> Condition:
    """Return a condition with its SQL, which takes the path once, or twice before a value."""
    texts = [*path, *(value for value in values if isinstance(value, str))]
    if not all(map(_PLAIN_KEY.fullmatch, path)) or any("\0" in text for text in texts):
        return Condition(matches)
    steps = "$" + "".join(f'."{key}"' for key in path)
    return Condition(matches, sql, (steps, *((steps, *values) if values else ())))


def _all(parts: Sequence[Condition]) -> Condition:
    tests = [part.matches for part in parts]
    if len(parts) == 1:
        return parts[0]
    return _joined(lambda metadata: all(test(metadata) for test in tests), parts, " AND ")


def _any(parts: Sequence[Condition]) -> Condition:
    tests = [part.matches for part in parts]
    return _joined(lambda metadata: any(test(metadata) for test in tests), parts, " OR ")


def _joined(matches: Callable[[Any], bool], parts: Sequence[Condition], word: str) -> Condition:
    terms = sum(part.terms for part in parts)
    if terms > MAX_TERMS or any(part.sql is None for part in parts):
        return Condition(matches, terms=terms)
    sql = word.join(str(part.sql) for part in parts)
    values = tuple(value for part in parts for value in part.values)
    return Condition(matches, f"({sql})", values, terms)


def _not(part: Condition) -> Condition:
    sql = None if part.sql is None else f"(NOT {part.sql})"
    return Condition(lambda metadata: not part.matches(metadata), sql, part.values, part.terms)


def is_list(value: Any) -> bool:
    """Tell whether a value is a non-empty list, tuple or the like."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes) and len(value) > 0


def _path(name: Any) -> Path:
    path = name if isinstance(name, tuple) else (name,)
    if not path or not all(isinstance(key, str) and _is_whole(key) for key in path):
        raise InvalidInput(f"filter: {shown(name)} cannot be a metadata key")
    return tuple(map(str.__str__, path))


def _is_whole(text: str) -> bool:
    """Tell whether a text can be written as UTF-8: it has no lone surrogate."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _value(metadata: Any, path: Path) -> Any:
    for key in path:
        if not isinstance(metadata, dict) or key not in metadata:
            return _MISSING
        metadata = metadata[key]
    return metadata


def _has(held: Any, element: Hashable) -> bool:
    return isinstance(held, list) and any(_comparable_stored(item) == element for item in held)


def _comparable(value: Any, name: Any, depth: int = 1) -> Hashable:
    """Return a filter's value so that Python's `==` and `in` tell what is equal as JSON.

    Raises:
        InvalidInput: it is not JSON.
    """
    if depth > MAX_DEPTH:
        raise InvalidInput(f"filter: {shown(name)}: its value is nested too deeply")
    if value is None:
        return None
    if isinstance(value, bool):
        return (bool, value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if isnan(value):
            raise InvalidInput(f"filter: {shown(name)}: cannot compare with NaN")
        return float(value)
    if isinstance(value, str):
        if not _is_whole(value):
            raise InvalidInput(f"filter: {shown(name)}: cannot compare with half of a character")
        return str.__str__(value)
    if isinstance(value, list | tuple):
        return (list, *(_comparable(item, name, depth + 1) for item in value))
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        items = ((str.__str__(key), _comparable(value[key], name, depth + 1)) for key in value)
        return (dict, frozenset(items))
    raise InvalidInput(f"filter: {shown(name)}: cannot compare with a {type(value).__name__}")


def _comparable_stored(value: Any, depth: int = 1) -> Hashable:
    """Return a stored value in the same form; `_MISSING` and what no filter reaches are unequal."""
    if isinstance(value, bool):
        return (bool, value)
    if not isinstance(value, list | dict):
        return value  # type: ignore[no-any-return]
    if depth > MAX_DEPTH:
        return object()
    if isinstance(value, list):
        return (list, *(_comparable_stored(item, depth + 1) for item in value))
    items = ((key, _comparable_stored(item, depth + 1)) for key, item in value.items())
    return (dict, frozenset(items))
