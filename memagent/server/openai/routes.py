"""Routes of the OpenAI-compatible endpoint, in front of the model of the settings."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Send

from memagent.errors import ContextTooLong, InvalidInput, MemagentError, ModelUnavailable
from memagent.models.errors import TOO_LONG
from memagent.server.access.audit import audited
from memagent.server.access.principal import Principal, principal_of
from memagent.server.openai import turn as turns
from memagent.server.openai.connection import ClientGone, while_connected
from memagent.server.openai.conversation import Api, Conversation, conversation_of
from memagent.server.openai.recollections import Recollections
from memagent.server.openai.reply import text_of
from memagent.server.openai.response_events import ResponseEvents
from memagent.server.openai.responses import chat_request, translated
from memagent.server.openai.turn import Mode, Turn
from memagent.server.openai.upstream import Stopwatch, Upstream, passed_on, whole
from memagent.server.problems import Forbidden, status_of
from memagent.server.services import Services, services_of
from memagent.types import Recollection, Scope

logger = logging.getLogger(__name__)

router = APIRouter(prefix="/v1", tags=["openai"])
MODE, SESSION = "x-memory", "x-memory-session"
KEPT_BYTES = 8 << 20
"""Bytes of a reply that are kept to be remembered; a longer one is no reply to remember."""


@router.post("/chat/completions", operation_id="chatCompletions")
async def chat_completions(request: Request) -> Response:
    """Complete a chat: OpenAI's interface, with what is known put before the last message."""
    return await _guarded(request, "chat/completions")


@router.post("/responses", operation_id="createResponse")
async def responses(request: Request) -> Response:
    """Answer by OpenAI's newer interface, with what is known put before the last message."""
    return await _guarded(request, "responses")


@router.get("/models", operation_id="listModels")
async def models(request: Request) -> Response:
    """List the models of the server behind."""
    return await _listed(request, "models")


@router.get("/models/{id:path}", operation_id="getModel")
async def model(id: str, request: Request) -> Response:
    """Tell of one model of the server behind."""
    return await _listed(request, f"models/{id}")


def add_openai(app: FastAPI, services: Services) -> None:
    """Add the routes, and what they need while the server runs."""
    upstream = Upstream(services)
    app.state.upstream, app.state.remembering = upstream, set[asyncio.Task[None]]()
    app.state.recollections = Recollections()

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        try:
            yield
        finally:  # turns that were answered are remembered before the memory is closed
            await asyncio.gather(*app.state.remembering, return_exceptions=True)
            await upstream.close()

    services.lifespans.append(running)
    app.include_router(router)


async def _listed(request: Request, path: str) -> Response:
    upstream: Upstream = request.app.state.upstream
    try:
        async with upstream.ask("GET", path, request.headers, None) as reply:
            content = await whole(reply)
            return Response(content, reply.status_code, passed_on(reply))
    except MemagentError as error:
        return _error(status_of(error), str(error))


async def _guarded(request: Request, api: Api) -> Response:
    """Answer a request, errors in the shape that OpenAI's clients read."""
    try:
        return await _proxied(request, api)
    except Forbidden as error:
        return _error(403, str(error))
    except MemagentError as error:
        return _error(status_of(error), str(error))
    except HTTPException as error:  # a body that is too large
        return _error(error.status_code, str(error.detail))
    except ClientGone:
        return Response(status_code=499)  # for the log; nobody reads it


async def _proxied(request: Request, api: Api) -> Response:
    raw = await request.body()
    body, conversation = conversation_of(api, raw)
    principal, mode = principal_of(request), turns.mode_of(request.headers.get(MODE))
    if mode == "on" and principal.read_only:
        mode = "read"
    scope = _scope(principal, body, request.headers.get(SESSION))
    streamed = body.get("stream") is True
    if conversation is None or mode == "off":
        return await _passed_on(request, api, raw, None, streamed=streamed)
    turn = await _recalled(request, scope, conversation, mode)
    if not (notes := turn.notes()):
        return await _passed_on(request, api, raw, turn, streamed=streamed)
    longer = json.dumps(conversation.with_notes(notes)).encode()
    try:
        return await _passed_on(request, api, longer, turn, streamed=streamed, may_overflow=True)
    except ContextTooLong:
        logger.info("the notes find no room in the model's context: they are left out")
        return await _passed_on(request, api, raw, turn.without_notes(), streamed=streamed)


async def _recalled(request: Request, scope: Scope, conversation: Conversation, mode: Mode) -> Turn:
    """Recall for a conversation; what was said is remembered even if there is no model."""
    state, services, started = request.app.state, services_of(request), time.perf_counter()
    try:
        await state.upstream.open()  # what the model reads well decides how much it is shown
        turn = await to_thread.run_sync(
            turns.recall,
            services,
            scope,
            conversation,
            mode,
            state.recollections,
            limiter=state.limiter,
        )
    except ModelUnavailable:
        _remember(request, Turn(services, scope, conversation, Recollection(), mode), "")
        raise
    state.metrics.recall.observe(time.perf_counter() - started)
    await audited(request, scope, "recall", [hit.record.id for hit in turn.recollection.hits])
    return turn


