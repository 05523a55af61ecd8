"""A vLLM server, asked for real, stops writing an answer that nobody waits for any more."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.runnables import Runnable

from memagent import open_chat

URL = os.environ.get("MEMAGENT_VLLM_URL", "")
KEY = os.environ.get("MEMAGENT_API_KEY")
pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(not URL, reason="MEMAGENT_VLLM_URL is not set"),
]
Chat = Runnable[str, AIMessage]
ASKED = "Write a very long story."
LONG_TOKENS = 4000
"""Minutes of work on a CPU, so that the answer outlasts a slow reading of the metrics."""
SOON_SECONDS = 60.0
TRIES = 3


@pytest.fixture
def long() -> Chat:
    """Return a model whose answers are long."""
    chat = open_chat(URL, api_key=KEY, max_tokens=LONG_TOKENS)
    return chat.bind(extra_body={"ignore_eos": True})


class Metrics:
    """What the server tells of itself."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def running(self) -> float:
        """Return how many requests the server is answering."""
        return await self._sum("vllm:num_requests_running{")

    async def whole(self) -> float:
        """Return how many answers have become as long as they were asked to be."""
        return await self._sum("vllm:request_success_total{", 'finished_reason="length"')

    async def becomes(self, running: float) -> bool:
        """Tell whether the server is answering so many before long."""
        loop = asyncio.get_running_loop()
        last = loop.time() + SOON_SECONDS
        while loop.time() < last:
            if await self.running() == running:
                return True
            await asyncio.sleep(0.1)
        return False

    async def _sum(self, *marks: str) -> float:
        reply = await self._client.get(f"{URL.removesuffix('/v1')}/metrics")
        lines = reply.raise_for_status().text.splitlines()
        told = [line for line in lines if all(mark in line for mark in marks)]
        assert told
        return sum(float(line.rsplit(" ", 1)[1]) for line in told)


@pytest.fixture
async def metrics() -> AsyncIterator[Metrics]:
    headers = {"Authorization": f"Bearer {KEY}"} if KEY else {}
    async with httpx.AsyncClient(headers=headers, timeout=2 * SOON_SECONDS) as client:
        yield Metrics(client)


async def begun(long: Chat, metrics: Metrics) -> "asyncio.Task[AIMessage]":
    """Return a task whose answer the server has begun; where it lets one lie, it is asked again."""
    lain = []
    for _ in range(TRIES):
        task = asyncio.create_task(long.ainvoke(ASKED))
        if await metrics.becomes(1):
            return task
        lain.append(f"{task!r}, running {await metrics.running()}")
        task.cancel()
        await asyncio.wait([task])
    pytest.fail(f"no answer was begun: {lain}")


async def test_who_stops_listening_stops_the_server(long: Chat, metrics: Metrics) -> None:
    whole = await metrics.whole()
    pieces: Iterator[AIMessageChunk] = long.stream(ASKED)  # type: ignore[assignment]
    while not next(pieces).text:
        pass
    assert await metrics.running() == 1
    pieces.close()  # type: ignore[attr-defined]
    assert await metrics.becomes(0)
    assert await metrics.whole() == whole  # it was broken off


async def test_a_task_that_is_cancelled_stops_the_server(long: Chat, metrics: Metrics) -> None:
    whole = await metrics.whole()
    task = await begun(long, metrics)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await metrics.becomes(0)
    assert await metrics.whole() == whole  # it was broken off
