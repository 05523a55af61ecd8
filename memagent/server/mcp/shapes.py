"""Shapes of the tools' arguments and results: what a client's model is offered, as JSON schemas."""

from datetime import datetime
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from memagent.errors import InvalidInput
from memagent.records import Record
from memagent.server.mcp.texts import cut, plain

Parsed = TypeVar("Parsed", bound=BaseModel)
RecordId = Annotated[str, Field(min_length=1, max_length=500)]


class Shape(BaseModel):
    """Base of the shapes: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Search(Shape):
    """Arguments of `search_memory`."""

    query: str = Field(min_length=1, max_length=10_000, description="A question, or a few words.")
    limit: int = Field(default=8, ge=1, le=50, description="How many memories at most.")
    include_replies: bool = Field(
        default=False, description="Also search questions and the assistant's replies."
    )


class Recent(Shape):
    """Arguments of `recent`."""

    limit: int = Field(default=10, ge=1, le=50, description="How many memories at most.")


class Why(Shape):
    """Arguments of `why`."""

    id: RecordId = Field(description="The id of a memory, as search_memory gives it.")


class Add(Shape):
    """Arguments of `add_memory`."""

    text: str = Field(
        min_length=1, description="One fact, as a whole sentence that is clear by itself."
    )
    since: datetime | None = Field(
        default=None, description="From when it holds (ISO 8601), if that is not now."
    )


class Update(Shape):
    """Arguments of `update_memory`."""

    id: RecordId = Field(description="The id of the memory that is wrong or out of date.")
    text: str = Field(min_length=1, description="What is right, as a whole sentence.")
    reason: str | None = Field(default=None, max_length=500, description="Why, for its history.")


class Forget(Shape):
    """Arguments of `forget_memory`."""

    ids: list[RecordId] = Field(min_length=1, max_length=100, description="Ids of memories.")
    confirmation: str | None = Field(
        default=None, max_length=100, description="The token of the first call, to erase now."
    )


class Memorised(Shape):
    """A memory as a tool returns it; `left_out` counts the characters that are not shown."""

    id: str
    text: str
    since: str
    said_by: str | None = None
    session: str | None = None
    score: float | None = None
    replaced: bool = False
    left_out: int = 0

    @classmethod
    def of(cls, record: Record, score: float | None = None) -> Self:
        """Return a record in this shape, with the marks in its text broken up."""
        text, left_out = cut(record.text)
        speaker, session = record.speaker or record.role, record.scope.session
        return cls(
            id=record.id,
            text=plain(text),
            since=record.valid_from.isoformat(),
            said_by=speaker and plain(speaker),
            session=session and plain(session),
            score=None if score is None else round(score, 3),
            replaced=record.superseded,
            left_out=left_out,
        )


class Found(Shape):
    """Result of `search_memory` (best first) and of `recent` (newest first)."""

    memories: list[Memorised]


class Written(Shape):
    """Result of `add_memory` and `update_memory`."""

    memory: Memorised


class Happened(Shape):
    """Event in a memory's history."""

    at: str
    action: str
    who: str | None = None
    why: str | None = None


class Judged(Shape):
    """Feedback that led to a memory or away from it."""

    at: str
    kind: str
    said: str
    undone: bool


class Provenance(Shape):
    """Result of `why`: versions oldest first, what it was made from, and what came of it."""

    memory: Memorised
    versions: list[Memorised]
    sources: list[Memorised]
    history: list[Happened]
    feedback: list[Judged]
    helped: int
    hurt: int


class Erased(Shape):
    """Result of `forget_memory`: `records` counts all that went, or would go, with other versions.

    `confirmation` is what a second call takes; it is only given by a first one.
    """

    erased: bool
    records: int
    ids: list[str]
    memories: list[Memorised]
    missing: list[str]
    confirmation: str | None = None


def schema_of(shape: type[BaseModel]) -> dict[str, Any]:
    """Return a shape's JSON schema without titles and docstrings, which tell a model nothing."""
    schema = _bare(shape.model_json_schema())
    assert isinstance(schema, dict)
    return schema


def parsed(shape: type[Parsed], arguments: dict[str, Any] | None) -> Parsed:
    """Return a tool's arguments in their shape.

    Raises:
        InvalidInput: they do not fit; the message says which one, and does not repeat its value.
    """
    try:
        return shape.model_validate(arguments or {})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))[:100]
        raise InvalidInput(f"{where}: {first['msg']}" if where else first["msg"]) from None


def _bare(value: Any, named: bool = False) -> Any:
    """Return a schema without titles; the keys of `properties` are names, not keywords."""
    if isinstance(value, list):
        return [_bare(part) for part in value]
    if not isinstance(value, dict):
        return value
    kept = {key: part for key, part in value.items() if named or key != "title"}
    if "properties" in kept and not named:
        kept.pop("description", None)
    return {key: _bare(part, named=key in ("properties", "$defs")) for key, part in kept.items()}
