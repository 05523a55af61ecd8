"""MCP over HTTP in this process, called by the SDK's own client with one of several keys."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx2
import pytest
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client

from memagent import Memory
from memagent.config import Settings
from memagent.server.app import create_app
from memagent.server.services import Services
from memagent.stores.access.keys import Keys

Connect = Callable[..., AbstractAsyncContextManager[ClientSession]]


@pytest.fixture
def tokens(memory: Memory) -> dict[str, str]:
    """Keys of two users, of a reader, of a service for two users, and of one for anybody."""
    keys = Keys(memory.engine.store)
    return {
        "ada": keys.make("ada's key", ["ada"])[0],
        "bob": keys.make("bob's key", ["bob"])[0],
        "reader": keys.make("reader", ["ada"], read_only=True)[0],
        "service": keys.make("service", ["ada", "bob"])[0],
        "anybody": keys.make("anybody", None)[0],
    }


@pytest.fixture
def connect(memory: Memory, tokens: dict[str, str]) -> Connect:
    """Open sessions with a server over the memory: `connect("ada", "?session=trip")`."""

    @asynccontextmanager
    async def open(who: str = "ada", query: str = "") -> AsyncIterator[ClientSession]:
        app = create_app(Services(memory=memory, settings=Settings()))
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=app),
                headers={"authorization": f"Bearer {tokens[who]}"},
            ) as http,
            streamable_http_client(f"http://127.0.0.1/mcp{query}", http_client=http) as streams,
            ClientSession(*streams[:2]) as session,
        ):
            await session.initialize()
            yield session

    return open
