"""Rate limit: at most so many events of one user and agent in a stretch of time."""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence

from memagent.errors import InvalidInput
from memagent.process import lock
from memagent.types import Scope

HOUR = 3600.0
"""The default period, in seconds."""


class RateLimit:
    """At most `limit` events of a user and agent in any `seconds`; None is no limit.

    It counts the events of this process, and those of other processes that `take` receives.
    `clock` gives monotonic seconds.
    """

    def __init__(
        self,
        limit: int | None,
        seconds: float = HOUR,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._seconds = seconds
        self._clock = clock
        self._events: defaultdict[Scope, deque[float]] = defaultdict(deque)
        self._lock = lock()

    @property
    def limit(self) -> int | None:
        """The number of events allowed in the period, None for no limit."""
        return self._limit

    def take(self, scope: Scope, ages: Sequence[float] = ()) -> None:
        """Count one event; `ages` are the ages in seconds of events stored by any process.

        Raises:
            InvalidInput: the event exceeds the limit; it is not counted.
        """
        if self._limit is None:
            return
        with self._lock:
            now, events = self._clock(), self._events[scope.across_sessions()]
            while events and events[0] <= now - self._seconds:
                events.popleft()
            stored = [now - age for age in ages if age < self._seconds]
            full = [times for times in (events, stored) if len(times) >= self._limit]
            if full:
                oldest = [min(times) for times in full if times]
                wait = max(oldest, default=now) + self._seconds - now
                raise InvalidInput(
                    f"too much feedback: at most {self._limit} in {self._seconds:.0f} seconds of"
                    f" one user; try again in {wait:.0f} seconds"
                )
            events.append(now)
