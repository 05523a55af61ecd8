"""Filters over a record's metadata, compiled to SQL that respects JSON types.

    {"page": 3}                                   equal, and a number
    {"year": {"gte": 2020, "lt": 2024}}           all of these
    {"tag": {"in": ["a", "b"]}, "draft": {"exists": False}}
    {"or": [{"page": 3}, {"not": {"tag": "a"}}]}  and, or, not
    {("author", "name"): "Ada"}                   a key within an object, by its path
    {"tags": {"contains": "a"}}                   an element of a list is equal
    {"tags": {"eq": ["a", "b"]}}                  the whole list, in this order

Operators: eq, ne, in, contains, lt, lte, gt, gte, exists. A comparison is true only between values
of one type: the number 3 is not the text "3", and a missing key is unequal to everything. A path,
even of one key, always means a key: that is how a key called "not" is reached.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

from memagent.errors import InvalidInput
from memagent.records import is_encodable
from memagent.types import Kind, Scope

Compiled = tuple[str, list[Any]]
Name = str | tuple[str, ...]
_ORDER = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_OPERATORS = ("eq", "ne", "in", "contains", *_ORDER, "exists")
_OR = 'alternatives are written {"or": [{...}, {...}]}'
INT64 = range(-(1 << 63), 1 << 63)
"""The whole numbers that SQLite compares."""


def compile_filter(where: Mapping[Any, Any], column: str = "r.metadata") -> Compiled:
    """Return an SQL condition over a JSON column, and its values.

    Raises:
        InvalidInput: the filter is malformed; the message names the part.
    """
    if not isinstance(where, Mapping) or not where:
        raise InvalidInput(f"filter: expected a non-empty mapping, found {where!r}")
    parts = [_part(name, wanted, column) for name, wanted in where.items()]
    return _joined(parts, " AND ")


def _part(name: Name, wanted: Any, column: str) -> Compiled:
    if name in ("and", "or"):
        if not _is_list(wanted):
            raise InvalidInput(f"filter: {name!r} expects a non-empty list of filters; {_OR}")
        return _joined([compile_filter(one, column) for one in wanted], f" {name.upper()} ")
    if name == "not":
        sql, values = compile_filter(wanted, column)
        return f"NOT {sql}", values
    if isinstance(wanted, list | tuple):
        raise InvalidInput(f"filter: {name!r}: say 'in' or 'eq' to compare with a list")
    if not isinstance(wanted, Mapping):
        return _comparison(name, "eq", wanted, column)
    if not wanted:
        raise InvalidInput(f"filter: {name!r} has no operator")
    return _joined([_comparison(name, op, value, column) for op, value in wanted.items()], " AND ")


def _comparison(name: Name, operator: str, value: Any, column: str) -> Compiled:
    path = _path(name)
    if operator == "eq":
        return _equal(path, value, column, name)
    if operator == "ne":
        sql, values = _equal(path, value, column, name)
        return f"NOT {sql}", values
    if operator == "in":
        if not _is_list(value):
            raise InvalidInput(f"filter: {name!r}: 'in' expects a non-empty list")
        return _joined([_equal(path, one, column, name) for one in value], " OR ")
    if operator == "contains":
        return _contains(path, value, column, name)
    if operator == "exists":
        if not isinstance(value, bool):
            raise InvalidInput(f"filter: {name!r}: 'exists' expects true or false")
        return f"(json_type({column}, ?) IS {'NOT ' if value else ''}NULL)", [path]
    if operator in _ORDER:
        types = _types(value, name)
        if isinstance(value, bool) or value is None:
            raise InvalidInput(f"filter: {name!r}: {operator!r} expects a number or a text")
        compared = f"json_extract({column}, ?) {_ORDER[operator]} ?"
        return f"(coalesce(json_type({column}, ?), '') IN {types} AND {compared})", [
            path,
            path,
            value,
        ]
    raise InvalidInput(
        f"filter: {name!r}: unknown operator {operator!r}; there are {', '.join(_OPERATORS)}; {_OR}"
    )


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes) and len(value) > 0


def _contains(path: str, value: Any, column: str, name: Name) -> Compiled:
    """Return the condition that an element of a list is equal to a value."""
    types = _types(value, name)
    typed = f"coalesce(json_type({column}, ?), '') = 'array'"
    elements = f"SELECT 1 FROM json_each({column}, ?) e WHERE e.type IN {types}"
    if value is None or isinstance(value, bool):
        return f"({typed} AND EXISTS ({elements}))", [path, path]
    return f"({typed} AND EXISTS ({elements} AND e.value = ?))", [path, path, value]


def _path(name: Name) -> str:
    parts = name if isinstance(name, tuple) else (name,)
    if not parts or not all(map(_is_key, parts)):
        raise InvalidInput(f"filter: {name!r} cannot be a metadata key")
    return "$" + "".join(f'."{one}"' for one in parts)


def _is_key(part: Any) -> bool:
    """Tell whether a path's part can be written in JSON's path language of SQLite."""
    return isinstance(part, str) and part != "" and not {*'"\0'} & {*part} and is_encodable(part)


def _equal(path: str, value: Any, column: str, name: Name) -> Compiled:
    if isinstance(value, list | tuple):
        for one in value:
            _types(one, name)
        typed = f"coalesce(json_type({column}, ?), '') = 'array'"
        return f"({typed} AND json_extract({column}, ?) = json(?))", [path, path, json.dumps(value)]
    types = _types(value, name)
    typed = f"coalesce(json_type({column}, ?), '') IN {types}"
    if value is None or isinstance(value, bool):
        return f"({typed})", [path]
    return f"({typed} AND json_extract({column}, ?) = ?)", [path, path, value]


def _types(value: Any, name: Name) -> str:
    """Return the JSON types, as SQL, that a value may be compared with."""
    if value is None:
        return "('null')"
    if isinstance(value, bool):
        return f"('{str(value).lower()}')"
    if isinstance(value, float) or (isinstance(value, int) and value in INT64):
        return "('integer', 'real')"
    if isinstance(value, int):
        raise InvalidInput(f"filter: {name!r}: cannot compare with a number of over 64 bits")
    if isinstance(value, str) and not is_encodable(value):
        raise InvalidInput(f"filter: {name!r}: cannot compare with half of a character")
    if isinstance(value, str):
        return "('text')"
    raise InvalidInput(f"filter: {name!r}: cannot compare with a {type(value).__name__}")


def _joined(parts: Sequence[Compiled], word: str) -> Compiled:
    sql = word.join(part for part, _ in parts)
    return f"({sql})", [value for _, values in parts for value in values]


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """A scope, and within it what else must hold; every part is applied inside the search.

    `as_of` asks what held at a time; without it, what was superseded, was archived or has run out
    is left out, unless `everything`. `since` and `until` bound `valid_from`, `until` exclusive.
    `metadata` is a filter as this module describes, `source` one of the record's sources. `roles`
    lets through the records whose metadata have one of them as their `role`.

    Raises:
        InvalidInput: the metadata filter is malformed, or the roles are no tuple of texts.
    """

    scope: Scope
    evidence: bool = False
    kind: Kind | None = None
    as_of: datetime | None = None
    since: datetime | None = None
    until: datetime | None = None
    metadata: Mapping[str, Any] | None = None
    source: str | None = None
    roles: tuple[str, ...] | None = None
    everything: bool = False

    def __post_init__(self) -> None:
        check_times(as_of=self.as_of, since=self.since, until=self.until)
        if self.kind is not None and self.kind not in KINDS:
            raise InvalidInput(f"kind: one of {', '.join(KINDS)} is wanted, not {self.kind!r}")
        if self.source is not None and not isinstance(self.source, str):
            raise InvalidInput(f"source: a text is wanted, not {self.source!r}")
        if self.metadata is not None:
            compile_filter(self.metadata)
        if self.roles is None:
            return
        if not _is_list(self.roles) or not all(isinstance(role, str) for role in self.roles):
            raise InvalidInput(f"filter: expected a non-empty tuple of roles, found {self.roles!r}")
        _by_role(self.roles)

    @property
    def needs_sql(self) -> bool:
        """Whether a part can only be told by the database, not by what an index holds."""
        return (self.metadata, self.source, self.roles) != (None, None, None)

    def condition(self) -> tuple[str, list[Any]]:
        """Return the SQL condition over `records r`, and its values."""
        fields = {
            "r.user = (SELECT id FROM users WHERE name = ?)": self.scope.user,
            "r.agent = ?": self.scope.agent,
            "r.session = ?": self.scope.session,
            "r.kind = ?": self.kind,
            "r.valid_from >= ?": None if self.since is None else micros(self.since),
            "r.valid_from < ?": None if self.until is None else micros(self.until),
        }
        given = {part: value for part, value in fields.items() if value is not None}
        parts, values = list(given), list(given.values())
        if self.evidence:
            parts.append("r.evidence")
        if self.as_of is not None:
            parts.append("r.valid_from <= ? AND coalesce(r.valid_to > ?, 1)")
            values += [micros(self.as_of)] * 2
        elif not self.everything:
            parts.append("NOT r.superseded AND r.archived IS NULL AND coalesce(r.valid_to > ?, 1)")
            values.append(micros(datetime.now(UTC)))
        if self.source is not None:
            parts.append("? IN (SELECT value FROM json_each(r.sources))")
            values.append(self.source)
        if self.roles is not None:
            sql, more = _by_role(self.roles)
            parts.append(sql)
            values += more
        if self.metadata is not None:
            sql, more = compile_filter(self.metadata)
            parts.append(sql)
            values += more
        return " AND ".join(parts), values


def _by_role(roles: tuple[str, ...]) -> Compiled:
    return compile_filter({"role": {"in": roles}})


def micros(moment: datetime) -> int:
    """Return a time as whole microseconds since 1970, exactly; one without a zone is local time."""
    delta = moment.astimezone(UTC) - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


MICROS = range(
    micros(datetime.min.replace(tzinfo=UTC)), micros(datetime.max.replace(tzinfo=UTC)) + 1
)
"""The times of the years 1 to 9999 in UTC, as the store has them."""


def check_times(**times: Any) -> None:
    """Check that each of some times is one of the years 1 to 9999 in UTC, or None.

    Raises:
        InvalidInput: one is neither.
    """
    for name, time in times.items():
        if time is None:
            continue
        if not isinstance(time, datetime):
            raise InvalidInput(f"{name}: a datetime is wanted, not {time!r}")
        try:
            micros(time)
        except (OverflowError, ValueError) as error:
            raise InvalidInput(
                f"{name}: a time of the years 1 to 9999 is wanted: {time}"
            ) from error
