"""The writer of the audit log at the end of a server."""

import asyncio
from datetime import UTC, datetime

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


async def test_a_writer_that_is_cancelled_holds_nobody_up(memory: Memory) -> None:
    log = AuditLog(memory.engine.store)
    writer = AuditWriter(log)
    async with writer.running():
        await asyncio.sleep(0)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()  # as `asyncio.run` does at its end
        await asyncio.wait_for(writer.put(entry("add")), SECONDS)
    assert [one.verb for one in log.list()] == ["add"]
