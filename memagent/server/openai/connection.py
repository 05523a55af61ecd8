"""Connection of a client: work that ends when the client goes away.

Without it, a model would go on writing a reply that nobody reads any more: a server notices a lost
connection only where it reads from it or writes to it.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

T = TypeVar("T")


class ClientGone(Exception):
    """The client went away before it had its reply."""


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return the outcome of work, which is cancelled when the client goes away.

    The body of the request is read already.

    Raises:
        ClientGone: the client went away first.
    """
    task, gone = asyncio.create_task(work), asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientGone
    finally:
        for each in (task, gone):
            each.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
