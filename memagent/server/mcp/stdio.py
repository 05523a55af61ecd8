"""stdio: the MCP server as a child process, which answers before the memory is open."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread
from mcp.server.stdio import stdio_server

from memagent.errors import MemagentError, StoreError, one_line
from memagent.server.mcp.server import Caller, build_server
from memagent.types import Scope

if TYPE_CHECKING:
    from memagent.memory.memory import Memory

logger = logging.getLogger(__name__)
STOPPED_BY = (signal.SIGTERM, signal.SIGINT)


class Opening:
    """A memory that a thread opens, so that the server need not wait for its embedder."""

    def __init__(self, open: "Callable[[ExitStack], Memory]", scope: Scope) -> None:
        self._open = open
        self._scope = scope
        self._stack = ExitStack()
        self._memory: Future[Memory] = Future()
        self._thread = threading.Thread(target=self._run, name="memagent-open", daemon=True)

    def start(self) -> None:
        """Begin to open the memory."""
        self._thread.start()

    async def memory(self) -> "Memory":
        """Return the memory once it is open.

        Raises:
            MemagentError: it could not be opened; each caller is told why.
        """
        if self._memory.done():
            return self._memory.result()
        return await to_thread.run_sync(self._memory.result, abandon_on_cancel=True)

    def close(self) -> None:
        """Close the memory, if it was opened; wait for it to open where it is on the way."""
        if self._thread.is_alive():
            self._thread.join()
        self._stack.close()

    def _run(self) -> None:
        try:
            memory = self._open(self._stack)
        except MemagentError as error:
            logger.error("the memory cannot be opened: %s", error)
            self._memory.set_exception(error)
            return
        except Exception as error:
            logger.exception("the memory cannot be opened")
            self._memory.set_exception(StoreError(f"cannot be opened: {one_line(error)}"))
            return
        self._memory.set_result(memory)
        try:
            memory.maintenance.warm(scope=self._scope)  # or the first search loads the embedder
        except MemagentError as error:
            logger.warning("the embedder cannot be loaded: %s", error)


def serve(open: "Callable[[ExitStack], Memory]", scope: Scope, *, read_only: bool = False) -> None:
    """Serve MCP over stdin and stdout until stdin ends or a signal comes.

    `open` opens the memory on a stack that closes it.
    """
    caller = Caller(name="mcp", find_scope=lambda: scope, audit=_no_audit, read_only=read_only)
    opening = Opening(open, scope)
    server = build_server(opening.memory, lambda _: caller)

    async def run() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_stop_by_signal, opening)
            with suppress(BrokenPipeError):
                async with stdio_server() as (read, write):
                    opening.start()
                    await server.run(read, write, server.create_initialization_options())
            tasks.cancel_scope.cancel()

    try:
        anyio.run(run)
    except* BrokenPipeError:
        logger.info("the client went away")
    finally:
        opening.close()


async def _stop_by_signal(opening: Opening) -> None:
    """Close the memory and end the process at a signal.

    A thread waits for stdin and cannot be woken, so that the process ends without it. On Windows
    a signal ends the process at once, and no loop can be told of it.
    """
    if sys.platform == "win32":
        return
    with anyio.open_signal_receiver(*STOPPED_BY) as signals:
        async for number in signals:
            logger.info("stopped by %s", signal.Signals(number).name)
            opening.close()
            os._exit(0)


async def _no_audit(scope: Scope, verb: str, ids: Sequence[str]) -> None:
    """Keep nothing: only the server's API keys have an audit log."""
