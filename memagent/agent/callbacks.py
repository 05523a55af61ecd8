"""Report of a recall to LangChain's callbacks, as the run of a retriever named `memory`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from langchain_core.callbacks import AsyncCallbackManager, CallbackManager
from langchain_core.documents import Document
from langchain_core.runnables.config import ensure_config

from memagent.types import Recollection

NAME = "memory"
"""Name of the run."""


@contextmanager
def reported(query: str) -> Iterator[Callable[[Recollection], None]]:
    """Report a recall to the callbacks of the LangChain run that it is part of, if there are any.

    Yields what takes the recollection. The documents carry the ids and scores of its records.
    """
    run = CallbackManager.configure(**_inherited()).on_retriever_start({}, query, name=NAME)
    try:
        yield lambda recollection: run.on_retriever_end(_documents(recollection))
    except BaseException as error:
        run.on_retriever_error(error)
        raise


@asynccontextmanager
async def areported(query: str) -> AsyncIterator[Callable[[Recollection], Awaitable[None]]]:
    """Report a recall like `reported`; asynchronous handlers run in this event loop."""
    manager = AsyncCallbackManager.configure(**_inherited())
    run = await manager.on_retriever_start({}, query, name=NAME)
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
