"""Streamable HTTP: the MCP server at `/mcp` of the application, without sessions of its own."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from memagent.server.access.audit import audited
from memagent.server.access.principal import principal_of
from memagent.server.mcp.server import Caller, build_server
from memagent.types import Scope

if TYPE_CHECKING:
    from fastapi import FastAPI

    from memagent.memory.memory import Memory
    from memagent.server.services import ServeOptions, Services

PATH = "/mcp"


def add_mcp(app: "FastAPI", services: "Services") -> None:
    """Serve MCP at `/mcp`, as long as the application runs."""

    async def memory() -> "Memory":
        return services.memory

    endpoint = McpEndpoint(build_server(memory, caller_of), services.options)
    # A GET would hold a connection open for messages that never come; clients take a 405.
    route = Route(PATH, endpoint=endpoint, methods=["POST"], include_in_schema=False)
    app.router.routes.append(route)
    services.lifespans.append(endpoint.running)


class McpEndpoint:
    """ASGI endpoint of an MCP server: each request stands alone and is answered with JSON."""

    def __init__(self, server: Server[object], options: "ServeOptions") -> None:
        self._server = server
        self._options = options
        self._manager: StreamableHTTPSessionManager | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer requests inside; a manager of the SDK runs only once, so each run has its own."""
        self._manager = StreamableHTTPSessionManager(
            self._server,
            stateless=True,
            json_response=True,
            security_settings=None,  # the access layer has checked Host, Origin and key before
            max_request_body_size=self._options.max_body,
        )
        async with self._manager.run():
            yield
        self._manager = None

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Answer one request."""
        assert self._manager is not None, "the application's lifespan has not begun"
        await self._manager.asgi_app(scope, receive, send)


def caller_of(request: Request) -> Caller:
    """Return who sent a request: its principal, and the scope that the address names within it.

    A user, an agent or a session in the address (`/mcp?session=memagent`) is configuration of the
    client, and counts only as far as the credential reaches.
    """
    principal = principal_of(request)
    query = request.query_params

    async def audit(scope: Scope, verb: str, ids: Sequence[str]) -> None:
        await audited(request, scope, verb, ids)

    return Caller(
        name=principal.name,
        find_scope=lambda: principal.scope(
            query.get("user"), query.get("agent"), query.get("session")
        ),
        audit=audit,
        read_only=principal.read_only,
    )
