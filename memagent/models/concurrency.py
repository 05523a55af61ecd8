"""Back-pressure: how many requests are in flight to one server at once."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager

START = 64
"""In flight at first; a server that can do with more is found out, as is one that cannot."""
MOST = 1024
GROWTH = 1.5
GAIN = 1.05
"""By how much the throughput has to grow with the limit for the larger limit to stay."""
REST = 16
"""Windows without another try, after one that was not worth it."""
CUT = 0.7

_gates: dict[tuple[str, int], "ConcurrencyLimiter"] = {}
_lock = threading.Lock()


def gate_of(url: str, most: int) -> "ConcurrencyLimiter":
    """Return this process's gate to a server: all that ask the same server share it."""
    with _lock:
        if (url, most) not in _gates:
            _gates[url, most] = ConcurrencyLimiter(START, most)
        return _gates[url, most]


class ConcurrencyLimiter:
    """Lets requests through to one server, in order, and finds how many at once are best.

    While somebody waits, the limit is raised by half as long as that gains throughput (tokens a
    second over a window of as many requests as the limit); where it does not, the smaller limit
    stays. A server that refuses or fails brings the limit down by a third, once for each round of
    requests, and from then on it grows by one a window (additive increase, multiplicative decrease;
    Chiu and Jain 1989). It serves threads and asyncio alike. `clock` tells seconds.
    """

    def __init__(
        self, start: int = START, most: int = MOST, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.limit = min(start, most)
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._active = 0
        self._waiting: deque[Future[None]] = deque()
        self._opened = clock()
        self._finished = 0
        self._tokens = 0
        self._before: tuple[int, float] | None = None
        self._resting = 0
        self._refused = False
        self._spared = 0

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Hold a place for the time of one request, waiting for it if need be."""
        place = self._place()
        try:
            place.result()
        except BaseException:
            self._give_up(place)
            raise
        try:
            yield
        finally:
            self._leave()

    @asynccontextmanager
    async def aentered(self) -> AsyncIterator[None]:
        """Hold a place like `entered`, without blocking the event loop."""
        place = self._place()
        try:
            if not place.done():
                await asyncio.wrap_future(place)
        except BaseException:
            self._give_up(place)
            raise
        try:
            yield
        finally:
            self._leave()

    def answered(self, tokens: int) -> None:
        """Count a request that was answered, and see whether a window is full."""
        with self._lock:
            self._finished += 1
            self._tokens += max(tokens, 1)
            if self._finished < self.limit:
                return
            now = self._clock()
            if self._waiting and now > self._opened:
                self._climb(self._tokens / (now - self._opened))
            self._opened, self._finished, self._tokens = now, 0, 0
            self._admit()

    def refused(self) -> None:
        """Be told that the server refused or failed: fewer from now on."""
        with self._lock:
            if self._spared:
                return  # one of those that were under way when the limit came down
            self.limit = max(1, int(self.limit * CUT))
            self._refused, self._before = True, None
            self._spared = self._active
            self._opened, self._finished, self._tokens = self._clock(), 0, 0

    def _climb(self, rate: float) -> None:
        if self._refused:
            self.limit = min(self._most, self.limit + 1)
        elif self._resting:
            self._resting -= 1
        elif self._before and rate < GAIN * self._before[1]:
            self.limit, self._resting, self._before = self._before[0], REST, None
        elif self.limit < self._most:
            self._before = (self.limit, rate)
            self.limit = min(self._most, int(self.limit * GROWTH) + 1)

    def _place(self) -> Future[None]:
        place: Future[None] = Future()
        with self._lock:
            self._waiting.append(place)
            self._admit()
        return place

    def _admit(self) -> None:
        while self._waiting and self._active < self.limit:
            place = self._waiting.popleft()
            if place.set_running_or_notify_cancel():
                self._active += 1
                place.set_result(None)

    def _give_up(self, place: Future[None]) -> None:
        """Leave the queue, or the place itself if it was given just now."""
        if not place.cancel():
            self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._active -= 1
            self._spared = max(self._spared - 1, 0)
            self._admit()
