"""Loop of a turn, in a thread or an event loop: its requests are answered until it ends."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import aclosing
from typing import Any

from memagent.agent.driver import Driver
from memagent.agent.requests import REQUESTS, Request
from memagent.agent.steps import Step, TextChunk
from memagent.agent.turn import Plan, turn
from memagent.errors import ContextTooLong
from memagent.types import Scope


def run_turn(driver: Driver, plan: Plan, scope: Scope, stream: bool) -> Iterator[Step]:
    """Yield the steps of a turn; with `stream`, the answer comes in pieces."""
    course = turn(plan)
    step = next(course, None)
    while step is not None:
        if not isinstance(step, REQUESTS):
            yield step
            step = next(course, None)
            continue
        try:
            outcome = yield from driver.answer(step, plan.question, scope, stream)
        except ContextTooLong as error:
            step = course.throw(error)
        else:
            step = _send(course, outcome)


async def arun_turn(driver: Driver, plan: Plan, scope: Scope, stream: bool) -> AsyncGenerator[Step]:
    """Yield the steps of a turn like `run_turn`; cancelling it reaches the server.

    What the turn itself does, such as choosing few-shot examples, runs in a thread.
    """
    course = turn(plan)
    step = await asyncio.to_thread(next, course, None)
    while step is not None:
        if not isinstance(step, REQUESTS):
            yield step
            step = await asyncio.to_thread(next, course, None)
            continue
        try:
            outcome: Any = None
            answered = driver.aanswer(step, plan.question, scope, stream)
            async with aclosing(answered) as pieces:
                async for piece in pieces:
                    if isinstance(piece, TextChunk):
                        yield piece
                    else:
                        outcome = piece
        except ContextTooLong as error:
            step = await asyncio.to_thread(course.throw, error)
        else:
            step = await asyncio.to_thread(_send, course, outcome)


def _send(course: Generator[Step | Request, Any, None], outcome: Any) -> Step | Request | None:
    """Send the outcome of a request into a turn, and return what comes next, None at its end."""
    try:
        return course.send(outcome)
    except StopIteration:
        return None
