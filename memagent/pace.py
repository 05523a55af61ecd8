"""How often something may be done: a bound for each scope and stretch of time."""

import time
from collections import defaultdict, deque
from collections.abc import Callable
from threading import Lock

from memagent.errors import InvalidInput
from memagent.types import Scope

SECONDS = 3600.0


class Pace:
    """At most `most` events of a user and agent in any `seconds`; None is no bound.

    It counts what this process does. `clock` tells seconds, and never goes back.
    """

    def __init__(
        self,
        most: int | None,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._seen: defaultdict[Scope, deque[float]] = defaultdict(deque)
        self._lock = Lock()

    def step(self, scope: Scope) -> None:
        """Count one event.

        Raises:
            InvalidInput: that would be one too many; it is not counted.
        """
        if self._most is None:
            return
        with self._lock:
            now, seen = self._clock(), self._seen[scope.across_sessions()]
            while seen and seen[0] <= now - self._seconds:
                seen.popleft()
            if len(seen) >= self._most:
                wait = (seen[0] + self._seconds - now) if seen else self._seconds
                raise InvalidInput(
                    f"too much feedback: at most {self._most} in {self._seconds:.0f} seconds of one"
                    f" user; try again in {wait:.0f} seconds"
                )
            seen.append(now)
