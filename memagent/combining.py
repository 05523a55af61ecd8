"""Calls of several threads, run as one batch."""

import threading
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Run = Callable[[Sequence[str]], NDArray[np.float32]]


class Combined:
    """A function of texts that is run for all threads that wait, by one of them at a time.

    Who comes first runs; who comes meanwhile waits, and the next to run takes all that wait along.
    Each gets its own rows, in its own order. Where a batch fails, its calls are run one by one, so
    that an error reaches only who caused it.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._turn = threading.Lock()
        self._waiting: list[_Call] = []

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row a text."""
        call = _Call(texts)
        self._waiting.append(call)
        try:
            with self._turn:
                if not call.done:
                    self._serve(list(self._waiting))
        finally:
            self._waiting.remove(call)
        if call.error is not None:
            raise call.error
        return call.rows

    def _serve(self, calls: Sequence["_Call"]) -> None:
        calls = [call for call in calls if not call.done]
        distinct = list(dict.fromkeys(text for call in calls for text in call.texts))
        try:
            rows = dict(zip(distinct, self._run(distinct), strict=True))
        except Exception as error:
            if len(calls) == 1:
                calls[0].error, calls[0].done = error, True
            else:
                for call in calls:
                    self._serve([call])
            return
        for call in calls:
            call.rows, call.done = np.stack([rows[text] for text in call.texts]), True


class _Call:
    """What a thread wants, and what it got; compared by identity."""

    __slots__ = ("done", "error", "rows", "texts")

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.rows: NDArray[np.float32] = np.empty((0, 0), dtype=np.float32)
        self.error: Exception | None = None
        self.done = False
