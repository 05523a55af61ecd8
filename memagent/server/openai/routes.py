"""Routes of the OpenAI-compatible endpoint, in front of the model of the settings."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from memagent.errors import MemagentError
from memagent.server.access.audit import audited
from memagent.server.access.principal import Principal, principal_of
from memagent.server.openai import turn as turns
from memagent.server.openai.connection import ClientGone, while_connected
from memagent.server.openai.conversation import Api, conversation_of
from memagent.server.openai.reply import text_of
from memagent.server.openai.turn import Turn
from memagent.server.openai.upstream import Stopwatch, Upstream, passed_on
from memagent.server.problems import Forbidden, status_of
from memagent.server.services import Services, services_of
from memagent.types import Scope

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
            content = await reply.aread()
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
    except ClientGone:
        return Response(status_code=499)  # for the log; nobody reads it


async def _proxied(request: Request, api: Api) -> Response:
    raw = await request.body()
    body, conversation = conversation_of(api, raw)
    principal, mode = principal_of(request), turns.mode_of(request.headers.get(MODE))
    if mode == "on" and principal.read_only:
        mode = "read"
    scope = _scope(principal, body, request.headers.get(SESSION))
    upstream: Upstream = request.app.state.upstream
    turn = None
    if conversation is not None and mode != "off":
        await upstream.open()  # what the model reads well decides how much it is shown
        turn = await to_thread.run_sync(
            turns.recall,
            services_of(request),
            scope,
            conversation,
            mode,
            limiter=request.app.state.limiter,
        )
        ids = [hit.record.id for hit in turn.recollection.hits]
        await audited(request, scope, "recall", ids)
        if notes := turn.notes():
            raw = json.dumps(conversation.with_notes(notes), ensure_ascii=False).encode()
    return await _passed_on(request, api, raw, turn, streamed=body.get("stream") is True)


async def _passed_on(
    request: Request, api: Api, raw: bytes, turn: Turn | None, *, streamed: bool
) -> Response:
    upstream: Upstream = request.app.state.upstream
    watch, stack = Stopwatch(), AsyncExitStack()
    try:
        asking = stack.enter_async_context(upstream.ask("POST", api, request.headers, raw))
        reply = await while_connected(request, asking)
        headers = passed_on(reply) | (turn.headers() if turn else {})
        if not streamed or not reply.is_success:
            content = await while_connected(request, reply.aread())
            headers.pop("content-encoding", None)
            await stack.aclose()
            _observe(request, watch)
            text = text_of(api, content, False) if reply.is_success else ""
            _remember(request, turn, text)
            return Response(content, reply.status_code, headers)
    except BaseException:
        await stack.aclose()
        _remember(request, turn, "")  # what was said is kept
        raise
    pieces = _stream(request, api, stack, reply, turn, watch)
    return StreamingResponse(pieces, reply.status_code, headers)


async def _stream(
    request: Request,
    api: Api,
    stack: AsyncExitStack,
    reply: Any,
    turn: Turn | None,
    watch: Stopwatch,
) -> AsyncIterator[bytes]:
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
