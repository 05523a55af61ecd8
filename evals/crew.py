"""Several workers at once, such as one for each model server."""

import threading
from collections.abc import Iterator, Sequence

from memagent.evals.arm import ArmName
from memagent.evals.score import Score
from memagent.evals.task import Sample, Task
from memagent.evals.worker import Asker


class Crew:
    """Gives each story to the worker that has the fewest."""

    def __init__(self, askers: Sequence[Asker]) -> None:
        self._askers = askers
        self._busy = [0] * len(askers)
        self._lock = threading.Lock()

    def ask(
        self, task: Task, name: ArmName, samples: Sequence[Sample], stop: threading.Event
    ) -> Iterator[Score]:
        """Yield a score for each sample of a story, in order, until `stop` is set."""
        with self._lock:
            number = self._busy.index(min(self._busy))
            self._busy[number] += 1
        try:
            yield from self._askers[number].ask(task, name, samples, stop)
        finally:
            with self._lock:
                self._busy[number] -= 1
