"""Recurrence of tasks in a stream, drawn by a power law of the time since each was last seen."""

import random
from collections.abc import Iterator, Sequence
from itertools import islice
from math import isfinite

from memagent.errors import InvalidInput


def recurring(tasks: int, length: int, *, exponent: float, seed: int = 0) -> tuple[int, ...]:
    """Return a stream of `length` task indices, from 0 to `tasks` - 1, each drawn by its lag.

    The lag is 1 for the task of the step before, 2 for that of two steps before. Before the stream
    begins, every task counts as seen once, in an order that the seed draws. The same seed is the
    same stream, and a longer one begins with it. With an exponent of about 1 or more some tasks may
    not come at all.

    Raises:
        InvalidInput: there is no task, the length is negative, or the exponent is negative or not
            finite.
    """
    if tasks < 1 or length < 0:
        raise InvalidInput(
            f"stream: expected a task at least and a length of 0 or more; found {tasks} tasks and"
            f" a length of {length}"
        )
    chances([], exponent)
    return tuple(islice(_steps(tasks, exponent, random.Random(seed)), length))


def chances(lags: Sequence[int], exponent: float) -> list[float]:
    """Return the probability that each task comes next, by how many steps ago it was last seen.

    Raises:
        InvalidInput: the exponent is negative or not finite, or a lag is below 1.
    """
    if not isfinite(exponent) or exponent < 0 or any(lag < 1 for lag in lags):
        raise InvalidInput(
            f"stream: expected an exponent of 0 or more and lags of 1 or more; found {exponent}"
            f" and {list(lags)}"
        )
    if not lags:
        return []
    # Against the shortest lag, so that a large exponent leaves something to divide by.
    shortest = min(lags)
    weights = [(lag / shortest) ** -exponent for lag in lags]
    return [weight / sum(weights) for weight in weights]


def _steps(tasks: int, exponent: float, draw: random.Random) -> Iterator[int]:
    last = [-place for place in range(1, tasks + 1)]
    draw.shuffle(last)
    step = 0
    while True:
        lags = [step - seen for seen in last]
        (task,) = draw.choices(range(tasks), chances(lags, exponent))
        yield task
        last[task] = step
        step += 1
