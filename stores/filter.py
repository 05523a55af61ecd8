"""What a search may see."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from memagent.stores.metadata import compile_filter
from memagent.types import Kind, Scope

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """A scope, and within it what else must hold; every part is applied inside the search.

    `as_of` asks what held at a time; without it, what was superseded, was archived or has run out
    is left out, unless `everything`. `since` and `until` bound `valid_from`, `until` exclusive.
    `metadata` is a filter as `stores/metadata.py` describes, `source` one of the record's sources.

    Raises:
        InvalidInput: the metadata filter is malformed.
    """

    scope: Scope
    evidence: bool = False
    kind: Kind | None = None
    as_of: datetime | None = None
    since: datetime | None = None
    until: datetime | None = None
    metadata: Mapping[str, Any] | None = None
    source: str | None = None
    everything: bool = False

    def __post_init__(self) -> None:
        if self.metadata is not None:
            compile_filter(self.metadata)

    @property
    def needs_sql(self) -> bool:
        """Whether a part can only be told by the database, not by what an index holds."""
        return self.metadata is not None or self.source is not None

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
        if self.metadata is not None:
            sql, more = compile_filter(self.metadata)
            parts.append(sql)
            values += more
        return " AND ".join(parts), values


def micros(moment: datetime) -> int:
    """Return a time as whole microseconds since 1970, exactly; one without a zone is local time."""
    delta = moment.astimezone(UTC) - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
