"""Routes that mark records: pin, unpin, archive, restore, and say what came of them."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from pydantic import TypeAdapter
from starlette.responses import Response

from memagent.protocol.requests import JudgeRecords, MarkRecords
from memagent.server.rest.caller import Writer, reply
from memagent.server.rest.idempotency import Replies
from memagent.types import Marked

router = APIRouter(prefix="/v1", tags=["marks"])
MARKED = TypeAdapter(Marked)


async def _marked(
    caller: Writer, name: str, verb: Callable[..., Marked], ids: list[str], *args: Any, **how: Any
) -> Response:
    replies: Replies = caller.request.app.state.replies

    async def make() -> Response:
        marked = await caller.run(verb, ids, *args, scope=caller.scope, **how)
        await caller.audit(name, ids)
        return reply(MARKED, marked)

    return await replies.once(caller, make)


@router.post("/pin", operation_id="pin", response_model=Marked)
async def pin(body: MarkRecords, caller: Writer) -> Response:
    """Pin records: they are never archived."""
    how = {"why": body.why}
    return await _marked(caller, "pin", caller.memory.changes.pin, body.ids, **how)


@router.post("/unpin", operation_id="unpin", response_model=Marked)
async def unpin(body: MarkRecords, caller: Writer) -> Response:
    """Take the pin off records."""
    how = {"why": body.why, "pinned": False}
    return await _marked(caller, "unpin", caller.memory.changes.pin, body.ids, **how)


@router.post("/archive", operation_id="archive", response_model=Marked)
async def archive(body: MarkRecords, caller: Writer) -> Response:
    """Archive records: they are kept, and not searched."""
    how = {"who": caller.who, "why": body.why}
    return await _marked(caller, "archive", caller.memory.changes.archive, body.ids, **how)


@router.post("/restore", operation_id="restore", response_model=Marked)
async def restore(body: MarkRecords, caller: Writer) -> Response:
    """Put archived records back into searches."""
    how = {"why": body.why}
    return await _marked(caller, "restore", caller.memory.changes.restore, body.ids, **how)


@router.post("/judge", operation_id="judge", response_model=Marked)
async def judge(body: JudgeRecords, caller: Writer) -> Response:
    """Count for or against records that they helped or hurt an answer."""
    how = {"who": caller.who, "why": body.why}
    verb = caller.memory.changes.judge
    return await _marked(caller, "judge", verb, body.ids, body.outcome, **how)
