"""Recollections of turns in progress, so that a prompt stays the same while a model calls tools."""

import time
from collections import OrderedDict
from collections.abc import Callable

from memagent.memory.memory import Memory
from memagent.process import lock
from memagent.types import Recollection, Scope

KEPT = 256
KEPT_SECONDS = 900.0
"""Seconds after which a turn is taken to have ended."""
Kept = tuple[float, str, int, Recollection]
"""When it was recalled, the user, the erasures of this user until then, and what was recalled."""


class Recollections:
    """Recollections by the id of a turn; what was erased since is in none of them.

    `clock` returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._lock = lock()

    def get(
        self, turn: str, memory: Memory, scope: Scope, recall: Callable[[], Recollection]
    ) -> Recollection:
        """Return what was recalled for a turn, recalled now if it was not yet."""
        erasures = _erasures(memory, scope)
        with self._lock:
            self._drop(scope.user, erasures)
            if turn in self._kept:
                return self._kept[turn][3]
        found = recall()
        with self._lock:
            self._kept[turn] = self._clock(), scope.user, erasures, found
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found

    def _drop(self, user: str, erasures: int) -> None:
        """Drop what is too old, and what was recalled for a user before something was erased."""
        oldest = self._clock() - KEPT_SECONDS
        for turn, (at, whose, before, _) in list(self._kept.items()):
            if at < oldest or (whose == user and before != erasures):
                del self._kept[turn]


def _erasures(memory: Memory, scope: Scope) -> int:
    state = memory.engine.store.state(scope.user)
    return -1 if state is None else state.removals
