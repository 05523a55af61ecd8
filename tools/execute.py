"""Using a tool, any `BaseTool`, such that whatever comes of it is an observation."""

import asyncio
import contextvars
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent import futures
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.tools import BaseTool, Tool
from pydantic import BaseModel, ValidationError

MOST_CHARACTERS = 4000
"""How much of a tool's output is told unless asked otherwise, about a thousand tokens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """What came of using a tool: a text for the model, whether it is an error, and the seconds."""

    text: str
    error: bool = False
    seconds: float = field(default=0.0, compare=False)


def shortened(text: str, most: int) -> str:
    """Return at most `most` characters of a text; what was cut off is said in a line of its own."""
    text = text.encode("utf-8", "replace").decode()
    if len(text) <= most:
        return text
    return f"{text[:most]}\n[cut: these are the first {most} of {len(text)} characters]"


def misfit(tool: BaseTool, arguments: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the arguments for a tool, and what it expects; None if they fit.

    A name that the tool does not know is wrong, too: LangChain would drop it without a word. A
    schema that is no pydantic model is left to the tool.
    """
    schema = tool.tool_call_schema
    if isinstance(tool, Tool):  # takes one text, under whatever name
        return None
    if not (isinstance(schema, type) and issubclass(schema, BaseModel)):
        return None
    wrong = []
    try:
        schema.model_validate(dict(arguments))
    except ValidationError as error:
        for one in error.errors(include_url=False):
            where = ".".join(str(part) for part in one["loc"]) or "arguments"
            wrong.append(f"{where}: {one['msg'].lower()}")
    wrong += [f"{name}: there is no such argument" for name in _unknown(tool, arguments)]
    if not wrong:
        return None
    return f"the arguments do not fit ({'; '.join(wrong)}). {tool.name} takes {_expected(schema)}"


def _unknown(tool: BaseTool, arguments: Mapping[str, Any]) -> list[str]:
    full = tool.args_schema
    if not (isinstance(full, type) and issubclass(full, BaseModel)):
        return []
    if full.model_config.get("extra") == "allow" or "kwargs" in full.model_fields:
        return []
    known = set(full.model_fields)
    for one in full.model_fields.values():
        if one.validation_alias is not None and not isinstance(one.validation_alias, str):
            return []
        known |= {name for name in (one.alias, one.validation_alias) if isinstance(name, str)}
    return sorted(set(arguments) - known)


def _expected(schema: type[BaseModel]) -> str:
    shape = schema.model_json_schema()
    needed = shape.get("required", [])
    told = [
        f"{name} ({one.get('type', 'any')}{'' if name in needed else ', optional'})"
        for name, one in shape.get("properties", {}).items()
    ]
    return ", ".join(told) or "no arguments"


class Repeats:
    """Counts the calls of one run; the one after `most` identical ones is stopped.

    Identical are a tool's name and its arguments, in whatever order these were given.
    """

    def __init__(self, most: int = 2) -> None:
        self.most = most
        self._calls: Counter[str] = Counter()

    def stop(self, name: str, arguments: Mapping[str, Any]) -> Observation | None:
        """Count a call; return what to tell the model instead of making it, None if it is new."""
        call = json.dumps([name, dict(arguments)], sort_keys=True, default=repr)
        self._calls[call] += 1
        if self._calls[call] <= self.most:
            return None
        told = f"{name} was called with these arguments {self.most} times already"
        return Observation(
            text=f"{told}: not called again. Use what it said, or do something else.", error=True
        )


TIMEOUT = 30.0
"""Seconds that a tool may take unless asked otherwise."""


