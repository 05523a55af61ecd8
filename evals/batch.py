"""Many calls in flight at once: bounded, and their results in the order of the calls."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")
AHEAD = 8
"""How many times `limit` may be taken from the items before the oldest call is back."""


def in_flight(
    items: Iterable[A], do: Callable[[A], B], *, limit: int, stop: threading.Event | None = None
) -> Iterator[B]:
    """Yield what `do` makes of each item, in order, with at most `limit` calls going on.

    Items are taken as there is room for them, so there may be any number; each call is made in a
    thread. The first exception of a call is raised in its turn. Then, and when nobody wants more,
    what has not begun is left out, `stop` is set for what has, and that is waited for.
    """
    rest = iter(items)
    waiting: deque[Future[B]] = deque()
    with ThreadPoolExecutor(limit) as pool:
        try:
            waiting.extend(pool.submit(do, item) for item in islice(rest, AHEAD * limit))
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(pool.submit(do, item) for item in islice(rest, 1))
        except BaseException:
            if stop is not None:
                stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
