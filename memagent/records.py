"""Records, scopes and receipts: frozen values, compared by content."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal

from memagent.errors import InvalidInput, shown

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
Role = Literal["user", "assistant", "system", "tool"]
Outcome = Literal["helped", "hurt"]
Feedback = Literal["correction", "hint", "denial", "ranking", "profile"]
"""Kind of feedback: the right answer, a hint, that the thing asked about does not exist, all the
verdicts from which a ranking was learned, or a line of the profile added, edited or removed."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Scope of a verb: whose memory it reads or writes; every field that is set narrows it.

    A verb that takes a scope also takes a user's name. Names are compared character by character:
    two spellings of "Zoë" in Unicode are two users.

    Raises:
        InvalidInput: a field is empty, is not text, or holds half of a character.
    """

    user: str
    _: KW_ONLY
    agent: str | None = None
    session: str | None = None

    def __post_init__(self) -> None:
        for name in ("user", "agent", "session"):
            value = getattr(self, name)
            if value is None and name != "user":
                continue
            if not isinstance(value, str) or not value.strip():
                raise InvalidInput(f"scope: {name} must be a non-empty text, not {shown(value)}")
            require_whole(f"scope: {name}", value)

    @classmethod
    def of(cls, scope: "ScopeLike") -> "Scope":
        """Return a scope as it is, and a user's name as that user's scope.

        Raises:
            InvalidInput: it is neither.
        """
        if isinstance(scope, Scope):
            return scope
        if isinstance(scope, str):
            return cls(scope)
        raise InvalidInput(f"scope: a Scope or a user's name is wanted, not {shown(scope)}")

    def across_sessions(self) -> "Scope":
        """Return the same scope without its session: what long-term recall reads."""
        return Scope(user=self.user, agent=self.agent)

    def covers(self, other: "Scope") -> bool:
        """Tell whether everything in another scope is in this one too."""
        return (
            self.user == other.user
            and self.agent in (None, other.agent)
            and self.session in (None, other.session)
        )


ScopeLike = Scope | str
"""A scope, or the name of its user."""
Ids = str | Iterable[str]
"""One record's id, or several."""


