"""Processes that are forked off one that has imported memagent, which takes a second, once."""

import multiprocessing
import os
import pickle
import signal
import traceback
from collections.abc import Callable
from typing import Any

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(
    ["pytest", "memagent.memory.memory", "memagent.stores.transfer.reembed", "memagent.testing"]
)


class Child:
    """A child that is forked off right here, and does something with all that it inherits.

    `act` gets a function that waits until the parent calls `go`. `result` is what it returns.
    """

    def __init__(self, act: Callable[[Callable[[], None]], object], seconds: int = 60) -> None:
        going, self._go = os.pipe()
        self._results, sending = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            signal.alarm(seconds)
            os.close(self._go)
            try:
                sent = True, act(lambda: _read(going))
            except BaseException:
                sent = False, traceback.format_exc()
            os.write(sending, pickle.dumps(sent))
            os._exit(0)
        os.close(going)
        os.close(sending)

    def go(self) -> None:
        os.write(self._go, b"x")

    def result(self) -> Any:
        with os.fdopen(self._results, "rb") as results:
            sent = results.read()
        os.close(self._go)
        status = os.waitpid(self.pid, 0)[1]
        assert status == 0, f"the child ended with {status}, by signal {os.WTERMSIG(status)}"
        done, value = pickle.loads(sent)
        assert done, value
        return value


def _read(end: int) -> None:
    assert os.read(end, 1), "the parent is gone"


def in_child(act: Callable[[], object]) -> Any:
    """Do something in a forked child, and return what it returned."""
    return Child(lambda _: act()).result()