def run_tool(
    tool: BaseTool,
    arguments: Mapping[str, Any],
    timeout: float = TIMEOUT,
    *,
    most: int = MOST_CHARACTERS,
) -> Observation:
    """Use a tool, waiting at most `timeout` seconds, and return what the model is told of it.

    Arguments that do not fit, an exception of the tool and a timeout are observations with `error`
    set; of the output, `most` characters are told. The tool runs in a thread of its own. After a
    timeout nobody waits for that thread: Python cannot end it, so the tool goes on by itself until
    it is done, what it returns is dropped, and it does not keep the program from ending. A tool
    that has only a coroutine is cancelled instead.
    """
    started = time.perf_counter()
    if _is_async(tool) and not _is_sync(tool):
        work = _in_thread(lambda: asyncio.run(_within(tool, arguments, timeout)))
    else:
        work = _in_thread(lambda: tool.invoke(_call(tool, arguments)))
    done, _ = futures.wait([work], timeout)
    if not done:
        return _failed(tool, _Late(), timeout, started, most)
    error = work.exception()
    if error is not None:
        return _failed(tool, error, timeout, started, most)
    return _read(work.result(), started, most)


async def arun_tool(
    tool: BaseTool,
    arguments: Mapping[str, Any],
    timeout: float = TIMEOUT,
    *,
    most: int = MOST_CHARACTERS,
) -> Observation:
    """Use a tool like `run_tool`; one that has a coroutine runs here, and is cancelled when late.

    Any other runs in a thread of its own, as in `run_tool`, and not in one of the event loop's,
    which the loop would wait for at its end.
    """
    started = time.perf_counter()
    try:
        if _is_async(tool):
            return _read(await _within(tool, arguments, timeout), started, most)
        work = _in_thread(lambda: tool.invoke(_call(tool, arguments)))
        return _read(await _waited(work, timeout), started, most)
    except (Exception, SystemExit) as error:
        return _failed(tool, error, timeout, started, most)


class _Late(Exception):
    """The time of a tool is over."""


class _Misfit(Exception):
    """The arguments do not fit: the message is for the model."""


async def _within(tool: BaseTool, arguments: Mapping[str, Any], timeout: float) -> Any:
    try:
        async with asyncio.timeout(timeout) as limit:
            return await tool.ainvoke(_call(tool, arguments))
    except TimeoutError as error:
        if limit.expired():
            raise _Late from error
        raise


async def _waited(work: Future[Any], timeout: float) -> Any:
    done, _ = await asyncio.wait([asyncio.wrap_future(work)], timeout=timeout)
    if not done:
        raise _Late
    return done.pop().result()


def _in_thread(work: Callable[[], Any]) -> Future[Any]:
    """Start work in a daemon thread, in a copy of this context: callbacks and traces go along."""
    outcome: Future[Any] = Future()
    outcome.set_running_or_notify_cancel()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            outcome.set_result(context.run(work))
        except BaseException as error:  # SystemExit, too: there is nobody above this thread
            outcome.set_exception(error)

    threading.Thread(target=run, name="memagent-tool", daemon=True).start()
    return outcome


def _call(tool: BaseTool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a whole call: the answer to one is a message that tells whether it is an error."""
    wrong = misfit(tool, arguments)
    if wrong is not None:
        raise _Misfit(wrong)
    return {"name": tool.name, "args": dict(arguments), "id": "call", "type": "tool_call"}


def _is_async(tool: BaseTool) -> bool:
    if hasattr(tool, "coroutine"):
        return tool.coroutine is not None
    return type(tool)._arun is not BaseTool._arun


def _is_sync(tool: BaseTool) -> bool:
    return getattr(tool, "func", tool) is not None


def _read(said: Any, started: float, most: int) -> Observation:
    if not isinstance(said, BaseMessage):
        return _told(str(said), started, most)
    text = str(said.text)
    if not text.strip():
        text = "the tool returned no text" if said.content else "the tool returned nothing"
    return _told(text, started, most, error=getattr(said, "status", "") == "error")


def _failed(
    tool: BaseTool, error: BaseException, timeout: float, started: float, most: int
) -> Observation:
    match error:
        case _Late():
            told = f"{tool.name} was not done after {timeout:g} seconds"
        case _Misfit():
            told = str(error)
        case _:
            told = f"{type(error).__name__}: {error}"
    return _told(told, started, most, error=True)


def _told(text: str, started: float, most: int, *, error: bool = False) -> Observation:
    seconds = time.perf_counter() - started
    return Observation(text=shortened(text, most), error=error, seconds=seconds)
