"""Services of a server: what its routes share, made once when it starts."""

import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memagent.agent.agent import Agent
from memagent.memory.memory import Memory

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from memagent.config import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class ServeOptions:
    """Options of a server: where it listens, what it takes, and what it may not be asked.

    `max_body` is the size of a request's body in bytes, `rate` what a key without a rate of its own
    may ask ("600/minute"), None for no limit. `hosts` are names, beside loopback's, under which it
    may be called. `public_url` is how clients reach it, if not by where it listens; `uds` a Unix
    socket to listen at in the place of a port.
    """

    host: str = "127.0.0.1"
    port: int = 8484
    max_body: int = 10 << 20
    rate: str | None = None
    hosts: tuple[str, ...] = ()
    public_url: str | None = None
    uds: Path | None = None
    json_logs: bool = False
    otel: bool = False
    inspector: bool = True


@dataclass(frozen=True, kw_only=True)
class Services:
    """Memory, settings and options of one server.

    `agent` is opened at the first use, so that a server starts without its model.
    """

    memory: Memory
    settings: "Settings"
    options: ServeOptions = ServeOptions()
    lifespans: list[Callable[[], AbstractAsyncContextManager[Any]]] = field(default_factory=list)
    """Entered when the server starts, in order, and left when it stops, the last first."""

    warm: threading.Event = field(default_factory=threading.Event)
    """Set once the embedder is loaded."""

    @cached_property
    def agent(self) -> Agent:
        """Agent over the memory, with the model that the settings name."""
        from memagent.models.open_chat import chat_of

        settings = self.settings
        return Agent(
            memory=self.memory,
            model=lambda: chat_of(settings),
            k=settings.recall_k,
            profile=settings.profile_tokens if settings.profile else 0,
        )


def services_of(connection: "HTTPConnection") -> Services:
    """Return the services of the server that a request came to."""
    found = connection.app.state.services
    assert isinstance(found, Services)
    return found
