"""Routes of the agent: a question, and a conversation whose reply is streamed."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter
from pydantic import TypeAdapter
from starlette.responses import Response, StreamingResponse

from memagent.agent.conversation import Conversation
from memagent.agent.steps import Answered, Recalled, Saved, TextChunk
from memagent.errors import InvalidInput, MemagentError
from memagent.protocol.requests import Ask, Say
from memagent.server.problems import status_of
from memagent.server.rest.caller import Caller, Reader, Writer, reply
from memagent.server.rest.idempotency import Replies
from memagent.types import Answer

router = APIRouter(prefix="/v1", tags=["agent"])
ANSWER = TypeAdapter(Answer)


@router.post("/ask", operation_id="ask", response_model=Answer)
async def ask(body: Ask, caller: Reader) -> Response:
    """Answer one question from memory, and remember the turn unless `remember` is false."""
    if body.remember:
        caller.principal.require_write()
    replies: Replies = caller.request.app.state.replies

    async def make() -> Response:
        answer = await caller.services.agent.aask(
            body.question,
            scope=caller.scope,
            remember=body.remember,
            chat=body.chat,
            evidence=body.evidence,
            now=body.now,
        )
        await caller.audit("recall", answer.memories)
        if answer.turn:
            await caller.audit("add", answer.turn)
        return reply(ANSWER, answer)

    return await replies.once(caller, make)


@router.post(
    "/chat",
    operation_id="chat",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def chat(body: Say, caller: Writer) -> Response:
    """Say something in a session; the reply comes as server-sent events.

    Events: `recalled` (ids of the memories shown), `delta` (a piece of the reply), `answer` (the
    whole, with what it cost), `saved` (ids of the records of the turn), `error`. A client that goes
    away stops the model; what was said is remembered.
    """
    if caller.scope.session is None:
        raise InvalidInput("session: name the session of the conversation")
    if not body.text.strip():
        raise InvalidInput("text: there is nothing in it")
    talk = await caller.run(Conversation, caller.services.agent, caller.scope)
    return StreamingResponse(
        _events(talk, body.text, caller),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(talk: Conversation, text: str, caller: Caller) -> AsyncIterator[bytes]:
    try:
        async with aclosing(talk.asay(text, stream=True)) as steps:
            async for step in steps:
                if isinstance(step, Recalled):
                    ids = [hit.record.id for hit in step.recollection.hits]
                    await caller.audit("recall", ids)
                    shown = {"ids": ids, "texts": list(step.recollection.texts)}
                    yield event("recalled", shown)
                elif isinstance(step, TextChunk):
                    yield event("delta", {"text": step.text})
                elif isinstance(step, Answered):
                    yield b"event: answer\ndata: " + ANSWER.dump_json(step.answer) + b"\n\n"
                elif isinstance(step, Saved):
                    await caller.audit("add", step.answer.turn)
                    yield event("saved", {"ids": list(step.answer.turn)})
    except MemagentError as error:
        kind = type(error).__name__
        yield event("error", {"status": status_of(error), "detail": str(error), "error": kind})


def event(name: str, data: Any) -> bytes:
    """Return a server-sent event whose data is JSON."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
