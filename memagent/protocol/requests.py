"""Requests of the REST interface: the arguments of `Memory`'s verbs as JSON objects."""

from datetime import timedelta
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from memagent.recall.strategy import RECORDS, TOKENS
from memagent.types import Kind, NewRecord, Outcome

MAX_RECORDS = 1_000
"""Records, messages or ids that one request holds at most; an import has no such limit."""
MAX_K = 1_000
Roles = str | list[str] | None
Ids = list[str]


class Body(BaseModel):
    """Body of a request; a field that is not known is refused."""

    model_config = ConfigDict(extra="forbid", str_max_length=20_000_000)


class RecordIn(Body):
    """One text to remember, and what else is known of it."""

    text: str
    id: str | None = None
    keys: list[str] = []
    kind: Kind = "episode"
    valid_from: AwareDatetime | None = None
    valid_to: AwareDatetime | None = None
    evidence: bool = True
    supersedes: str | None = None
    sources: list[str] = []
    metadata: dict[str, Any] = {}

    def to_record(self) -> NewRecord:
        """Return it as `Memory.add_many` takes it."""
        return NewRecord(
            text=self.text,
            id=self.id,
            keys=tuple(self.keys),
            kind=self.kind,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            evidence=self.evidence,
            supersedes=self.supersedes,
            sources=tuple(self.sources),
            metadata=self.metadata,
        )

    @classmethod
    def values(cls, record: str | NewRecord) -> dict[str, Any]:
        """Return a record of `Memory.add_many` as a body holds it; the server checks it."""
        if isinstance(record, str):
            return {"text": record}
        return {name: getattr(record, name) for name in cls.model_fields}


class AddRecords(Body):
    """Texts to remember in one transaction: all of them, or none."""

    records: list[RecordIn] = Field(min_length=1, max_length=MAX_RECORDS)
    why: str | None = None


class UpdateRecord(Body):
    """New version of a record."""

    text: str | None = None
    metadata: dict[str, Any] | None = None
    valid_from: AwareDatetime | None = None
    why: str | None = None


class RecordIds(Body):
    """Ids of records."""

    ids: Ids = Field(max_length=MAX_RECORDS)


class MarkRecords(Body):
    """Ids of records to mark, and why."""

    ids: Ids = Field(max_length=MAX_RECORDS)
    why: str | None = None


class MessageIn(Body):
    """Message of a conversation; `timestamp` is ISO 8601."""

    role: Literal["user", "assistant", "system", "tool"]
    content: Any
    name: str | None = None
    timestamp: str | None = None
    id: str | None = None


class AddMessages(Body):
    """Messages to remember, in order, in one transaction."""

    messages: list[MessageIn] = Field(min_length=1, max_length=MAX_RECORDS)
    valid_from: AwareDatetime | None = None
    metadata: dict[str, Any] | None = None


class Search(Body):
    """Query, and what bounds the search; see `Memory.search`."""

    query: str | None = None
    vector: list[float] | None = None
    k: int = Field(default=10, ge=1, le=MAX_K)
    roles: Roles = None
    kind: Kind | None = None
    where: dict[str, Any] | None = None
    as_of: AwareDatetime | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    min_score: float = Field(default=0.0, ge=0, le=1)
    tokens: int | None = Field(default=None, ge=1, le=1_000_000_000)
    half_life_seconds: float | None = Field(default=None, gt=0, le=1e11)
    diversity: float = Field(default=0.0, ge=0, le=1)
    explain: bool = False

    def arguments(self) -> dict[str, Any]:
        """Return it as keyword arguments of `Memory.search`."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        seconds = values.pop("half_life_seconds")
        return values | {"half_life": None if seconds is None else timedelta(seconds=seconds)}


class Recall(Body):
    """Question, and what bounds the recall; see `Memory.recall`."""

    question: str
    k: int = Field(default=RECORDS, ge=1, le=MAX_K)
    tokens: int | None = Field(default=TOKENS, ge=1, le=1_000_000_000)
    roles: Roles = None
    as_of: AwareDatetime | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    where: dict[str, Any] | None = None
    expand: bool = True

    def arguments(self) -> dict[str, Any]:
        """Return it as keyword arguments of `Memory.recall`."""
        return {name: getattr(self, name) for name in type(self).model_fields}


class Forget(Body):
    """Records to erase: by id, source, metadata, or all of the scope."""

    ids: Ids = []
    source: str | None = None
    where: dict[str, Any] | None = None
    everything: bool = False
    dry_run: bool = False


class ForgetRequest(Body):
    """Request to forget, in words."""

    request: str


class JudgeRecords(Body):
    """Outcome of records that were shown: they helped, or they hurt."""

    ids: Ids = Field(max_length=MAX_RECORDS)
    outcome: Outcome
    why: str | None = None


class Correct(Body):
    """Feedback on an answer: the question, the answer, the records shown, and what is right."""

    question: str
    answer: str = ""
    shown: Ids = []
    turn: Ids = []
    verdict: Literal["good", "bad"] | None = None
    correction: str | None = None
    hint: str | None = None
    replaces: bool = True
    why: str | None = None


class Reason(Body):
    """Reason for a change."""

    why: str | None = None


class ProfileText(Body):
    """Line of a profile, in the user's words."""

    text: str
    why: str | None = None


class Ask(Body):
    """Question to the agent."""

    question: str
    remember: bool = True
    chat: bool = False
    evidence: list[str] | None = None
    now: AwareDatetime | None = None


class Say(Body):
    """Message of a user to the agent, in a session."""

    text: str
