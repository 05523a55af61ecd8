import asyncio
import contextvars
import threading
from typing import Annotated, Any

import pytest
from langchain_core.tools import (
    BaseTool,
    InjectedToolCallId,
    StructuredTool,
    Tool,
    ToolException,
    tool,
)
from pydantic import BaseModel, field_validator

from memagent.tools.execute import Observation, Repeats, arun_tool, run_tool

SOON = 0.05
"""Seconds until a tool that never ends is given up."""


@tool
def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


async def both_ways(one: BaseTool, arguments: dict[str, Any], **limits: Any) -> Observation:
    """Use a tool from a thread and from a loop; what comes of it is the same."""
    waited = await arun_tool(one, arguments, **limits)
    assert await asyncio.to_thread(run_tool, one, arguments, **limits) == waited
    return waited


async def test_what_a_tool_returns_is_observed() -> None:
    assert await both_ways(add, {"a": 2}) == Observation(text="3")
    assert run_tool(add, {"a": 2}).seconds > 0


async def test_an_exception_of_the_tool_is_observed() -> None:
    @tool
    def broken(kind: str) -> str:
        """Break."""
        raise {"key": KeyError("x"), "exit": SystemExit(2), "late": TimeoutError("mine")}[kind]

    for kind, told in (
        ("key", "KeyError: 'x'"),
        ("exit", "SystemExit: 2"),
        ("late", "TimeoutError: mine"),
    ):
        assert await both_ways(broken, {"kind": kind}) == Observation(text=told, error=True)


async def test_an_error_that_the_tool_tells_itself_is_marked_as_one() -> None:
    def broken() -> str:
        raise ToolException("no luck")

    told = StructuredTool.from_function(
        broken, name="broken", description="Break.", handle_tool_error=True
    )
    assert await both_ways(told, {}) == Observation(text="no luck", error=True)


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        ({}, "a: field required"),
        ({"a": "two"}, "a: input should be a valid integer"),
        ({"a": 1, "c": 2}, "c: there is no such argument"),
    ],
)
async def test_arguments_that_do_not_fit_are_told_with_what_is_expected(
    arguments: dict[str, Any], wrong: str
) -> None:
    seen = await both_ways(add, arguments)
    assert seen.error
    assert wrong in seen.text
    assert seen.text.endswith("add takes a (integer), b (integer, optional)")


async def test_a_tool_s_own_validation_error_is_not_taken_for_one_of_its_arguments() -> None:
    class Shape(BaseModel):
        sides: int

    @tool
    def shape() -> str:
        """Make a shape."""
        return Shape.model_validate({"sides": "many"}).model_dump_json()

    seen = await both_ways(shape, {})
    assert seen.error
    assert seen.text.startswith("ValidationError: 1 validation error for Shape")


async def test_a_validator_that_breaks_is_observed() -> None:
    class Divided(BaseModel):
        by: int

        @field_validator("by")
        @classmethod
        def divides(cls, by: int) -> int:
            return 1 // by

    def divide(by: int) -> int:
        return by

    one = StructuredTool.from_function(
        divide, name="divide", description="Divide.", args_schema=Divided
    )
    seen = await both_ways(one, {"by": 0})
    assert seen.error
    assert seen.text.startswith("ZeroDivisionError")


async def test_what_langchain_fills_in_is_not_asked_of_the_model() -> None:
    @tool
    def who(name: str, call: Annotated[str, InjectedToolCallId]) -> str:
        """Say who calls."""
        return f"{name} by {call}"

    assert await both_ways(who, {"name": "ada"}) == Observation(text="ada by call")
    assert (await both_ways(who, {})).text.endswith("who takes name (string)")


async def test_tools_of_every_make_are_run() -> None:
    class Own(BaseTool):
        name: str = "own"
        description: str = "Say it twice."

        def _run(self, word: str) -> str:
            return word * 2

    schema = {"type": "object", "properties": {"word": {"type": "string"}}}
    plain = Tool(name="plain", func=str.upper, description="Say it loud.")
    by_schema = StructuredTool.from_function(
        lambda word: word[::-1], name="back", description="Say it backwards.", args_schema=schema
    )
    assert await both_ways(Own(), {"word": "ab"}) == Observation(text="abab")
    assert await both_ways(plain, {"tool_input": "ab"}) == Observation(text="AB")
    assert await both_ways(by_schema, {"word": "ab"}) == Observation(text="ba")


