"""Routes that erase: forget, with a dry run and a receipt, and requests to forget in words."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, TypeAdapter
from starlette.exceptions import HTTPException
from starlette.responses import Response

from memagent.protocol.requests import Forget, ForgetRequest
from memagent.server.rest.caller import Reader, Writer, reply
from memagent.server.rest.idempotency import Replies
from memagent.types import Receipt, Record

router = APIRouter(prefix="/v1", tags=["forget"])
RECEIPT = TypeAdapter(Receipt)


class CandidateReply(BaseModel):
    """Record that a request may mean; `meant` says that it would be erased."""

    record: Record
    score: float
    meant: bool


class ForgettableReply(BaseModel):
    """Records that a request to forget may mean, best first, and what erasing them would do."""

    candidates: list[CandidateReply]
    ids: list[str]
    receipt: Receipt


FORGETTABLE = TypeAdapter(ForgettableReply)


async def _erased(caller: Writer, dry_run: bool, *ids: Any, **what: Any) -> Response:
    verb = caller.memory.forget
    receipt = await caller.run(verb, *ids, scope=caller.scope, dry_run=dry_run, **what)
    if not dry_run:
        replies: Replies = caller.request.app.state.replies
        replies.forget(caller.scope.user)
    # Ids of what is erased do not go into the log, which would keep them; their number does.
    await caller.audit("forget (dry run)" if dry_run else "forget", count=receipt.records)
    return reply(RECEIPT, receipt)


@router.post("/forget", operation_id="forget", response_model=Receipt)
async def forget(body: Forget, caller: Writer) -> Response:
    """Erase records by id, source, metadata, or all of the scope; `dry_run` only says what goes."""
    what = {"source": body.source, "where": body.where, "everything": body.everything}
    if body.dry_run:  # a retry of it shall not be told what was there before
        return await _erased(caller, True, body.ids, **what)
    replies: Replies = caller.request.app.state.replies
    return await replies.once(caller, lambda: _erased(caller, False, body.ids, **what))


@router.delete("/records/{id}", operation_id="forgetRecord", response_model=Receipt)
async def forget_record(
    id: str,
    caller: Writer,
    dry_run: Annotated[bool, Query(description="Only say what would go.")] = False,
) -> Response:
    """Erase one record with its versions, what was made from it, and their bytes on the disk."""
    if not await caller.run(caller.memory.get, id, scope=caller.scope):
        raise HTTPException(404, "there is no such record in this scope")
    return await _erased(caller, dry_run, id)


@router.post("/forget/request", operation_id="forgettable", response_model=ForgettableReply)
async def forgettable(body: ForgetRequest, caller: Reader) -> Response:
    """Return the records that a request to forget means ("my old address"); erase nothing."""
    found = await caller.run(caller.memory.probes.forgettable, body.request, scope=caller.scope)
    candidates = [
        CandidateReply.model_construct(
            record=candidate.record, score=candidate.score, meant=candidate.meant
        )
        for candidate in found.candidates
    ]
    await caller.audit("search", [candidate.record.id for candidate in candidates])
    value = ForgettableReply.model_construct(
        candidates=candidates, ids=found.ids, receipt=found.receipt
    )
    return reply(FORGETTABLE, value)
