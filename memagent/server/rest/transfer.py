"""Routes of export and import, as streams of JSON lines, and of numbers and names of a store."""

import tempfile
from collections.abc import Iterator
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import TypeAdapter
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from memagent.errors import InvalidInput
from memagent.protocol.replies import Imported, Names, Stats
from memagent.server.rest.caller import Caller, Reader, Writer, reply

router = APIRouter(prefix="/v1", tags=["store"])
NDJSON = "application/x-ndjson"
NAMES, STATS, IMPORTED = TypeAdapter(Names), TypeAdapter(Stats), TypeAdapter(Imported)
LINES = 200
"""Lines that are sent at once."""
IN_RAM = 1 << 20
"""Bytes of an import that are held in RAM; a longer one waits in a file without a name."""


@router.get(
    "/export",
    operation_id="exportRecords",
    response_class=StreamingResponse,
    responses={200: {"content": {NDJSON: {"schema": {"type": "string"}}}}},
)
async def export_records(
    caller: Reader,
    vectors: Annotated[bool, Query(description="With the vectors of the keys.")] = False,
) -> Response:
    """Return a scope's records as JSON lines, header first."""
    await caller.audit("export")
    lines = caller.memory.maintenance.export(scope=caller.scope, vectors=vectors)
    return StreamingResponse(_chunks(lines), media_type=NDJSON)


def _chunks(lines: Iterator[str]) -> Iterator[bytes]:
    while chunk := list(islice(lines, LINES)):
        yield "".join(line if line.endswith("\n") else line + "\n" for line in chunk).encode()


@router.post(
    "/import",
    operation_id="importRecords",
    response_model=Imported,
    openapi_extra={
        "requestBody": {"content": {NDJSON: {"schema": {"type": "string"}}}, "required": True}
    },
)
async def import_records(caller: Writer) -> Response:
    """Store records that are not there yet, by id, from JSON lines of an export: all, or none."""
    kind = caller.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != NDJSON:  # a page's form cannot send this
        raise HTTPException(415, f"Content-Type: {NDJSON} is wanted")
    with tempfile.SpooledTemporaryFile(max_size=IN_RAM) as spool:
        async for piece in caller.request.stream():
            spool.write(piece)
        spool.seek(0)
        number = await caller.run(_imported, caller, spool)
    await caller.audit("import", count=number)
    return reply(IMPORTED, Imported(imported=number))


def _imported(caller: Caller, spool: "tempfile.SpooledTemporaryFile[bytes]") -> int:
    def lines() -> Iterator[str]:
        for number, line in enumerate(spool, start=1):
            try:
                yield line.decode()
            except UnicodeDecodeError as error:
                raise InvalidInput(f"line {number} is not UTF-8") from error

    return caller.memory.maintenance.import_(lines(), format="memagent", user=caller.scope.user)


@router.get("/users", operation_id="listUsers", response_model=Names)
async def list_users(caller: Reader) -> Response:
    """Return the users who have records, of those that the key speaks for."""
    users = await caller.run(caller.memory.users)
    allowed = caller.principal.users
    names = [user for user in users if allowed is None or user in allowed]
    return reply(NAMES, Names(names=names))


@router.get("/sessions", operation_id="listSessions", response_model=Names)
async def list_sessions(
    caller: Reader,
    start: Annotated[str, Query(description="How the names begin.", max_length=1000)] = "",
) -> Response:
    """Return the names of the sessions, in order."""
    names = await caller.run(caller.memory.sessions, scope=caller.scope, start=start)
    return reply(NAMES, Names(names=list(names)))


@router.get("/stats", operation_id="storeStats", response_model=Stats)
async def store_stats(caller: Reader) -> Response:
    """Return the numbers of the caller's records; of the whole store to who speaks for anybody."""
    if caller.principal.users is None:
        found = await caller.run(caller.memory.maintenance.stats)
    else:
        count = caller.memory.count
        found = {
            "records": await caller.run(count, scope=caller.scope, everything=True),
            "current": await caller.run(count, scope=caller.scope),
        }
    return reply(STATS, Stats(stats=found))
