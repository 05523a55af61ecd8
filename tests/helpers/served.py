"""A served memory on a loopback port, for tests that are clients."""

import threading
import time
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import httpx
import uvicorn

from memagent import Memory
from memagent.config import load_settings
from memagent.server.app import create_app
from memagent.server.services import ServeOptions, Services
from memagent.stores.access.keys import Keys
from memagent.testing import HashEmbedder

WAIT_SECONDS = 30.0


def services(
    memory: Memory | None = None, *, options: ServeOptions | None = None, **settings: Any
) -> Services:
    """Return the services of a server over a memory, one in RAM if none is given."""
    memory = memory or Memory.in_memory(embedder=HashEmbedder())
    options = options or ServeOptions()
    options = replace(options, hosts=(*options.hosts, "testserver"))  # as TestClient calls it
    return Services(memory=memory, settings=load_settings(**settings), options=options)


class Served:
    """Server in a thread from `start` (or `with`) to `stop`."""

    def __init__(self, of: Services) -> None:
        self.services = of
        self.app = create_app(of)
        config = uvicorn.Config(
            self.app, port=0, log_config=None, access_log=False, timeout_graceful_shutdown=2
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    @property
    def memory(self) -> Memory:
        """Memory that is served."""
        return self.services.memory

    @property
    def url(self) -> str:
        """URL of the server, without a path."""
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def key(self, *users: str, **options: Any) -> str:
        """Make an API key, and return it whole."""
        keys = Keys(self.memory.engine.store)
        name = f"key-{len(keys.list())}"
        return keys.make(name, users or None, **options)[0]

    def client(self, key: str | None = None, **options: Any) -> httpx.Client:
        """Return an HTTP client of the server."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=WAIT_SECONDS, **options)

    def start(self) -> Self:
        """Start, and return once requests are answered."""
        self._thread.start()
        until = time.monotonic() + WAIT_SECONDS
        while not self._server.started and self._thread.is_alive() and time.monotonic() < until:
            time.sleep(0.005)
        assert self._server.started
        return self

    def stop(self) -> None:
        """Stop as a signal would."""
        self._server.should_exit = True
        self._thread.join(WAIT_SECONDS)
        assert not self._thread.is_alive()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
