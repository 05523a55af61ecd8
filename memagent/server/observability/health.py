"""Health of the server: whether it lives, and whether it is ready to serve."""

import time
from typing import Any

import httpx
from anyio import to_thread
from fastapi import APIRouter, Request
from prometheus_client.exposition import generate_latest
from starlette.responses import JSONResponse, Response

from memagent.errors import MemagentError
from memagent.models import http
from memagent.server.services import Services, services_of
from memagent.urls import ServerAddress

router = APIRouter(tags=["health"])
MODEL_SECONDS = 2.0
"""Seconds that the model's server may take to answer, and for which its answer is kept."""
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/healthz", operation_id="health")
async def health() -> Response:
    """Say that the process lives."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz", operation_id="ready")
async def ready(request: Request) -> Response:
    """Say whether store and embedder can be used, and how the model's server is.

    The answer is 503 until both can; the model counts for nothing, as most verbs need none.
    """
    services = services_of(request)
    store = await to_thread.run_sync(_store_state, services)
    embedder = "ready" if services.warm.is_set() else "loading"
    model = await _model_state(request, services)
    good = store == embedder == "ready"
    body = {
        "status": "ready" if good else "not ready",
        "store": store,
        "embedder": embedder,
        "model": model,
    }
    return JSONResponse(body, 200 if good else 503)


@router.get("/metrics", operation_id="metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Return the metrics for Prometheus."""
    body = await to_thread.run_sync(generate_latest, request.app.state.metrics.registry)
    return Response(body, media_type=EXPOSITION)


def _store_state(services: Services) -> str:
    try:
        with services.memory.engine.store.transaction():
            return "ready"
    except MemagentError as error:
        return type(error).__name__


async def _model_state(request: Request, services: Services) -> str:
    """Return how the model's server is, asked every few seconds at most; nothing is opened."""
    spec = services.settings.model.strip()
    if not spec.lower().startswith(("http://", "https://")):
        return "not asked"
    held: tuple[float, str] | None = getattr(request.app.state, "model_state", None)
    if held is not None and time.monotonic() - held[0] < MODEL_SECONDS:
        return held[1]
    address = ServerAddress.of(spec)
    key = services.settings.api_key
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    options: dict[str, Any] = http.client_options(address)
    try:
        async with httpx.AsyncClient(timeout=MODEL_SECONDS, headers=headers, **options) as client:
            reply = await client.get(f"{address.url}/models")
        state = "ready" if reply.is_success else f"answers {reply.status_code}"
    except httpx.HTTPError:
        state = "does not answer"
    request.app.state.model_state = (time.monotonic(), state)
    return state
