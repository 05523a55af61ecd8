"""The writer of the audit log: at the end of a server, and where the log cannot be written."""

import asyncio
import threading
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from memagent import Memory
from memagent.server.access.audit import AuditWriter
from memagent.stores.access.audit import AuditLog, Entry

SECONDS = 10


def entry(verb: str) -> Entry:
    return Entry(at=datetime.now(UTC), key=None, verb=verb, user="ada", ids=())


async def test_what_is_written_after_the_end_waits_for_nobody(memory: Memory) -> None:
    log = AuditLog(memory.engine.store)
    writer = AuditWriter(log)
    async with writer.running():
        await writer.put(entry("search"))
        await asyncio.wait_for(writer.put(entry("add")), SECONDS)
    await asyncio.wait_for(writer.put(entry("forget")), SECONDS)
    assert sorted(one.verb for one in log.list()) == ["add", "forget", "search"]


class SlowLog(AuditLog):
    """Log that waits for `go` before it writes."""

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory.engine.store)
        self.begun, self.go = threading.Event(), threading.Event()

    def write(self, entries: Sequence[Entry]) -> None:
        """Write entries once it may."""
        self.begun.set()
        assert self.go.wait(SECONDS)
        super().write(entries)


async def test_the_end_waits_for_what_is_being_written(memory: Memory) -> None:
    log = SlowLog(memory)
    writer = AuditWriter(log)
    async with writer.running():
        write = asyncio.create_task(writer.put(entry("add")))
        await asyncio.to_thread(log.begun.wait, SECONDS)
        asyncio.get_running_loop().call_later(0.05, log.go.set)
    assert [one.verb for one in log.list()] == ["add"]
    await write


async def test_a_log_that_cannot_be_written_holds_nobody_up(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AuditLog(memory.engine.store)
    writer = AuditWriter(log)

    def broken(entries: Sequence[Entry]) -> None:
        raise OSError("no disk")

    async with writer.running():
        with monkeypatch.context() as patch:
            patch.setattr(log, "write", broken)
            with pytest.raises(OSError, match="no disk"):
                await asyncio.wait_for(writer.put(entry("add")), SECONDS)
        await asyncio.wait_for(writer.put(entry("update")), SECONDS)
    assert [one.verb for one in log.list()] == ["update"]


async def test_a_writer_that_is_cancelled_holds_nobody_up(memory: Memory) -> None:
    log = AuditLog(memory.engine.store)
    writer = AuditWriter(log)
    async with writer.running():
        await asyncio.sleep(0)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()  # as `asyncio.run` does at its end
        await asyncio.wait_for(writer.put(entry("add")), SECONDS)
    assert [one.verb for one in log.list()] == ["add"]
