"""Caller of the REST interface: the scope a request may use, and the memory behind it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import anyio
from anyio import to_thread
from fastapi import Depends, Query, Request
from pydantic import TypeAdapter
from starlette.responses import Response

from memagent.memory.memory import Memory
from memagent.server.access.audit import audited
from memagent.server.access.principal import Principal, principal_of
from memagent.server.services import Services, services_of
from memagent.types import Scope

T = TypeVar("T")
THREADS = 8
"""Calls of the memory at once in one process; more threads only wait for each other."""
USER = "Whose memory; the key's own user if left out."
AGENT = "Only this agent's records."
SESSION = "Only this session."


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Sender of a request: its principal, its scope, and what it may call."""

    request: Request
    services: Services
    principal: Principal
    scope: Scope

    @property
    def memory(self) -> Memory:
        """Memory of the server."""
        return self.services.memory

    @property
    def who(self) -> str | None:
        """Name for the history of records: the key's, None without a key."""
        return self.principal.name if self.principal.key else None

    async def run(self, verb: Callable[..., T], *args: Any, **options: Any) -> T:
        """Call a verb of the memory in a thread."""
        limiter = self.request.app.state.limiter
        return await to_thread.run_sync(lambda: verb(*args, **options), limiter=limiter)

    async def audit(self, verb: str, ids: Sequence[str] = (), *, count: int | None = None) -> None:
        """Put what the request did into the audit log."""
        await audited(self.request, self.scope, verb, ids, count=count)


def limiter() -> anyio.CapacityLimiter:
    """Return the limiter of the threads that call a memory."""
    return anyio.CapacityLimiter(THREADS)


async def reader(
    request: Request,
    user: Annotated[str | None, Query(description=USER, max_length=1000)] = None,
    agent: Annotated[str | None, Query(description=AGENT, max_length=1000)] = None,
    session: Annotated[str | None, Query(description=SESSION, max_length=1000)] = None,
) -> Caller:
    """Return the caller of a request that reads."""
    principal = principal_of(request)
    scope = principal.scope(user, agent, session)
    return Caller(request=request, services=services_of(request), principal=principal, scope=scope)


async def writer(caller: Annotated[Caller, Depends(reader)]) -> Caller:
    """Return the caller of a request that writes, refused if its key may only read."""
    caller.principal.require_write()
    return caller


Reader = Annotated[Caller, Depends(reader)]
Writer = Annotated[Caller, Depends(writer)]
Make = Callable[[], Awaitable[Response]]


def reply(
    adapter: TypeAdapter[Any], value: Any, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Return a value as JSON; a lone surrogate in metadata is written as an escape."""
    return Response(adapter.dump_json(value), status, headers, "application/json")
