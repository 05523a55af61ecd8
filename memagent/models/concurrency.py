"""Concurrency limiter for one model server."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager

from memagent.process import at_fork, lock

logger = logging.getLogger(__name__)

INITIAL_LIMIT = 64
"""Requests in flight at first; the limiter adapts from there."""
MAX_LIMIT = 1024
GROWTH = 1.5
MIN_GAIN = 1.05
"""The factor by which throughput must grow with the limit for the larger limit to stay."""
REST_WINDOWS = 16
"""Windows without another increase, after one that gained too little."""
DECREASE = 0.7

_limiters: dict[tuple[str, int], "ConcurrencyLimiter"] = {}
_lock = lock()


def limiter_of(url: str, max_limit: int) -> "ConcurrencyLimiter":
    """Return this process's limiter for a server; all callers of the server share it."""
    with _lock:
        if (url, max_limit) not in _limiters:
            _limiters[url, max_limit] = ConcurrencyLimiter(INITIAL_LIMIT, max_limit)
        return _limiters[url, max_limit]


class ConcurrencyLimiter:
    """Bounds the requests in flight to one server, and adapts the bound to its throughput.

    Requests pass in order. While some wait, the limit grows by half as long as throughput gains
    (tokens a second over a window of as many requests as the limit); where it does not, the smaller
    limit stays. An overloaded server lowers the limit by a third, once for each round of requests,
    and from then on the limit grows by one a window (additive increase, multiplicative decrease;
    Chiu and Jain 1989). Threads and asyncio can share a limiter. `clock` returns seconds.
    """

    def __init__(
        self,
        initial: int = INITIAL_LIMIT,
        max_limit: int = MAX_LIMIT,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.limit = min(initial, max_limit)
        self._max_limit = max_limit
        self._clock = clock
        self._lock = lock()
        self._active = 0
        self._waiting: deque[Future[None]] = deque()
        self._window_start = clock()
        self._finished = 0
        self._tokens = 0
        self._previous: tuple[int, float] | None = None
        """The limit before the last increase, and the throughput at it."""
        self._resting = 0
        self._overloaded = False
        self._ignored_failures = 0
        """Requests that were in flight when the limit came down: their failures say nothing new."""
        at_fork(after_in_child=self._leave_requests)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot for one request, waiting until one is free."""
        slot = self._request()
        try:
            slot.result()
        except BaseException:
            self._abandon(slot)
            raise
        try:
            yield
        finally:
            self._release()

    @asynccontextmanager
    async def aslot(self) -> AsyncIterator[None]:
        """Hold a slot like `slot`, without blocking the event loop."""
        slot = self._request()
        try:
            if not slot.done():
                await asyncio.wrap_future(slot)
        except BaseException:
            self._abandon(slot)
            raise
        try:
            yield
        finally:
            self._release()

    def succeeded(self, tokens: int) -> None:
        """Count an answered request and its tokens; a full window adapts the limit."""
        with self._lock:
            self._finished += 1
            self._tokens += max(tokens, 1)
            if self._finished < self.limit:
                return
            now = self._clock()
            if self._waiting and now > self._window_start:
                self._increase(self._tokens / (now - self._window_start))
            self._window_start, self._finished, self._tokens = now, 0, 0
            self._admit()

    def overloaded(self) -> None:
        """Lower the limit, because the server refused or failed a request."""
        with self._lock:
            if self._ignored_failures:
                return
            self.limit = max(1, int(self.limit * DECREASE))
            logger.info("the model server is overloaded: at most %d requests at once", self.limit)
            self._overloaded, self._previous = True, None
            self._ignored_failures = self._active
            self._window_start, self._finished, self._tokens = self._clock(), 0, 0

    def _increase(self, throughput: float) -> None:
        if self._overloaded:
            self.limit = min(self._max_limit, self.limit + 1)
        elif self._resting:
            self._resting -= 1
        elif self._previous and throughput < MIN_GAIN * self._previous[1]:
            self.limit, self._resting, self._previous = self._previous[0], REST_WINDOWS, None
        elif self.limit < self._max_limit:
            self._previous = (self.limit, throughput)
            self.limit = min(self._max_limit, int(self.limit * GROWTH) + 1)

    def _request(self) -> Future[None]:
        slot: Future[None] = Future()
        with self._lock:
            self._waiting.append(slot)
            self._admit()
        return slot

    def _admit(self) -> None:
        while self._waiting and self._active < self.limit:
            slot = self._waiting.popleft()
            if slot.set_running_or_notify_cancel():
                self._active += 1
                slot.set_result(None)

    def _abandon(self, slot: Future[None]) -> None:
        """Leave the queue, or release the slot if it was granted just now."""
        if not slot.cancel():
            self._release()

    def _release(self) -> None:
        with self._lock:
            self._active = max(self._active - 1, 0)
            self._ignored_failures = max(self._ignored_failures - 1, 0)
            self._admit()

    def _leave_requests(self) -> None:
        """Count no request, in a forked child, that is the parent's."""
        self._active = self._ignored_failures = self._finished = self._tokens = 0
        self._waiting.clear()
        self._window_start = self._clock()
