"""Verbs of `Memory`, each as a call of the REST interface."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from langchain_core.messages import BaseMessage, convert_to_openai_messages
from pydantic import TypeAdapter

from memagent.client import calls
from memagent.protocol import replies, requests
from memagent.recall.strategy import RECORDS, TOKENS
from memagent.types import (
    Event,
    Hits,
    Ids,
    Kind,
    NewRecord,
    Receipt,
    Recollection,
    Record,
    Records,
    ScopeLike,
    ids_of,
)


def add(
    text: str,
    *,
    scope: ScopeLike | None = None,
    id: str | None = None,
    keys: Sequence[str] = (),
    kind: Kind = "episode",
    valid_from: datetime | None = None,
    valid_to: datetime | None = None,
    sources: Sequence[str] = (),
    metadata: Mapping[str, Any] | None = None,
    why: str | None = None,
) -> calls.Call[Record]:
    """Remember one text as it is, and return its record."""
    record = NewRecord(
        text=text,
        id=id,
        keys=tuple(keys),
        kind=kind,
        valid_from=valid_from,
        valid_to=valid_to,
        sources=tuple(sources),
        metadata=metadata or {},
    )
    many = add_many([record], scope=scope, why=why)
    return calls.post(many.path, lambda raw: many.parse(raw)[0], scope, many.body, once=False)


def add_many(
    records: Iterable[str | NewRecord],
    *,
    scope: ScopeLike | None = None,
    why: str | None = None,
) -> calls.Call[list[Record]]:
    """Remember several texts in one transaction: all of them, or none."""
    body = {"records": [requests.RecordIn.values(record) for record in records], "why": why}
    return calls.post("records", calls.records, scope, body, once=False)


def add_messages(
    messages: Iterable[Mapping[str, Any] | BaseMessage],
    *,
    scope: ScopeLike | None = None,
    valid_from: datetime | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> calls.Call[list[Record]]:
    """Remember messages of a conversation, in order, in one transaction."""
    plain = [
        convert_to_openai_messages(message) if isinstance(message, BaseMessage) else message
        for message in messages
    ]
    body = {
        "messages": [
            {
                name: calls.text_of(value) if isinstance(value, datetime) else value
                for name, value in message.items()
            }
            for message in plain
        ],
        "valid_from": valid_from and calls.text_of(valid_from),
        "metadata": None if metadata is None else dict(metadata),
    }
    return calls.post("messages", calls.records, scope, body, once=False)


def update(
    id: str,
    text: str | None = None,
    *,
    scope: ScopeLike | None = None,
    metadata: Mapping[str, Any] | None = None,
    valid_from: datetime | None = None,
    why: str | None = None,
) -> calls.Call[Record]:
    """Put a new version in the place of a record, and return it."""
    body = {
        "text": text,
        "metadata": None if metadata is None else dict(metadata),
        "valid_from": valid_from,
        "why": why,
    }
    parse = calls.of(Record)
    return calls.Call(
        method="PATCH",
        path=calls.path_of("records", id),
        parse=parse,
        scope=calls.scope_of(scope),
        body=body,
    )


def search(
    query: str | None = None,
    *,
    scope: ScopeLike | None = None,
    k: int = 10,
    vector: Sequence[float] | None = None,
    roles: str | Sequence[str] | None = None,
    kind: Kind | None = None,
    where: Mapping[str, Any] | None = None,
    as_of: datetime | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    min_score: float = 0.0,
    tokens: int | None = None,
    half_life: timedelta | None = None,
    diversity: float = 0.0,
    explain: bool = False,
) -> calls.Call[Hits]:
    """Return the `k` best records for a query, best first."""
    body = {
        "query": query,
        "vector": None if vector is None else [float(number) for number in vector],
        "k": k,
        "roles": roles if roles is None or isinstance(roles, str) else list(roles),
        "kind": kind,
        "where": None if where is None else dict(where),
        "as_of": as_of,
        "since": since,
        "until": until,
        "min_score": min_score,
        "tokens": tokens,
        "half_life_seconds": half_life.total_seconds() if half_life else None,
        "diversity": diversity,
        "explain": explain,
    }
    return calls.post("search", calls.of(Hits), scope, body)


def recall(
    question: str,
    *,
    scope: ScopeLike | None = None,
    k: int = RECORDS,
    tokens: int | None = TOKENS,
    roles: str | Sequence[str] | None = None,
    as_of: datetime | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    where: Mapping[str, Any] | None = None,
    expand: bool = True,
) -> calls.Call[Recollection]:
    """Return what to show a model for a question: at most `k` records, oldest first."""
    body = {
        "question": question,
        "k": k,
        "tokens": tokens,
        "roles": roles if roles is None or isinstance(roles, str) else list(roles),
        "as_of": as_of,
        "since": since,
        "until": until,
        "where": None if where is None else dict(where),
        "expand": expand,
    }
    parse = calls.part(Recollection, "recollection")
    return calls.post("recall", parse, scope, body)


def get(ids: Ids, *, scope: ScopeLike | None = None) -> calls.Call[Records]:
    """Return records by id (one or several), in the order asked for; `missing` has the rest."""
    found = TypeAdapter(replies.FoundRecords)
    return calls.post(
        "records/get",
        lambda raw: found.validate_json(raw).to_records(),
        scope,
        {"ids": ids_of(ids)},
    )


def list_records(
    *,
    scope: ScopeLike | None = None,
    limit: int = 100,
    after: str | None = None,
    kind: Kind | None = None,
    where: Mapping[str, Any] | None = None,
    everything: bool = False,
) -> calls.Call[Records]:
    """Return the records written last, newest first; `next` continues as `after`."""
    params = {"limit": limit, "cursor": after, "kind": kind, "where": calls.filter_text(where)}
    page = TypeAdapter(replies.RecordPage)

    def parse(raw: bytes) -> Records:
        found = page.validate_json(raw)
        return Records(found.records, next=found.next)

    return calls.fetch("records", parse, scope, {**params, "everything": everything})


def count(
    *,
    scope: ScopeLike | None = None,
    kind: Kind | None = None,
    where: Mapping[str, Any] | None = None,
    everything: bool = False,
) -> calls.Call[int]:
    """Return how many records `list` would go through."""
    params = {"kind": kind, "where": calls.filter_text(where), "everything": everything}
    return calls.fetch("count", calls.part(int, "count"), scope, params)


def users() -> calls.Call[tuple[str, ...]]:
    """Return the names of the users who have records, of those that the key speaks for."""
    return calls.fetch("users", calls.part(tuple[str, ...], "names"), None, {})


def sessions(*, scope: ScopeLike | None = None, start: str = "") -> calls.Call[tuple[str, ...]]:
    """Return the names of a scope's sessions that begin with `start`, in order."""
    return calls.fetch("sessions", calls.part(tuple[str, ...], "names"), scope, {"start": start})


def history(id: str, *, scope: ScopeLike | None = None) -> calls.Call[tuple[Event, ...]]:
    """Return what happened to a record and its other versions, in order."""
    return calls.fetch(
        calls.path_of("records", id, "history"), calls.part(tuple[Event, ...], "events"), scope, {}
    )


def forget(
    ids: Ids = (),
    *,
    scope: ScopeLike | None = None,
    source: str | None = None,
    where: Mapping[str, Any] | None = None,
    everything: bool = False,
    dry_run: bool = False,
) -> calls.Call[Receipt]:
    """Erase records, by id (one or several), source, metadata filter, or all of the scope."""
    body = {
        "ids": ids_of(ids),
        "source": source,
        "where": None if where is None else dict(where),
        "everything": everything,
        "dry_run": dry_run,
    }
    return calls.post("forget", calls.of(Receipt), scope, body, once=dry_run)
