"""Running server: binds, starts, says where it listens, and stops cleanly."""

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from memagent.errors import ConfigError, MemagentError
from memagent.files import reason
from memagent.server.access.layer import is_local
from memagent.server.app import create_app
from memagent.server.services import ServeOptions, Services
from memagent.stores.access.keys import Keys

logger = logging.getLogger(__name__)

STOP_SECONDS = 5
"""Seconds that requests in flight may take to end once the server is to stop."""
BACKLOG = 1024


def bind(options: ServeOptions) -> socket.socket:
    """Return a socket that listens where the options say.

    Raises:
        ConfigError: the address is none, or is taken.
    """
    if options.uds is not None:
        return _bind_path(options.uds)
    try:
        found = socket.getaddrinfo(
            options.host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError, OverflowError) as error:
        raise ConfigError(f"--host {options.host}: no address of this machine") from error
    family, kind, protocol, _, address = found[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"cannot listen at {options.host}, port {options.port}: {reason(error)};"
            " --port 0 takes a free one"
        ) from error
    return listening


def _bind_path(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket() and not _answers(path):  # left by a server that was killed
            path.unlink()
        before = os.umask(0o177)  # its owner's alone, as the store is
        try:
            listening.bind(str(path))
        finally:
            os.umask(before)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise ConfigError(f"cannot listen at {path}: {reason(error)}") from error
    return listening


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True


def require_key(services: Services) -> None:
    """Refuse to listen beyond this machine while nobody needs a key.

    Raises:
        ConfigError: there is no usable key, and others could reach the server.
    """
    options = services.options
    if options.uds is None and not is_local(options.host):
        keys = Keys(services.memory.engine.store)
        if not keys.any_usable():
            raise ConfigError(
                f"{options.host} can be reached from other machines, and there is no key:"
                " make one with `memagent keys make NAME --user USER`"
            )


def serve(
    services: Services, listening: socket.socket, started: Callable[[str], None] = lambda url: None
) -> None:
    """Serve until SIGINT or SIGTERM; `started` gets the URL once requests are answered."""
    url = url_of(services.options, listening)
    services.lifespans.append(_warm(services))
    config = uvicorn.Config(
        create_app(services),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
        lifespan="on",
    )
    server = uvicorn.Server(config)

    async def run() -> None:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        if server.started:
            started(url)
        await serving

    with _signals_kept():
        asyncio.run(run())
    if services.options.uds is not None:
        services.options.uds.unlink(missing_ok=True)


def url_of(options: ServeOptions, listening: socket.socket) -> str:
    """Return the URL under which a server is reached."""
    if options.public_url is not None:
        return options.public_url.rstrip("/")
    if options.uds is not None:
        return f"unix:{options.uds}"
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _warm(services: Services) -> Callable[[], AbstractAsyncContextManager[None]]:
    """Return what loads the embedder and the vectors of the default user beside the requests."""

    def load() -> None:
        try:
            services.memory.engine.embed(["ready"])
            services.memory.maintenance.warm(scope=services.settings.user)
            services.warm.set()
        except MemagentError as error:
            logger.error("the embedder cannot be used: %s", error)

    @asynccontextmanager
    async def warming() -> Any:
        thread = threading.Thread(target=load, daemon=True)
        thread.start()
        yield

    return warming


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Keep the signals that uvicorn raises again after its clean stop from ending us otherwise."""
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: None) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
