import asyncio
import heapq
import threading
from collections.abc import Callable

import pytest
from forking import in_child

from memagent.models.concurrency import ConcurrencyLimiter, limiter_of


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Simulation:
    """Jobs that go through a limiter to a server whose time for one depends on how many there are.

    `seconds(n)` is how long a job takes that begins with n under way, None if it is refused: it
    then keeps its place for half a second, and tries again.
    """

    def __init__(
        self, limiter: ConcurrencyLimiter, clock: Clock, seconds: Callable[[int], float | None]
    ) -> None:
        self.limiter, self.clock, self.seconds = limiter, clock, seconds
        self.active = self.most = self.refused = self.number = 0
        self._ends: list[tuple[float, int, asyncio.Future[None]]] = []

    async def run(self, jobs: int) -> None:
        tasks = [asyncio.create_task(self._job()) for _ in range(jobs)]
        while not all(task.done() for task in tasks):
            for _ in range(5):
                await asyncio.sleep(0)
            if self._ends:
                self.clock.now, _, end = heapq.heappop(self._ends)
                end.set_result(None)

    async def _job(self) -> None:
        async with self.limiter.aslot():
            while (seconds := self._begun()) is None:
                self.refused += 1
                self.limiter.overloaded()
                await self._pass(0.5)
            await self._pass(seconds)
            self.active -= 1
            self.limiter.succeeded(100)

    def _begun(self) -> float | None:
        seconds = self.seconds(self.active + 1)
        if seconds is not None:
            self.active += 1
            self.most = max(self.most, self.active)
        return seconds

    async def _pass(self, seconds: float) -> None:
        self.number += 1
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._ends, (self.clock.now + seconds, self.number, end))
        await end


def simulated(start: int, most: int, seconds: Callable[[int], float | None]) -> Simulation:
    clock = Clock()
    return Simulation(ConcurrencyLimiter(start, most, clock), clock, seconds)


async def test_a_server_that_gains_by_more_at_once_gets_more_until_it_gains_no_more() -> None:
    one = simulated(8, 1024, lambda n: max(1.0, n / 50))
    await one.run(6000)
    assert 50 <= one.limiter.limit <= 100
    assert one.clock.now <= 6000 / 50 * 1.15


async def test_a_server_that_refuses_gets_as_many_as_it_takes() -> None:
    one = simulated(64, 1024, lambda n: None if n > 10 else 1.0)
    await one.run(200)
    one.refused, began = 0, one.clock.now
    await one.run(1000)
    assert 6 <= one.limiter.limit <= 11
    assert one.refused <= 1000 * 0.1
    assert one.clock.now - began <= 1000 / 10 * 1.2


async def test_no_more_than_the_most_are_let_through() -> None:
    one = simulated(64, 3, lambda _: 1.0)
    await one.run(30)
    assert one.most == 3


async def test_those_that_wait_are_let_through_in_order_past_the_cancelled() -> None:
    limiter = ConcurrencyLimiter(1, 1)
    order: list[int] = []

    async def pass_through(number: int) -> None:
        async with limiter.aslot():
            order.append(number)
            await asyncio.sleep(0)

    async with limiter.aslot():
        tasks = [asyncio.create_task(pass_through(n)) for n in range(4)]
        await asyncio.sleep(0)
        tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [0, 2, 3]


async def test_who_is_cancelled_when_the_place_was_just_given_leaves_it() -> None:
    limiter = ConcurrencyLimiter(1, 1)

    async def enter() -> None:
        async with limiter.aslot():
            pass

    async with limiter.aslot():
        task = asyncio.create_task(enter())
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(enter(), 10)


def test_threads_wait_for_one_another() -> None:
    limiter = ConcurrencyLimiter(2, 2)
    inside, most, both = 0, 0, threading.Barrier(2)
    lock = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        with limiter.slot():
            with lock:
                inside += 1
                most = max(most, inside)
            both.wait(10)  # nobody comes further alone
            with lock:
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (inside, most) == (0, 2)


def test_all_that_ask_one_server_share_its_gate() -> None:
    assert limiter_of("http://a", 8) is limiter_of("http://a", 8)
    assert limiter_of("http://a", 8) is not limiter_of("http://b", 8)


def test_a_forked_child_counts_no_request_of_its_parent() -> None:
    limiter = ConcurrencyLimiter(initial=1)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with limiter.slot():
            held.set()
            done.wait()

    def ask() -> int:
        with limiter.slot():
            return limiter._active

    threads = [threading.Thread(target=hold), threading.Thread(target=ask)]
    threads[0].start()
    held.wait()
    threads[1].start()
    assert in_child(ask) == 1
    done.set()
    for thread in threads:
        thread.join()
