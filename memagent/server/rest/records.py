"""Routes on records: add, list, get, update, history and provenance."""

import hashlib
import json
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from pydantic import TypeAdapter
from starlette.exceptions import HTTPException
from starlette.responses import Response

from memagent.errors import InvalidInput
from memagent.protocol.replies import (
    Count,
    FoundRecords,
    History,
    Provenance,
    RecordList,
    RecordPage,
)
from memagent.protocol.requests import AddMessages, AddRecords, RecordIds, UpdateRecord
from memagent.server.rest.caller import Reader, Writer, reply
from memagent.server.rest.idempotency import Replies, derived_id
from memagent.stores.database.links import derived
from memagent.types import Kind, Record, Scope

router = APIRouter(prefix="/v1", tags=["records"])
RECORD = TypeAdapter(Record)
RECORDS, PAGE, FOUND = TypeAdapter(RecordList), TypeAdapter(RecordPage), TypeAdapter(FoundRecords)
HISTORY, PROVENANCE, COUNT = TypeAdapter(History), TypeAdapter(Provenance), TypeAdapter(Count)
MAX_LIMIT = 1_000
MAX_DERIVED = 100
"""Records made from a record that its provenance lists at most."""
Where = Annotated[
    str | None, Query(description='Filter by metadata, as JSON: `{"page": {"gte": 3}}`.')
]
Everything = Annotated[bool, Query(description="Superseded and archived records, too.")]
IfMatch = Annotated[str | None, Header(description="ETag of the version that is meant.")]


def etag(record: Record) -> str:
    """Return the ETag of a record: of its content and marks, not of how often it was shown."""
    marks = [record.id, record.superseded, record.pinned, str(record.archived), record.text]
    content = json.dumps([*marks, str(record.valid_to), record.metadata], sort_keys=True)
    return f'"{hashlib.sha256(content.encode()).hexdigest()[:24]}"'


def filter_of(where: str | None) -> dict[str, Any] | None:
    """Return the metadata filter of a query parameter.

    Raises:
        InvalidInput: it is not a JSON object.
    """
    if where is None:
        return None
    try:
        parsed = json.loads(where)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("where: a JSON object is wanted") from error
    if not isinstance(parsed, dict):
        raise InvalidInput("where: a JSON object is wanted")
    return parsed


@router.post("/records", status_code=201, operation_id="addRecords", response_model=RecordList)
async def add_records(body: AddRecords, caller: Writer) -> Response:
    """Remember texts in one transaction: all of them, or none; no language model is asked."""
    replies: Replies = caller.request.app.state.replies

    async def make() -> Response:
        records = [record.to_record() for record in body.records]
        records = [
            replace(record, id=record.id or derived_id(caller, number))
            for number, record in enumerate(records)
        ]
        written = await caller.run(
            caller.memory.add_many, records, scope=caller.scope, who=caller.who, why=body.why
        )
        await caller.audit("add", [record.id for record in written])
        return reply(RECORDS, RecordList.model_construct(records=written), 201)

    return await replies.once(caller, make)


@router.post("/messages", status_code=201, operation_id="addMessages", response_model=RecordList)
async def add_messages(body: AddMessages, caller: Writer) -> Response:
    """Remember messages of a conversation, in order, in one transaction."""
    replies: Replies = caller.request.app.state.replies

    async def make() -> Response:
        messages = [message.model_dump(exclude_none=True) for message in body.messages]
        for number, message in enumerate(messages):
            if (id := message.get("id") or derived_id(caller, number)) is not None:
                message["id"] = id
        written = await caller.run(
            caller.memory.add_messages,
            messages,
            scope=caller.scope,
            valid_from=body.valid_from,
            metadata=body.metadata,
        )
        await caller.audit("add", [record.id for record in written])
        return reply(RECORDS, RecordList.model_construct(records=written), 201)

    return await replies.once(caller, make)


@router.get("/records", operation_id="listRecords", response_model=RecordPage)
async def list_records(
    caller: Reader,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 100,
    cursor: Annotated[str | None, Query(description="`next` of the page before.")] = None,
    kind: Kind | None = None,
    where: Where = None,
    everything: Everything = False,
) -> Response:
    """Return the records written last, newest first, a page at a time."""
    page = await caller.run(
        caller.memory.list,
        scope=caller.scope,
        limit=limit,
        after=cursor,
        kind=kind,
        where=filter_of(where),
        everything=everything,
    )
    await caller.audit("list", [record.id for record in page])
    return reply(PAGE, RecordPage.model_construct(records=list(page), next=page.next))


