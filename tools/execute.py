"""Execution of tools: any result, error or timeout of a `BaseTool` becomes an observation."""

import asyncio
import contextvars
import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent import futures
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.tools import BaseTool

from memagent.tools.base import argument_error

logger = logging.getLogger(__name__)

MAX_CHARACTERS = 4000
"""Default length of a tool's output in an observation, about a thousand tokens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """Outcome of a tool call: a text for the model, whether it is an error, and the seconds."""

    text: str
    error: bool = False
    seconds: float = field(default=0.0, compare=False)


def shortened(text: str, limit: int) -> str:
    """Return at most `limit` characters of a text, and a last line that says what was cut off."""
    text = text.encode("utf-8", "replace").decode()
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n[cut: these are the first {limit} of {len(text)} characters]"


class Repeats:
    """Counter of the calls of one run; after `max_repeats` identical calls the next is stopped.

    Calls are identical if the tool's name and arguments are, in whatever order.
    """

    def __init__(self, max_repeats: int = 2) -> None:
        self.max_repeats = max_repeats
        self._calls: Counter[str] = Counter()

    def stop(self, name: str, arguments: Mapping[str, Any]) -> Observation | None:
        """Count a call; return an observation instead of it if it repeats too often."""
        call = json.dumps([name, dict(arguments)], sort_keys=True, default=repr)
        self._calls[call] += 1
        if self._calls[call] <= self.max_repeats:
            return None
        logger.info("a repeated call of %s is stopped", name)
        reason = f"{name} was called with these arguments {self.max_repeats} times already"
        return Observation(
            text=f"{reason}: not called again. Use what it said, or do something else.", error=True
        )


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
    if _is_async(tool) and not _is_sync(tool):
        work = _in_thread(lambda: asyncio.run(_within(tool, arguments, timeout)))
    else:
        work = _in_thread(lambda: tool.invoke(_call(tool, arguments)))
    done, _ = futures.wait([work], timeout)
    if not done:
        return _failed(tool, _TimedOut(), timeout, started, max_characters)
    error = work.exception()
    if error is not None:
        return _failed(tool, error, timeout, started, max_characters)
    return _read(work.result(), started, max_characters)


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
    try:
        if _is_async(tool):
            return _read(await _within(tool, arguments, timeout), started, max_characters)
        work = _in_thread(lambda: tool.invoke(_call(tool, arguments)))
        return _read(await _wait_for(work, timeout), started, max_characters)
    except (Exception, SystemExit) as error:
        return _failed(tool, error, timeout, started, max_characters)


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
