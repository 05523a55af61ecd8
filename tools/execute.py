"""Execution of tools: any result, error or timeout of a `BaseTool` becomes an observation."""

import asyncio
import contextvars
import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent import futures
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.tools import BaseTool

from memagent.tools.base import argument_error

logger = logging.getLogger(__name__)

MAX_CHARACTERS = 4000
"""Default length of a tool's output in an observation, about a thousand tokens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """Outcome of a tool call: a text for the model, whether it is an error, and the seconds.

    `read` and `written` are the records (by `seq`) that the tool told of: see `records_used`.
    """

    text: str
    error: bool = False
    seconds: float = field(default=0.0, compare=False)
    read: frozenset[int] = field(default=frozenset(), compare=False)
    written: frozenset[int] = field(default=frozenset(), compare=False)


@dataclass(slots=True)
class _RecordsUsed:
    read: set[int] = field(default_factory=set)
    written: set[int] = field(default_factory=set)


_used: contextvars.ContextVar[_RecordsUsed | None] = contextvars.ContextVar("used", default=None)


def records_used(*, read: Iterable[int] = (), written: Iterable[int] = ()) -> None:
    """Say within a tool which records (by `seq`) its result holds words of, or which it wrote.

    The reply that is written with the result is forgotten with any of them.
    """
    used = _used.get()
    if used is not None:
        used.read |= set(read)
        used.written |= set(written)


def shortened(text: str, limit: int) -> str:
    """Return at most `limit` characters of a text, and a last line that says what was cut off."""
    text = text.encode("utf-8", "replace").decode()
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n[cut: these are the first {limit} of {len(text)} characters]"


class Repeats:
    """Counter of what repeats in one run: calls, errors of a tool, and mistakes of the model.

    Each may happen `max_repeats` times. One more, and the run has `ended`: no tool should be used
    any more. Calls are identical if the tool's name and arguments are, in whatever order; they need
    not follow one another.
    """

    def __init__(self, max_repeats: int = 2) -> None:
        self.max_repeats = max_repeats
        self.ended = False
        self._seen: Counter[str] = Counter()

    def stop(self, name: str, arguments: Mapping[str, Any]) -> Observation | None:
        """Count a call; return an observation instead of it if it repeats too often."""
        if not self._count("call", name, dict(arguments)):
            return None
        logger.info("a repeated call of %s is stopped", name)
        reason = f"{name} was called with these arguments {self.max_repeats} times already"
        return Observation(
            text=f"{reason}: not called again. Use what it said, or do something else.", error=True
        )

    def observe(self, name: str, seen: Observation) -> None:
        """Count the result of a call, if it is an error."""
        if seen.error and self._count("error", name, seen.text):
            logger.info("%s failed in the same way too often", name)

    def mistake(self, reason: str) -> None:
        """Count a reply that is neither a call nor an answer, by the reason."""
        if self._count("mistake", reason):
            logger.info("the model made the same mistake too often: %s", reason)

    def _count(self, *what: Any) -> bool:
        """Count something; return whether it repeats too often."""
        key = json.dumps(what, sort_keys=True, default=repr)
        self._seen[key] += 1
        often = self._seen[key] > self.max_repeats
        self.ended |= often
        return often


TIMEOUT = 30.0
"""Default seconds that a tool may take."""


def run_tool(
    tool: BaseTool,
    arguments: Mapping[str, Any],
    timeout: float = TIMEOUT,
    *,
    max_characters: int = MAX_CHARACTERS,
) -> Observation:
    """Run a tool for at most `timeout` seconds and return an observation for the model.

    Invalid arguments, an exception of the tool and a timeout become observations with `error` set;
    the text has at most `max_characters` of the output. The tool runs in a thread of its own. After
    a timeout that thread is abandoned: Python cannot end it, so the tool runs on, its result is
    dropped, and it does not keep the program from ending. A tool that has only a coroutine is
    cancelled instead.
    """
    started = time.perf_counter()
    with _using() as used:
        if _is_async(tool) and not _is_sync(tool):
            work = _in_thread(lambda: asyncio.run(_within(tool, arguments, timeout)))
        else:
            work = _in_thread(lambda: tool.invoke(_call(tool, arguments)))
        done, _ = futures.wait([work], timeout)
    error = work.exception() if done else _TimedOut()
    if error is not None:
        seen = _failed(tool, error, timeout, started, max_characters)
    else:
        seen = _read(work.result(), started, max_characters)
    return _with_records(seen, used)


async def arun_tool(
    tool: BaseTool,
    arguments: Mapping[str, Any],
    timeout: float = TIMEOUT,
    *,
    max_characters: int = MAX_CHARACTERS,
) -> Observation:
    """Run a tool like `run_tool`; one that has a coroutine runs in this event loop.

    A coroutine is cancelled at the timeout. Any other tool runs in a thread of its own and not in
    the loop's executor, which the loop would wait for at its end.
    """
    started = time.perf_counter()
    with _using() as used:
        try:
            if _is_async(tool):
                result = await _within(tool, arguments, timeout)
            else:
                work = _in_thread(lambda: tool.invoke(_call(tool, arguments)))
                result = await _wait_for(work, timeout)
            seen = _read(result, started, max_characters)
        except (Exception, SystemExit) as error:
            seen = _failed(tool, error, timeout, started, max_characters)
    return _with_records(seen, used)


@contextmanager
def _using() -> Iterator[_RecordsUsed]:
    """Collect what a tool says of the records it used; its thread sees a copy of this context."""
    used = _RecordsUsed()
    token = _used.set(used)
    try:
        yield used
    finally:
        _used.reset(token)


def _with_records(seen: Observation, used: _RecordsUsed) -> Observation:
    return replace(seen, read=frozenset(used.read), written=frozenset(used.written))


class _TimedOut(Exception):
    """The tool took too long."""


class _InvalidArguments(Exception):
    """The arguments do not fit; the message is for the model."""


async def _within(tool: BaseTool, arguments: Mapping[str, Any], timeout: float) -> Any:
    try:
        async with asyncio.timeout(timeout) as limit:
            return await tool.ainvoke(_call(tool, arguments))
    except TimeoutError as error:
        if limit.expired():
            raise _TimedOut from error
        raise


async def _wait_for(work: Future[Any], timeout: float) -> Any:
    done, _ = await asyncio.wait([asyncio.wrap_future(work)], timeout=timeout)
    if not done:
        raise _TimedOut
    return done.pop().result()


def _in_thread(work: Callable[[], Any]) -> Future[Any]:
    """Start work in a daemon thread, with a copy of this context for callbacks and traces."""
    outcome: Future[Any] = Future()
    outcome.set_running_or_notify_cancel()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            outcome.set_result(context.run(work))
        except BaseException as error:  # also SystemExit: nothing above this thread would catch it
            outcome.set_exception(error)

    threading.Thread(target=run, name="memagent-tool", daemon=True).start()
    return outcome


def _call(tool: BaseTool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a complete call, whose answer is a message with its status."""
    error = argument_error(tool, arguments)
    if error is not None:
        raise _InvalidArguments(error)
    return {"name": tool.name, "args": dict(arguments), "id": "call", "type": "tool_call"}


