"""Message of a conversation held in another program, and what of it is left out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

BROKEN = re.compile("[\0\ud800-\udfff]")
"""Characters that no record holds: NUL, and halves of a character."""
DAMAGED = "damaged"
"""Reason of what cannot be read."""
ROLES: Mapping[str, Literal["user", "assistant"]] = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
}
"""Roles whose messages are kept, by their names in the programs' files."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """Message of a session: its id in its source, who said it, and when, where that is known."""

    id: str
    role: Literal["user", "assistant"]
    text: str
    time: datetime | None = None
    session: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that is not imported: the reason, and a line on it where it is damaged."""

    reason: str
    detail: str | None = None


def text_or_none(value: Any) -> str | None:
    """Return a text that says something, or None; characters that no record holds are replaced."""
    if not isinstance(value, str) or not value.strip():
        return None
    return BROKEN.sub("\ufffd", value.strip())


def time_of(value: Any) -> datetime | None:
    """Return a time, given as ISO 8601 or as seconds since 1970; None where it is neither."""
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value).astimezone()
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC) if value > 0 else None
    except (ValueError, OverflowError, OSError):
        pass
    return None


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a list; anything else holds none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def mapping(value: Any) -> dict[str, Any]:
    """Return an object as it is, and an empty one for anything else."""
    return value if isinstance(value, dict) else {}
