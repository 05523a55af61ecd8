"""Rates: how often a key may ask, within a window that moves with the clock."""

import math
import time
from functools import lru_cache

from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.responses import Response

from memagent.server.problems import problem
from memagent.stores.access.keys import ApiKey


@lru_cache(maxsize=1024)
def rate_of(text: str) -> RateLimitItem:
    """Return the rate that a text such as "600/minute" stands for.

    Raises:
        ValueError: it is none, several, or allows nothing.
    """
    rates = parse_many(text)
    if len(rates) != 1 or rates[0].amount < 1:
        raise ValueError(f"{text!r} is not one rate that allows something")
    return rates[0]


class Rates:
    """Requests of keys within their rates, counted in the memory of this process.

    `default` is the rate of a key that has none of its own, None for no limit.
    """

    def __init__(self, default: str | None = None) -> None:
        self._default = default
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def refusal(self, key: ApiKey) -> Response | None:
        """Count a request of a key; return None, or the reply 429 that says when to come again."""
        rate = key.rate or self._default
        seconds = None if rate is None else self.wait(key.id, rate)
        if seconds is None:
            return None
        return problem(429, f"this key may ask {rate}", {"Retry-After": str(seconds)})

    def wait(self, key_id: str, rate: str) -> int | None:
        """Count a request; return None, or the seconds after which the next may come."""
        item = rate_of(rate)
        if self._limiter.hit(item, key_id):
            return None
        reset = self._limiter.get_window_stats(item, key_id).reset_time
        return max(1, math.ceil(reset - time.time()))
