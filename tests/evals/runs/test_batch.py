import threading
from collections.abc import Iterator

import pytest

from memagent.evals.runs.runner import AHEAD, in_flight


def test_thousands_of_calls_come_back_in_order_and_never_too_many_go_on() -> None:
    lock, going, most = threading.Lock(), 0, 0

    def double(number: int) -> int:
        nonlocal going, most
        with lock:
            going += 1
            most = max(most, going)
        with lock:
            going -= 1
        return 2 * number

    assert list(in_flight(range(3000), double, limit=32)) == [2 * one for one in range(3000)]
    assert 1 <= most <= 32


def test_as_many_calls_as_allowed_really_go_on_at_once() -> None:
    together = threading.Barrier(50, timeout=30)
    ranks = list(in_flight(range(100), lambda _: together.wait(), limit=50))
    assert sorted(ranks) == sorted([*range(50), *range(50)])


def test_items_are_taken_only_as_there_is_room() -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    results = in_flight(endless(), lambda one: one, limit=3)
    assert [next(results) for _ in range(5)] == [1, 2, 3, 4, 5]
    assert taken <= 3 * AHEAD + 5
    results.close()


def test_a_failing_call_stops_what_has_not_begun_and_tells_what_has() -> None:
    stop, begun = threading.Event(), threading.Event()
    asked: list[int] = []

    def ask(number: int) -> int:
        asked.append(number)
        if number == 0:
            begun.wait(30)
            raise ValueError("broken")
        begun.set()
        assert stop.wait(30)
        return number

    with pytest.raises(ValueError, match="broken"):
        list(in_flight(range(100), ask, limit=2, stop=stop))
    assert len(asked) <= 3


def test_leaving_early_stops_the_rest() -> None:
    stop = threading.Event()
    results = in_flight(range(1000), lambda one: one, limit=2, stop=stop)
    assert next(results) == 0
    results.close()
    assert stop.is_set()