def is_encodable(text: str) -> bool:
    """Tell whether a text can be written as UTF-8: it has no half of a character."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def require_whole(name: str, text: str) -> str:
    """Return a text as it is; `name` says in the error which one it is.

    Raises:
        InvalidInput: it holds half of a character, and so cannot be written as UTF-8.
    """
    if not is_encodable(text):
        raise InvalidInput(f"{name} holds half of a character (a lone surrogate)")
    return text


def ids_of(ids: Ids) -> list[str]:
    """Return ids as a list: one id is a list of one.

    Raises:
        InvalidInput: it is neither a text nor several.
    """
    if isinstance(ids, str):
        return [require_whole("an id", ids)]
    try:
        listed = list(ids)
    except TypeError:  # also of an array without dimensions, which says that it is iterable
        listed = None
    if listed is None or not all(isinstance(id, str) for id in listed):
        raise InvalidInput(f"ids: one id or several are wanted, each a text, not {shown(ids)}")
    return [require_whole("an id", id) for id in listed]


WRITING = timedelta(minutes=1)
"""Time from which a record holds, and time of its writing, count as one if they are nearer."""
SHORT = 48
"""Characters of a text that a `repr` shows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """Record: a text shown to the model, and the keys it is found by.

    `seq` is the order of writing; `affirmed` is when the text of an undated record was last added
    again. It holds from `valid_from` until `valid_to`; `superseded` says that a newer version names
    it in its `supersedes`. `evidence` is False for what asserts nothing: questions, and the agent's
    own answers. `context` names the records without which the value cannot be understood.
    `recalled` counts how often it was shown to a model, `helped` and `hurt` what came of it. An
    `archived` record is kept but not searched; a `pinned` one is never archived.
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
    def role(self) -> str | None:
        """Role of the speaker: "user", "assistant", "system", "tool"; None if nobody said it."""
        role = self.metadata.get("role")
        return role if isinstance(role, str) else None

    @property
    def speaker(self) -> str | None:
        """Name of the speaker of a message; None if it has none."""
        name = self.metadata.get("name") if self.role else None
        return name if isinstance(name, str) else None

    @property
    def day(self) -> date | None:
        """Local date from which it holds; None if that is only when it was written."""
        written_then = abs(self.valid_from - self.created) < WRITING
        return None if written_then else local_day(self.valid_from)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON can hold it; times are ISO 8601 texts."""
        return {
            "id": self.id,
            "kind": self.kind,
            "text": self.text,
            "keys": list(self.keys),
            "role": self.role,
            "user": self.scope.user,
            "agent": self.scope.agent,
            "session": self.scope.session,
            "created": self.created.isoformat(),
            "valid_from": self.valid_from.isoformat(),
            "valid_to": self.valid_to and self.valid_to.isoformat(),
            "affirmed": self.affirmed and self.affirmed.isoformat(),
            "superseded": self.superseded,
            "supersedes": self.supersedes,
            "sources": list(self.sources),
            "context": list(self.context),
            "evidence": self.evidence,
            "metadata": dict(self.metadata),
            "helped": self.helped,
            "hurt": self.hurt,
            "recalled": self.recalled,
            "pinned": self.pinned,
            "archived": self.archived and self.archived.isoformat(),
        }

    def __repr__(self) -> str:
        """Return the id, the beginning of the text, and the user."""
        return f"Record({self.id!r}, {shortened(self.text)!r}, user={self.scope.user!r})"

    @property
    def moment(self) -> tuple[datetime, int]:
        """Time when it was last known to hold, for ordering; ties go by the order of writing."""
        return (self.affirmed or self.valid_from, self.seq)


def local_day(moment: datetime) -> date | None:
    """Return the local date of a time, or None where the calendar does not reach so far."""
    try:
        return moment.astimezone().date()
    except OverflowError:
        return None


def line_of(text: str, *, speaker: str | None = None, day: date | None = None) -> str:
    """Return a text as a model is shown it: after its date (ISO 8601) and its speaker, if known."""
    parts = [day.isoformat() if day else None, speaker, text]
    return ": ".join(part for part in parts if part)


def shortened(text: str) -> str:
    """Return the beginning of a text, at most `SHORT` characters of it."""
    return text if len(text) <= SHORT else f"{text[: SHORT - 1]}…"


class Records(list[Record]):
    """Records in order, with the ids that were asked for and are not in the scope.

    `next` continues a list where this page ends: pass it as `after`. It is None on the last page.
    """

    def __init__(
        self,
        records: Iterable[Record] = (),
        *,
        missing: Sequence[str] = (),
        next: str | None = None,
    ) -> None:
        super().__init__(records)
        self.missing = tuple(missing)
        self.next = next


@dataclass(frozen=True, kw_only=True, slots=True)
class Marked:
    """Count of the records that a verb changed, and the ids that are not in the scope."""

    changed: int
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class NewRecord:
    """A record to add: its text, and what else the caller knows of it.

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
    """Event in the history of a record: what happened, when, by whom and why."""

    record: str
    at: datetime
    action: Action
    who: str | None = None
    why: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """Receipt of `forget`: what it erased, or with `dry_run` would erase.

    `asked` are the ids that were meant, `derived` those that went with them: other versions, and
    records made from them; `missing` are ids that are not in the scope. The counts are rows;
    `rekeyed` records stay, but were keyed together with an erased one. `log_emptied` is False while
    another process still reads an older state: the log keeps its pages until the next `compact`.
    """

    asked: tuple[str, ...]
    derived: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    records: int = 0
    keys: int = 0
    history: int = 0
    rekeyed: int = 0
    log_emptied: bool = True
    dry_run: bool = False
