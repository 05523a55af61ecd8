"""Observing layer: counts and times every request, and writes one line of log for it."""

import logging
import time
from uuid import uuid4

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memagent.server.access.principal import Principal
from memagent.server.observability import health
from memagent.server.observability.metrics import Metrics
from memagent.server.services import Services

logger = logging.getLogger("memagent.server.access_log")

UNROUTED = "(none)"


class ObservingLayer:
    """ASGI layer outside all others; a line has no path but its route's, and no text of anybody."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and tell of it when it is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status, id = time.perf_counter(), 500, uuid4().hex[:16]
        scope.setdefault("state", {})["request_id"] = id

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = id
            await send(message)

        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive, observed)
        finally:
            self._metrics.in_flight.dec()
            self._tell(scope, status, time.perf_counter() - started, id)

    def _tell(self, scope: Scope, status: int, seconds: float, id: str) -> None:
        route = route_of(scope)
        self._metrics.requests.labels(scope["method"], route, str(status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        principal = scope["state"].get("principal")
        key = principal.key if isinstance(principal, Principal) else None
        extra = {
            "method": scope["method"],
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 2),
            "key": key,
            "request_id": id,
        }
        line = "%s %s %d in %.1f ms, key %s, request %s"
        about = (scope["method"], route, status, seconds * 1000, key or "none", id)
        logger.info(line, *about, extra=extra)


def route_of(scope: Scope) -> str:
    """Return the template of a request's route, which has no names or ids in it."""
    path = getattr(scope.get("route"), "path_format", None) or getattr(
        scope.get("route"), "path", None
    )
    return path if isinstance(path, str) else UNROUTED


def add_observability(app: FastAPI, services: Services) -> None:
    """Add health, metrics and the layer that observes each request."""
    app.state.metrics = Metrics(services.memory)
    app.include_router(health.router)
    app.add_middleware(ObservingLayer, metrics=app.state.metrics)
