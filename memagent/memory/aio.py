"""The same memory for asyncio: every verb of `Memory` under its name, run in a thread."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

from langchain_core.embeddings import Embeddings

from memagent.memory.memory import Memory
from memagent.types import Scope

P = ParamSpec("P")
R = TypeVar("R")


def _threaded(
    method: Callable[Concatenate[Memory, P], R],
) -> Callable[Concatenate["AsyncMemory", P], Awaitable[R]]:
    """Return a coroutine function that runs a verb of `Memory` in a thread."""

    async def call(self: "AsyncMemory", /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.to_thread(method, self.memory, *args, **kwargs)

    call.__doc__ = method.__doc__
    return call


def _exported(memory: Memory, *, scope: Scope, vectors: bool = False) -> list[str]:
    """Return a scope's records as JSON lines, as `Memory.export` yields them."""
    return list(memory.export(scope=scope, vectors=vectors))


class AsyncMemory:
    """A `Memory` whose verbs are awaited; see there for what each does."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    @classmethod
    async def open(
        cls, folder: str | Path | None, *, embedder: str | Embeddings = "all-MiniLM-L6-v2"
    ) -> Self:
        """Open the memory in a folder, as `Memory.open` does."""
        return cls(await asyncio.to_thread(Memory.open, folder, embedder=embedder))

    add = _threaded(Memory.add)
    add_many = _threaded(Memory.add_many)
    update = _threaded(Memory.update)
    search = _threaded(Memory.search)
    recall = _threaded(Memory.recall)
    learn_direction = _threaded(Memory.learn_direction)
    get = _threaded(Memory.get)
    list = _threaded(Memory.list)
    sessions = _threaded(Memory.sessions)
    newest = _threaded(Memory.newest)
    history = _threaded(Memory.history)
    forget = _threaded(Memory.forget)
    export = _threaded(_exported)
    import_ = _threaded(Memory.import_)
    reembed = _threaded(Memory.reembed)
    verify = _threaded(Memory.verify)
    compact = _threaded(Memory.compact)
    warm = _threaded(Memory.warm)
    now = _threaded(Memory.now)
    judge = _threaded(Memory.judge)
    teach = _threaded(Memory.teach)
    changes = _threaded(Memory.changes)
    change = _threaded(Memory.change)
    undo = _threaded(Memory.undo)
    turn = _threaded(Memory.turn)
    enrich = _threaded(Memory.enrich)
    compress = _threaded(Memory.compress)
    compress_sessions = _threaded(Memory.compress_sessions)
    expand = _threaded(Memory.expand)
    gather = _threaded(Memory.gather)
    sources_of = _threaded(Memory.sources_of)
    separate = _threaded(Memory.separate)
    move_back = _threaded(Memory.move_back)
    retain = _threaded(Memory.retain)
    archive = _threaded(Memory.archive)
    restore = _threaded(Memory.restore)
    pin = _threaded(Memory.pin)
    stats = _threaded(Memory.stats)
    close = _threaded(Memory.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
