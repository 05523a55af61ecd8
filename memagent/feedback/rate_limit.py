"""How often something may be done: a bound for each scope and stretch of time."""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from threading import Lock

from memagent.errors import InvalidInput
from memagent.types import Scope

SECONDS = 3600.0


class RateLimit:
    """At limit `limit` events of a user and agent in any `seconds`; None is no bound.

    It counts what this process does, and what it is told of others. `clock` tells seconds, and
    never goes back.
    """

    def __init__(
        self,
        limit: int | None,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._seconds = seconds
        self._clock = clock
        self._seen: defaultdict[Scope, deque[float]] = defaultdict(deque)
        self._lock = Lock()

    @property
    def limit(self) -> int | None:
        """How many events there may be."""
        return self._limit

    def take(self, scope: Scope, ages: Sequence[float] = ()) -> None:
        """Count one event; `ages` are how many seconds ago the store saw others, of any process.

        Raises:
            InvalidInput: that would be one too many; it is not counted.
        """
        if self._limit is None:
            return
        with self._lock:
            now, seen = self._clock(), self._seen[scope.across_sessions()]
            while seen and seen[0] <= now - self._seconds:
                seen.popleft()
            stored = [now - age for age in ages if age < self._seconds]
            oldest = [min(times) for times in (seen, stored) if len(times) >= self._limit and times]
            if len(seen) >= self._limit or len(stored) >= self._limit:
                wait = max(oldest, default=now) + self._seconds - now
                raise InvalidInput(
                    f"too much feedback: at most {self._limit} in {self._seconds:.0f} seconds of"
                    f" one user; try again in {wait:.0f} seconds"
                )
            seen.append(now)