@router.get("/count", operation_id="countRecords", response_model=Count)
async def count_records(
    caller: Reader, kind: Kind | None = None, where: Where = None, everything: Everything = False
) -> Response:
    """Return how many records a list would go through."""
    number = await caller.run(
        caller.memory.count,
        scope=caller.scope,
        kind=kind,
        where=filter_of(where),
        everything=everything,
    )
    return reply(COUNT, Count(count=number))


@router.post("/records/get", operation_id="getRecords", response_model=FoundRecords)
async def get_records(body: RecordIds, caller: Reader) -> Response:
    """Return records by id, in the order asked for, and the ids that are not there."""
    found = await caller.run(caller.memory.get, body.ids, scope=caller.scope)
    await caller.audit("get", [record.id for record in found])
    value = FoundRecords.model_construct(records=list(found), missing=list(found.missing))
    return reply(FOUND, value)


@router.get("/records/{id}", operation_id="getRecord", response_model=Record)
async def get_record(
    id: str, caller: Reader, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """Return one record, with its ETag."""
    record = await _one(caller, id)
    await caller.audit("get", [id])
    tag = etag(record)
    weak = if_none_match.replace("W/", "") if if_none_match else ""  # RFC 9110, 13.1.2
    if {"*", tag} & _tags(weak):
        return Response(status_code=304, headers={"ETag": tag})
    return reply(RECORD, record, headers={"ETag": tag})


@router.patch("/records/{id}", operation_id="updateRecord", response_model=Record)
async def update_record(
    id: str, body: UpdateRecord, caller: Writer, if_match: IfMatch = None
) -> Response:
    """Put a new version in the place of a record; the old one stays as history."""
    old = await _one(caller, id)
    if if_match is not None and not {"*", etag(old)} & _tags(if_match):
        raise HTTPException(412, "the record has changed since: get it again")
    record = await caller.run(
        caller.memory.update,
        id,
        body.text,
        scope=caller.scope,
        metadata=body.metadata,
        valid_from=body.valid_from,
        who=caller.who,
        why=body.why,
    )
    await caller.audit("update", [record.id])
    return reply(RECORD, record, headers={"ETag": etag(record)})


@router.get("/records/{id}/history", operation_id="recordHistory", response_model=History)
async def record_history(id: str, caller: Reader) -> Response:
    """Return what happened to a record and its other versions, in order."""
    await _one(caller, id)
    events = await caller.run(caller.memory.history, id, scope=caller.scope)
    await caller.audit("history", [id])
    return reply(HISTORY, History.model_construct(events=list(events)))


@router.get("/records/{id}/versions", operation_id="recordVersions", response_model=RecordList)
async def record_versions(id: str, caller: Reader) -> Response:
    """Return all versions of a record, oldest first."""
    await _one(caller, id)
    found = await caller.run(caller.memory.engine.store.read.versions, caller.scope, id)
    await caller.audit("get", [record.id for record in found])
    return reply(RECORDS, RecordList.model_construct(records=list(found)))


@router.get("/records/{id}/sources", operation_id="recordSources", response_model=RecordList)
async def record_sources(
    id: str,
    caller: Reader,
    deep: Annotated[bool, Query(description="Of notes on notes, the first sources.")] = False,
) -> Response:
    """Return the records that a record was made from, oldest first."""
    await _one(caller, id)
    found = await caller.run(caller.memory.notes.sources, id, scope=caller.scope, deep=deep)
    await caller.audit("get", [record.id for record in found])
    return reply(RECORDS, RecordList.model_construct(records=list(found)))


@router.get("/records/{id}/why", operation_id="why", response_model=Provenance)
async def why(id: str, caller: Reader) -> Response:
    """Return where a record comes from, and what came of it."""
    await _one(caller, id)
    found = await caller.run(_provenance, caller.memory, caller.scope, id)
    await caller.audit("get", [id])
    return reply(PROVENANCE, found)


def _provenance(memory: Any, scope: Scope, id: str) -> Provenance:
    (record,) = memory.get(id, scope=scope)
    store = memory.engine.store
    versions = list(store.read.versions(scope, id))
    own = {version.seq for version in versions}
    others = [seq for seq in derived(store, [record.seq]) if seq not in own][:MAX_DERIVED]
    return Provenance.model_construct(
        record=record,
        versions=versions,
        events=list(memory.history(id, scope=scope)),
        sources=list(memory.notes.sources(id, scope=scope)),
        derived=[other for other in store.read.records(others) if scope.covers(other.scope)],
    )


async def _one(caller: Reader, id: str) -> Record:
    found = await caller.run(caller.memory.get, id, scope=caller.scope)
    if not found:
        raise HTTPException(404, "there is no such record in this scope")
    return found[0]


def _tags(header: str) -> set[str]:
    return {tag.strip() for tag in header.split(",")}