async def _passed_on(
    request: Request,
    api: Api,
    raw: bytes,
    turn: Turn | None,
    *,
    streamed: bool,
    may_overflow: bool = False,
) -> Response:
    """Send a body on, and return the reply; a stream goes on while it is sent.

    Raises:
        ContextTooLong: with `may_overflow`, the model's server has no room for the body.
    """
    try:
        while True:  # twice at most: a server that has no `/v1/responses` is known then
            response = await _answered(request, api, raw, turn, streamed, may_overflow)
            if response is not None:
                return response
    except (ContextTooLong, InvalidInput):
        raise  # nothing was refused but the notes, or the request says what it may not
    except BaseException:
        _remember(request, turn, "")  # what was said is kept
        raise


async def _answered(
    request: Request, api: Api, raw: bytes, turn: Turn | None, streamed: bool, may_overflow: bool
) -> Response | None:
    """Return the reply of the model's server, None if it turns out to have no `/v1/responses`."""
    upstream: Upstream = request.app.state.upstream
    watch, asked = Stopwatch(), None
    if api == "responses" and upstream.lacks_responses:
        asked = json.loads(raw)
        api, raw = "chat/completions", json.dumps(chat_request(asked)).encode()
    async with AsyncExitStack() as stack:
        asking = stack.enter_async_context(upstream.ask("POST", api, request.headers, raw))
        reply = await while_connected(request, asking)
        if api == "responses" and await upstream.refuses_responses(reply):
            return None
        headers = passed_on(reply) | (turn.headers() if turn else {})
        if streamed and reply.is_success:
            pieces = _stream(request, api, stack.pop_all(), reply, turn, watch)
            if asked is not None:
                pieces = _as_events(asked, pieces)
            return Relayed(pieces, reply.status_code, headers)
        content = await while_connected(request, whole(reply))
        headers.pop("content-encoding", None)  # it is decoded
    if not reply.is_success:
        if may_overflow and TOO_LONG.search(reply.text):
            raise ContextTooLong("the notes find no room in the model's context")
        if reply.status_code == 429 or reply.is_server_error:
            _remember(request, turn, "")  # it was not refused for what it says
        return Response(content, reply.status_code, headers)
    watch.mark()
    _observe(request, watch)
    _remember(request, turn, text_of(api, content, False))
    return Response(translated(asked, content) if asked else content, reply.status_code, headers)


class Relayed(StreamingResponse):
    """Stream of the model's server; where that breaks off, so does this one."""

    async def stream_response(self, send: Send) -> None:
        """Send the pieces; the connection is closed before the end of a stream that broke off."""
        try:
            await super().stream_response(send)
        except ModelUnavailable as error:
            logger.warning("%s", error)


async def _stream(
    request: Request,
    api: Api,
    stack: AsyncExitStack,
    reply: Any,
    turn: Turn | None,
    watch: Stopwatch,
) -> AsyncGenerator[bytes]:
    kept, size, text = list[bytes](), 0, ""
    try:
        async with stack:
            async for piece in reply.aiter_raw():
                watch.mark()
                size += len(piece)
                if size <= KEPT_BYTES:
                    kept.append(piece)
                yield piece
        if size <= KEPT_BYTES:
            text = text_of(api, b"".join(kept), True)
    finally:
        _observe(request, watch)
        _remember(request, turn, text)


async def _as_events(
    asked: Mapping[str, Any], pieces: AsyncGenerator[bytes]
) -> AsyncGenerator[bytes]:
    """Translate the stream of a chat completion into that of a response."""
    events = ResponseEvents(asked)
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                if translation := events.feed(piece):
                    yield translation
    except ModelUnavailable as error:
        logger.warning("%s", error)
    yield events.end()


def _observe(request: Request, watch: Stopwatch) -> None:
    metrics = request.app.state.metrics
    metrics.model_first.observe(watch.seconds if watch.first is None else watch.first)
    metrics.model.observe(watch.seconds)


def _remember(request: Request, turn: Turn | None, text: str) -> None:
    """Remember a turn beside the requests, unless it may only be read."""
    if turn is not None and turn.mode == "on":
        task = asyncio.create_task(turns.remembered(request, turn, text))
        request.app.state.remembering.add(task)
        task.add_done_callback(request.app.state.remembering.discard)


def _scope(principal: Principal, body: Any, session: str | None) -> Scope:
    """Return whose memory it is: the key's, or the `user` of the body where the key speaks for it.

    An application's own names for its users say nothing to a key of one user.
    """
    user = body.get("user")
    alone = principal.users is not None and len(principal.users) == 1
    named = user if isinstance(user, str) and user.strip() and not alone else None
    return principal.scope(named, session=session or None)


def _error(status: int, message: str) -> Response:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    error = {"message": message, "type": kind, "param": None, "code": None}
    return JSONResponse({"error": error}, status)
