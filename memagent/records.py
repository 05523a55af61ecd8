"""What is remembered, and whose it is: frozen values, compared by content."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from memagent.errors import InvalidInput

Kind = Literal["episode", "note", "rationale", "lesson", "skill"]
Action = Literal[
    "add",
    "affirm",
    "merge",
    "supersede",
    "import",
    "rekey",
    "enrich",
    "move",
    "move back",
    "pin",
    "unpin",
    "archive",
    "restore",
    "helped",
    "hurt",
    "undo",
]
Outcome = Literal["helped", "hurt"]
Feedback = Literal["correction", "hint", "denial"]
"""What was said of an answer in words: what is right, what to think of, or that what was asked
after does not exist."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """Whose memory a verb reads or writes; every field that is set narrows it.

    Raises:
        InvalidInput: a field is empty, or is not text.
    """

    user: str
    agent: str | None = None
    session: str | None = None

    def __post_init__(self) -> None:
        for name in ("user", "agent", "session"):
            value = getattr(self, name)
            if value is None and name != "user":
                continue
            if not isinstance(value, str) or not value.strip():
                raise InvalidInput(f"scope: {name} must be a non-empty text, not {value!r}")

    def across_sessions(self) -> "Scope":
        """Return the same scope without its session: what long-term recall reads."""
        return Scope(user=self.user, agent=self.agent)


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One remembered thing: a text shown to the model, and the keys it is found by.

    `seq` is the order of writing; `affirmed` is when an undated record was last told again. It
    holds from `valid_from` until `valid_to`; `superseded` says that a newer version names it in its
    `supersedes`.
    `evidence` is False for what asserts nothing: questions, and the agent's own answers.
    `context` names the records without which the value cannot be understood. `recalled` counts how
    often it was shown to a model, `helped` and `hurt` what came of it. An `archived` record is kept
    but not searched; a `pinned` one is never archived.
    """

    id: str
    seq: int = 0
    kind: Kind
    text: str
    keys: tuple[str, ...]
    scope: Scope
    created: datetime
    valid_from: datetime
    valid_to: datetime | None = None
    affirmed: datetime | None = None
    superseded: bool = False
    supersedes: str | None = None
    sources: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    evidence: bool = True
    metadata: Mapping[str, Any] = field(default_factory=dict)
    recalled: int = 0
    helped: int = 0
    hurt: int = 0
    pinned: bool = False
    archived: datetime | None = None

    @property
    def moment(self) -> tuple[datetime, int]:
        """When it was last known to hold, for ordering in time; ties go by order of writing."""
        return (self.affirmed or self.valid_from, self.seq)


@dataclass(frozen=True, kw_only=True, slots=True)
class NewRecord:
    """What a caller hands over to be remembered.

    Without `keys` the text itself is the key. Without `valid_from` the same text in the same scope
    is the same record; with it, the same text at another time is another fact.
    """

    text: str
    id: str | None = None
    keys: tuple[str, ...] = ()
    kind: Kind = "episode"
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    evidence: bool = True
    supersedes: str | None = None
    sources: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One thing that happened to a record: what, when, by whom and why."""

    record: str
    at: datetime
    action: Action
    who: str | None = None
    why: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What `forget` erased, or with `dry_run` would erase.

    `asked` are the ids that were meant, `derived` those that went with them: other versions, and
    records made from them. The counts are rows; `rekeyed` records stay, but were keyed together
    with an erased one. `log_emptied` is False while another process still reads an older state:
    the log keeps its pages until the next `compact`.
    """

    asked: tuple[str, ...]
    derived: tuple[str, ...] = ()
    records: int = 0
    keys: int = 0
    history: int = 0
    rekeyed: int = 0
    log_emptied: bool = True
    dry_run: bool = False
