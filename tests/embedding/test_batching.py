import threading
from collections.abc import Sequence

import numpy as np
import pytest
from forking import in_child
from numpy.typing import NDArray

from memagent.embedding.local import MicroBatcher

Rows = NDArray[np.float32]


def lengths(texts: Sequence[str]) -> Rows:
    """One row a text: its length, and how many texts ran together with it."""
    return np.array([[len(text), len(texts)] for text in texts], dtype=np.float32)


class Blocking:
    """A function that waits in its first call until it is released."""

    def __init__(self) -> None:
        self.inside, self.open = threading.Event(), threading.Event()
        self.runs: list[list[str]] = []

    def __call__(self, texts: Sequence[str]) -> Rows:
        self.runs.append(list(texts))
        self.inside.set()
        assert self.open.wait(30)
        if "bad" in texts:
            raise ValueError("bad")
        return lengths(texts)


def together(
    blocking: Blocking, first: Sequence[str], later: Sequence[Sequence[str]]
) -> list[Rows | Exception]:
    """Run the first call, let the later ones gather while it is under way, and return them all."""
    batcher = MicroBatcher(blocking)
    answers: dict[int, Rows | Exception] = {}

    def call(number: int, texts: Sequence[str]) -> None:
        try:
            answers[number] = batcher(texts)
        except ValueError as error:
            answers[number] = error

    threads = [threading.Thread(target=call, args=one) for one in enumerate([first, *later])]
    threads[0].start()
    assert blocking.inside.wait(30)
    for thread in threads[1:]:
        thread.start()
    while len(batcher._waiting) < len(threads):
        threading.Event().wait(0.001)
    blocking.open.set()
    for thread in threads:
        thread.join(30)
    return [answers[number] for number in range(len(threads))]


def test_calls_that_wait_are_run_as_one_and_each_gets_its_own_rows_in_order() -> None:
    blocking = Blocking()
    first, second, third = together(blocking, ["a"], [["ccc", "bb"], ["bb", "dddd"]])
    assert isinstance(first, np.ndarray)
    assert first.tolist() == [[1, 1]]
    assert isinstance(second, np.ndarray)
    assert second.tolist() == [[3, 3], [2, 3]]
    assert isinstance(third, np.ndarray)
    assert third.tolist() == [[2, 3], [4, 3]]
    assert [sorted(run) for run in blocking.runs] == [["a"], ["bb", "ccc", "dddd"]]


def test_an_error_reaches_only_the_call_that_caused_it() -> None:
    _, wrong, right = together(Blocking(), ["a"], [["bad"], ["good"]])
    assert isinstance(wrong, ValueError)
    assert isinstance(right, np.ndarray)
    assert right.tolist() == [[4, 1]]


def test_a_call_that_was_broken_off_leaves_nothing_behind() -> None:
    def broken(texts: Sequence[str]) -> Rows:
        if texts[0] == "stop":
            raise KeyboardInterrupt
        return lengths(texts)

    batcher = MicroBatcher(broken)
    with pytest.raises(KeyboardInterrupt):
        batcher(["stop"])
    assert batcher(["go"]).tolist() == [[2, 1]]


def test_a_forked_child_waits_for_no_batch_of_its_parent() -> None:
    blocking = Blocking()
    batcher = MicroBatcher(blocking)
    threads = [threading.Thread(target=batcher, args=([text],)) for text in ("one", "two")]
    threads[0].start()
    assert blocking.inside.wait(30)
    threads[1].start()

    def child() -> list[float]:
        blocking.open.set()
        return batcher(["three"])[0].tolist()

    assert in_child(child) == [5, 1]
    blocking.open.set()
    threads[0].join()
    threads[1].join()