def _is_async(tool: BaseTool) -> bool:
    if hasattr(tool, "coroutine"):
        return tool.coroutine is not None
    return type(tool)._arun is not BaseTool._arun


def _is_sync(tool: BaseTool) -> bool:
    return getattr(tool, "func", tool) is not None


def _read(result: Any, started: float, limit: int) -> Observation:
    if not isinstance(result, BaseMessage):
        return _observation(str(result), started, limit)
    text = str(result.text)
    if not text.strip():
        text = "the tool returned no text" if result.content else "the tool returned nothing"
    return _observation(text, started, limit, error=getattr(result, "status", "") == "error")


def _failed(
    tool: BaseTool, error: BaseException, timeout: float, started: float, limit: int
) -> Observation:
    logger.info("the tool %s failed: %s", tool.name, type(error).__name__)
    match error:
        case _TimedOut():
            text = f"{tool.name} was not done after {timeout:g} seconds"
        case _InvalidArguments():
            text = str(error)
        case _:
            text = f"{type(error).__name__}: {error}"
    return _observation(text, started, limit, error=True)


def _observation(text: str, started: float, limit: int, *, error: bool = False) -> Observation:
    seconds = time.perf_counter() - started
    return Observation(text=shortened(text, limit), error=error, seconds=seconds)
