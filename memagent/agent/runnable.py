"""Agent as a step of a LangChain chain: its callbacks see the turn, and a recall as a retriever."""

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
)
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from langchain_core.callbacks import AsyncCallbackManager, CallbackManager
from langchain_core.documents import Document
from langchain_core.runnables.config import ensure_config

from memagent.agent.steps import Step
from memagent.types import Answer, Recollection, Scope

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from memagent.agent.agent import Agent

SCOPE = ("user", "agent", "session")
"""Parts of a scope that a config may name."""
RETRIEVER = "memory"
"""Name of a recall's run."""


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


@contextmanager
def reported(query: str) -> Iterator[Callable[[Recollection], None]]:
    """Report a recall to the callbacks of the LangChain run that it is part of, if there are any.

    Yields what takes the recollection. The documents carry the ids and scores of its records.
    """
    run = CallbackManager.configure(**_inherited()).on_retriever_start({}, query, name=RETRIEVER)
    try:
        yield lambda recollection: run.on_retriever_end(_documents(recollection))
    except BaseException as error:
        run.on_retriever_error(error)
        raise


@asynccontextmanager
async def areported(query: str) -> AsyncIterator[Callable[[Recollection], Awaitable[None]]]:
    """Report a recall like `reported`; asynchronous handlers run in this event loop."""
    manager = AsyncCallbackManager.configure(**_inherited())
    run = await manager.on_retriever_start({}, query, name=RETRIEVER)
    try:
        yield lambda recollection: run.on_retriever_end(_documents(recollection))
    except BaseException as error:
        await run.on_retriever_error(error)
        raise


def _inherited() -> dict[str, Any]:
    config = ensure_config()
    return {
        "inheritable_callbacks": config.get("callbacks"),
        "inheritable_tags": config.get("tags"),
        "inheritable_metadata": config.get("metadata"),
    }


def _documents(recollection: Recollection) -> list[Document]:
    return [
        Document(id=hit.record.id, page_content=hit.text, metadata={"score": hit.score})
        for hit in recollection.hits
    ]
