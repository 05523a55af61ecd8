"""Application: the routes and layers of the server, put together."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from memagent import __version__
from memagent.errors import MemagentError
from memagent.server.access.layer import add_access
from memagent.server.inspector.page import add_inspector
from memagent.server.mcp.http import add_mcp
from memagent.server.observability.layer import add_observability
from memagent.server.openai.routes import add_openai
from memagent.server.problems import Forbidden, problem, status_of
from memagent.server.rest.routes import add_rest
from memagent.server.services import Services

logger = logging.getLogger(__name__)


def create_app(services: Services) -> FastAPI:
    """Return the application of a server, ready for uvicorn or a test client."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for part in services.lifespans:
                await stack.enter_async_context(part())
            yield

    app = FastAPI(
        title="memagent",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        telemetry={
            "tracing": services.options.otel,
            "metrics": services.options.otel,
            "logs": False,  # they would hold what somebody sent
            "operation_spans": False,
            "auto_configure": services.options.otel,
        },
    )
    app.state.services = services
    add_mcp(app, services)
    add_rest(app)
    add_openai(app, services)
    if services.options.inspector:
        add_inspector(app)
    add_access(app, services)
    add_observability(app, services)
    app.add_exception_handler(MemagentError, _known)
    app.add_exception_handler(Forbidden, _known)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(Exception, _unknown)
    return app


async def _known(request: Request, error: Exception) -> Response:
    return problem(status_of(error), str(error), kind=type(error).__name__)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, str(error.detail), dict(error.headers or {}))


async def _malformed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return problem(400, f"the body is not JSON (at character {first['loc'][-1]})")
    where = ".".join(str(part) for part in first["loc"])
    return problem(422, f"{where}: {first['msg']}")


async def _unknown(request: Request, error: Exception) -> Response:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(500, "the server made a mistake; its log says which")
