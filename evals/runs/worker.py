"""Worker that asks the questions of a story and grades the answers, and a pool of workers."""

import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Protocol

from memagent.errors import NoAnswer
from memagent.evals.arm import Arm, ArmName, MakeArm, Parts, Reply
from memagent.evals.runs.retry import NotAnswered, with_retries
from memagent.evals.score import Score
from memagent.evals.task import Sample, Task, is_right


class Asker(Protocol):
    """A worker, or a pool of workers, in this process or elsewhere."""

    def ask(
        self, task: Task, name: ArmName, samples: Sequence[Sample], stop: threading.Event
    ) -> Iterator[Score]:
        """Yield a score for each sample of a story, in order, until `stop` is set."""
        ...


class Worker:
    """Worker with a memory and a model; makes each arm once, and may ask stories side by side."""

    def __init__(self, make: MakeArm, parts: Parts) -> None:
        self._make = make
        self._parts = parts
        self._arms: dict[tuple[str, ArmName], Arm] = {}
        self._lock = threading.Lock()

    def ask(
        self, task: Task, name: ArmName, samples: Sequence[Sample], stop: threading.Event
    ) -> Iterator[Score]:
        """Yield a score for each sample of a story, in order, until `stop` is set.

        Raises:
            ServerGone: the model's server stayed away.
        """
        arm = self._arm(task, name)
        for sample in samples:
            if stop.is_set():
                return
            try:
                yield with_retries(partial(_answer, arm, name, task, sample), stop)
            except NotAnswered as error:
                yield _score(name, task, sample, error=str(error))

    def _arm(self, task: Task, name: ArmName) -> Arm:
        with self._lock:
            if (task.name, name) not in self._arms:
                self._arms[task.name, name] = self._make(name, task, self._parts)
            return self._arms[task.name, name]


def _answer(arm: Arm, name: ArmName, task: Task, sample: Sample) -> Score:
    started = time.perf_counter()
    try:
        reply = arm.ask(sample)
    except NoAnswer as error:  # a model that only reasons is wrong, not away
        reply = Reply(answer=error.answer, shown=tuple(error.answer.recollection.texts))
    seconds = time.perf_counter() - started
    answer = reply.answer
    grades = dict(task.grade(task, sample, answer.answer))
    return _score(
        name,
        task,
        sample,
        prediction=answer.answer,
        correct=is_right(grades),
        grades=grades,
        shown=reply.shown,
        recall=reply.recall,
        marked=reply.marked,
        left_out=reply.left_out,
        guarded=reply.guarded,
        prompt_tokens=answer.usage.prompt_tokens,
        completion_tokens=answer.usage.completion_tokens,
        cached_tokens=answer.usage.cached_tokens,
        seconds=max(0.0, seconds - reply.setup),
        memory_seconds=answer.timings.memory,
    )


def _score(name: ArmName, task: Task, sample: Sample, **rest: object) -> Score:
    return Score(
        id=sample.id,
        task=task.name,
        arm=str(name),
        question=sample.question,
        gold=sample.gold,
        category=sample.category,
        **rest,  # type: ignore[arg-type]
    )


class WorkerPool:
    """Pool that gives each story to the worker with the fewest."""

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
