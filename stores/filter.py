"""What a search may see."""

from dataclasses import dataclass

from memagent.types import Kind, Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """A scope, and within it only evidence, or only one kind of record."""

    scope: Scope
    evidence: bool = False
    kind: Kind | None = None

    def condition(self) -> tuple[str, tuple[str, ...]]:
        """Return the SQL condition over `records r` and `users u`, and its values."""
        fields = {
            "u.name": self.scope.user,
            "r.agent": self.scope.agent,
            "r.session": self.scope.session,
            "r.kind": self.kind,
        }
        given = {column: value for column, value in fields.items() if value is not None}
        parts = [f"{column} = ?" for column in given] + ["r.evidence"] * self.evidence
        return " AND ".join(parts), tuple(given.values())
