"""Routes of feedback: corrections and hints on an answer, the changes they make, and undo."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import TypeAdapter
from starlette.exceptions import HTTPException
from starlette.responses import Response

from memagent.errors import InvalidInput
from memagent.protocol.replies import Changes, FeedbackReply
from memagent.protocol.requests import Correct, Reason
from memagent.server.rest.caller import Caller, Reader, Writer, reply
from memagent.server.rest.idempotency import Replies
from memagent.types import Answer, Change, Hit, Recollection, Reflected

router = APIRouter(prefix="/v1", tags=["feedback"])
FEEDBACK, CHANGES = TypeAdapter(FeedbackReply), TypeAdapter(Changes)
CHANGE = TypeAdapter(Change)


@router.post("/feedback", operation_id="giveFeedback", response_model=FeedbackReply)
async def give_feedback(body: Correct, caller: Writer) -> Response:
    """Say of an answer that it was good or bad, what would have been right, or a hint."""
    replies: Replies = caller.request.app.state.replies

    async def make() -> Response:
        reflected = await caller.run(_teach, body, caller)
        ids = [*body.shown, *([reflected.lesson.id] if reflected.lesson else [])]
        await caller.audit("feedback", ids)
        value = FeedbackReply.model_construct(
            judged=reflected.judged,
            lesson=reflected.lesson,
            change=reflected.change,
            checked=reflected.checked,
        )
        return reply(FEEDBACK, value)

    return await replies.once(caller, make)


def _teach(body: Correct, caller: Caller) -> Reflected:
    shown = caller.memory.get(body.shown, scope=caller.scope.across_sessions())
    if shown.missing:
        raise InvalidInput("shown: some of these records are not there")
    hits = tuple(Hit(record=record, score=1.0, key="", why={}) for record in shown)
    answer = Answer(
        answer=body.answer,
        recollection=Recollection(hits=hits),
        question=body.question,
        scope=caller.scope,
        turn=tuple(body.turn),
    )
    return caller.services.agent.feedback(
        answer,
        scope=caller.scope,
        verdict=body.verdict,
        correction=body.correction,
        hint=body.hint,
        who=caller.who,
        why=body.why,
        replaces=body.replaces,
    )


@router.get("/changes", operation_id="listChanges", response_model=Changes)
async def list_changes(
    caller: Reader, limit: Annotated[int, Query(ge=1, le=1_000)] = 100
) -> Response:
    """Return the changes that feedback made, newest first."""
    found = await caller.run(caller.memory.changes.list, scope=caller.scope, limit=limit)
    await caller.audit("list", [change.id for change in found])
    return reply(CHANGES, Changes.model_construct(changes=found))


@router.get("/changes/{id}", operation_id="getChange", response_model=Change)
async def get_change(id: str, caller: Reader) -> Response:
    """Return one change."""
    try:
        change = await caller.run(caller.memory.changes.get, id, scope=caller.scope)
    except InvalidInput as error:
        raise HTTPException(404, str(error)) from error
    await caller.audit("get", [id])
    return reply(CHANGE, change)


@router.post("/changes/{id}/undo", operation_id="undoChange", response_model=Change)
async def undo_change(id: str, body: Reason, caller: Writer) -> Response:
    """Undo one change: what it replaced holds again."""
    replies: Replies = caller.request.app.state.replies

    async def make() -> Response:
        undo = caller.memory.changes.undo
        change = await caller.run(undo, id, scope=caller.scope, who=caller.who, why=body.why)
        await caller.audit("undo", [id])
        return reply(CHANGE, change)

    return await replies.once(caller, make)
