"""Audit of requests: entries are written many at a time, beside the requests.

What wrote or erased is in the log before it is acknowledged; what only read follows within a tenth
of a second, and at a clean stop.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from starlette.requests import HTTPConnection

from memagent.server.access.principal import principal_of
from memagent.stores.access.audit import AuditLog, Entry
from memagent.types import Scope

logger = logging.getLogger(__name__)

READS = frozenset({"search", "recall", "get", "list", "history", "forget (dry run)"})
"""Verbs whose entries do not hold up their requests."""
BATCH_SECONDS = 0.1
MAX_WAITING = 100_000
"""Entries of reads that wait at most; a store that cannot be written loses later ones."""


class AuditWriter:
    """Writer of the audit log, between `running` and its end."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log
        self._waiting: list[Entry] = []
        self._done: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        self._runs = False

    async def put(self, entry: Entry) -> None:
        """Put an entry into the log; returns once it is written if its verb wrote something.

        Raises:
            StoreError: the log cannot be written.
        """
        if len(self._waiting) < MAX_WAITING or entry.verb not in READS:
            self._waiting.append(entry)
        if entry.verb not in READS:
            done = asyncio.get_running_loop().create_future()
            self._done.append(done)
            self._wake.set()
            if not self._runs:  # turns are still remembered while the server stops
                await asyncio.shield(self._flush())
            await done

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write entries until the block ends, and all of them then."""
        self._runs = True
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._flush()

    async def _run(self) -> None:
        try:
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), BATCH_SECONDS)
                self._wake.clear()
                await asyncio.shield(self._flush())
        finally:
            self._runs = False
            await self._flush()

    async def _flush(self) -> None:
        async with self._writing:  # the last one, at the end, waits for the one before
            entries, self._waiting = self._waiting, []
            done, self._done = self._done, []
            if not entries:
                return
            try:
                await asyncio.to_thread(self._log.write, entries)
            except Exception as error:  # whatever it is, nobody may wait for ever
                logger.error("%d entries of the audit log are lost: %s", len(entries), error)
                for future in done:
                    if not future.done():
                        future.set_exception(error)
            for future in done:
                if not future.done():
                    future.set_result(None)


async def audited(
    request: HTTPConnection,
    scope: Scope,
    verb: str,
    ids: Sequence[str] = (),
    *,
    count: int | None = None,
) -> None:
    """Put what a request did into the audit log; `count` is for records that `ids` do not name."""
    writer: AuditWriter = request.app.state.audit
    request.app.state.metrics.operations.labels(verb).inc()
    key = principal_of(request).key
    await writer.put(
        Entry(
            at=datetime.now(UTC), key=key, verb=verb, user=scope.user, ids=tuple(ids), count=count
        )
    )
