"""Agent as a step of a LangChain chain: inputs and configs read, runs reported to callbacks."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from memagent.agent.steps import Step
from memagent.types import Answer, Scope

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from memagent.agent.agent import Agent

SCOPE = ("user", "agent", "session")


def arguments(
    input: Any, config: "RunnableConfig", options: Mapping[str, Any], default: Scope | None
) -> dict[str, Any]:
    """Return the arguments of `Agent.ask` that a chain's input, config and options stand for.

    A scope among the options counts before the config's, and that before the input's.
    """
    asked = dict(input) if isinstance(input, Mapping) else {"question": input}
    configured = config.get("configurable", {})
    parts = {name: configured[name] for name in SCOPE if name in configured}
    if parts:
        asked["scope"] = replace(default, **parts) if default else Scope(**parts)
    kept = {name: value for name, value in options.items() if (name, value) != ("scope", None)}
    return {**asked, **kept}


def invoke(
    agent: "Agent", input: Any, config: "RunnableConfig | None", options: Mapping[str, Any]
) -> Answer:
    """Answer a question within a run of LangChain's."""

    def answer(input: Any, run_manager: Any, config: "RunnableConfig") -> Answer:
        return agent.ask(**arguments(input, config, options, agent.default_scope))

    return cast(Answer, agent._call_with_config(answer, input, config))


async def ainvoke(
    agent: "Agent", input: Any, config: "RunnableConfig | None", options: Mapping[str, Any]
) -> Answer:
    """Answer a question within a run of LangChain's, in an event loop."""

    async def answer(input: Any, run_manager: Any, config: "RunnableConfig") -> Answer:
        return await agent.aask(**arguments(input, config, options, agent.default_scope))

    return cast(Answer, await agent._acall_with_config(answer, input, config))


def stream(
    agent: "Agent", input: Any, config: "RunnableConfig | None", options: Mapping[str, Any]
) -> Iterator[Step]:
    """Yield the steps of a turn within a run of LangChain's."""

    def steps(inputs: Iterator[Any], run_manager: Any, config: "RunnableConfig") -> Iterator[Step]:
        for question in inputs:
            asked = arguments(question, config, options, agent.default_scope)
            yield from agent.run(**{"stream": True, **asked})

    yield from agent._transform_stream_with_config(iter([input]), steps, config)


async def astream(
    agent: "Agent", input: Any, config: "RunnableConfig | None", options: Mapping[str, Any]
) -> AsyncGenerator[Step]:
    """Yield the steps of a turn within a run of LangChain's, in an event loop."""

    async def once() -> AsyncIterator[Any]:
        yield input

    async def steps(
        inputs: AsyncIterator[Any], run_manager: Any, config: "RunnableConfig"
    ) -> AsyncIterator[Step]:
        async for question in inputs:
            asked = arguments(question, config, options, agent.default_scope)
            async with aclosing(agent.arun(**{"stream": True, **asked})) as turn:
                async for step in turn:
                    yield step

    run = agent._atransform_stream_with_config(once(), steps, config)
    async with aclosing(cast("AsyncGenerator[Step]", run)) as turn:
        async for step in turn:
            yield step