async def test_results_that_are_no_text_are_told_as_json_and_nothing_as_nothing() -> None:
    @tool
    def give(what: str) -> Any:
        """Give something."""
        return {
            "map": {"a": [1]},
            "empty": "",
            "half": "a\ud800b",
            "image": [{"type": "image_url", "image_url": {"url": "data:,"}}],
        }[what]

    assert (await both_ways(give, {"what": "map"})).text == '{"a": [1]}'
    assert (await both_ways(give, {"what": "empty"})).text == "the tool returned nothing"
    assert (await both_ways(give, {"what": "half"})).text == "a?b"
    assert (await both_ways(give, {"what": "image"})).text == "the tool returned no text"


async def test_long_output_is_cut_and_says_so() -> None:
    @tool
    def flood(broken: bool) -> str:
        """Say much."""
        if broken:
            raise ValueError("y" * 1000)
        return "y" * 1000

    seen = await both_ways(flood, {"broken": False}, max_characters=10)
    assert seen.text == "yyyyyyyyyy\n[cut: these are the first 10 of 1000 characters]"
    assert not seen.error
    broken = await both_ways(flood, {"broken": True}, max_characters=10)
    assert broken.text.startswith("ValueError\n[cut")


def test_a_tool_that_is_late_is_given_up_and_goes_on_by_itself() -> None:
    gate, ended = threading.Event(), threading.Event()

    @tool
    def wait() -> str:
        """Wait."""
        gate.wait()
        ended.set()
        return "done"

    late = Observation(text="wait was not done after 0.05 seconds", error=True)
    try:
        assert run_tool(wait, {}, SOON) == late
        assert asyncio.run(arun_tool(wait, {}, SOON)) == late  # and the loop does not wait for it
        assert not ended.is_set()
        threads = [one for one in threading.enumerate() if one.name == "memagent-tool"]
        assert len(threads) >= 2
        assert all(one.daemon for one in threads)
    finally:
        gate.set()
    assert ended.wait(30)


def test_a_late_tool_does_not_call_a_loop_that_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    gate = threading.Event()

    @tool
    def wait() -> str:
        """Wait."""
        gate.wait()
        return "done"

    before = set(threading.enumerate())
    asyncio.run(arun_tool(wait, {}, SOON))
    (thread,) = set(threading.enumerate()) - before
    gate.set()
    thread.join(30)
    assert not caplog.records


def test_a_tool_runs_in_the_context_of_its_caller() -> None:
    who = contextvars.ContextVar("who", default="nobody")

    @tool
    def ask() -> str:
        """Say who asks."""
        return who.get()

    who.set("ada")
    assert run_tool(ask, {}).text == "ada"
    assert asyncio.run(arun_tool(ask, {})).text == "ada"


async def test_a_coroutine_that_is_late_is_cancelled() -> None:
    cancelled = threading.Event()

    @tool
    async def wait() -> str:
        """Wait."""
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return "done"

    late = Observation(text="wait was not done after 0.05 seconds", error=True)
    assert await arun_tool(wait, {}, SOON) == late
    assert cancelled.is_set()
    cancelled.clear()
    assert await asyncio.to_thread(run_tool, wait, {}, SOON) == late
    assert await asyncio.to_thread(cancelled.wait, 30)


async def test_a_tool_with_only_a_coroutine_is_run_both_ways() -> None:
    @tool
    async def twice(word: str) -> str:
        """Say it twice."""
        await asyncio.sleep(0)
        if word == "late":
            raise TimeoutError("mine")
        return word * 2

    assert await both_ways(twice, {"word": "ab"}) == Observation(text="abab")
    late = await both_ways(twice, {"word": "late"})
    assert late == Observation(text="TimeoutError: mine", error=True)


def test_the_third_identical_call_is_stopped() -> None:
    repeats = Repeats()
    for arguments in ({"a": 1, "b": 2}, {"b": 2, "a": 1}):
        assert repeats.stop("add", arguments) is None
    stopped = repeats.stop("add", {"a": 1, "b": 2})
    assert stopped is not None
    assert stopped.error
    assert "add was called with these arguments 2 times already" in stopped.text
    assert repeats.stop("add", {"a": 1, "b": 3}) is None
    assert repeats.stop("subtract", {"a": 1, "b": 2}) is None
    assert Repeats(max_repeats=0).stop("add", {}) is not None
