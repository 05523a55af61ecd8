"""Filter of records: a scope, and what else must hold; and the times that it compares."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypedDict, get_args

from memagent.errors import InvalidInput, shown
from memagent.stores.database.metadata_filter import Compiled, compile_filter, is_list
from memagent.types import Kind, Scope

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


KINDS: tuple[str, ...] = get_args(Kind)


class Period(TypedDict):
    """Bounds of a filter in time."""

    as_of: datetime | None
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """A scope, and within it what else must hold; every part is applied inside the search.

    `as_of` asks what held at a time; without it, what was superseded, was archived or has run out
    is left out, unless `everything`. `since` and `until` bound `valid_from`, `until` exclusive.
    `metadata` is a filter as `metadata_filter` describes, `source` one of the record's sources.
    `roles` lets through the records whose metadata have one of them as their `role`.

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
            raise InvalidInput(f"kind: one of {', '.join(KINDS)} is wanted, not {shown(self.kind)}")
        if self.source is not None and not isinstance(self.source, str):
            raise InvalidInput(f"source: a text is wanted, not {shown(self.source)}")
        if self.metadata is not None:
            compile_filter(self.metadata)
        if self.roles is None:
            return
        if not is_list(self.roles) or not all(isinstance(role, str) for role in self.roles):
            raise InvalidInput(
                f"filter: expected a non-empty tuple of roles, found {shown(self.roles)}"
            )
        _by_role(self.roles)

    @property
    def needs_sql(self) -> bool:
        """True if a part can only be told by the database, not by what an index holds."""
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
        InvalidInput: one is neither, or lies outside the years 1 to 9999 in UTC.
    """
    for name, time in times.items():
        if time is None:
            continue
        if not isinstance(time, datetime):
            raise InvalidInput(f"{name}: a datetime is wanted, not {shown(time)}")
        try:
            micros(time)
        except (OSError, OverflowError, ValueError) as error:
            raise InvalidInput(
                f"{name}: {shown(time)} is outside the years 1 to 9999 in UTC"
            ) from error
