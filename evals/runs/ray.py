"""Worker pool on a Ray cluster: processes, each with its own memory, embedder and server.

`RAY_ADDRESS` names a cluster that runs; without it Ray starts one on this machine. Each of its
nodes needs memagent installed. Ray's usage statistics are off.
"""

import logging
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from langchain_core.embeddings import Embeddings

from memagent.embedding.open_embedder import open_embedder
from memagent.errors import ConfigError
from memagent.evals.arm import ArmName, MakeArm, Parts
from memagent.evals.runs.retry import DELAYS, ServerGone
from memagent.evals.runs.worker import Asker, Worker, WorkerPool
from memagent.evals.score import Score
from memagent.evals.task import Sample, Task
from memagent.memory.memory import Memory
from memagent.models.open_chat import open_chat

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerSpec:
    """Specification of a remote worker; `model` is a name or URL that the worker opens itself."""

    make: MakeArm
    model: str
    embedder: str | Embeddings
    seed: int
    options: dict[str, Any]
    """Further arguments of `open_chat`."""


@contextmanager
def ray_pool(specs: Sequence[WorkerSpec], concurrency: int) -> Iterator[Asker]:
    """Start a worker for each specification, and end them in the end.

    Raises:
        ConfigError: Ray is not installed, or does not start.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        ray: Any = import_module("ray")
    except ImportError as error:
        raise ConfigError("--workers ray needs Ray: pip install 'memagent[ray]'") from error
    started = not ray.is_initialized()
    if started:
        _start(ray)
    remote = ray.remote(max_concurrency=concurrency, max_restarts=-1, num_cpus=0)(_RemoteWorker)
    actors = [remote.remote(spec) for spec in specs]
    logger.info("started %d Ray workers", len(actors))
    try:
        yield WorkerPool([_RemoteAsker(actor) for actor in actors])
    finally:
        for actor in actors:
            ray.kill(actor)
        if started:
            ray.shutdown()


def _start(ray: Any) -> None:
    here = {} if os.environ.get("RAY_ADDRESS") else {"_node_ip_address": "127.0.0.1"}
    try:
        ray.init(include_dashboard=None if not here else False, log_to_driver=False, **here)
    except Exception as error:
        raise ConfigError(f"Ray does not start: {error}") from error


class _RemoteWorker:
    """Worker in a process of the cluster, with a memory in a temporary folder."""

    def __init__(self, spec: WorkerSpec) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="memagent-eval-")
        embedder = open_embedder(spec.embedder)
        memory = Memory.open(self._folder.name, embedder=embedder)
        model = open_chat(spec.model, **spec.options)
        parts = Parts(memory=memory, embedder=embedder, model=model, seed=spec.seed)
        self._worker = Worker(spec.make, parts)
        self._tasks: dict[str, Task] = {}
        self._lock = threading.Lock()

    def ask(self, where: list[Any], task: str, arm: ArmName, samples: list[Sample]) -> Any:
        """Yield the scores; `where` holds a reference to the task, fetched once."""
        import ray

        with self._lock:
            if task not in self._tasks:
                self._tasks[task] = ray.get(where[0])
        yield from self._worker.ask(self._tasks[task], arm, samples, threading.Event())


class _RemoteAsker:
    """Local end of a remote worker; one that died is started again, and asked the rest."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor
        self._tasks: dict[str, Any] = {}
        self._lock = threading.Lock()

    def ask(
        self, task: Task, name: ArmName, samples: Sequence[Sample], stop: threading.Event
    ) -> Iterator[Score]:
        """Yield a score for each sample of a story, in order, until `stop` is set."""
        import ray
        from ray.exceptions import RayActorError

        with self._lock:
            if task.name not in self._tasks:
                self._tasks[task.name] = ray.put(task)
        rest = list(samples)
        for delay in (*DELAYS, None):
            asking = self._actor.ask.options(num_returns="streaming")
            scores = asking.remote([self._tasks[task.name]], task.name, name, rest)
            try:
                for reference in scores:
                    score = ray.get(reference)
                    rest = rest[1:]
                    yield score
                    if stop.is_set():
                        return
                return
            except RayActorError as error:
                logger.warning("a Ray worker died with %d questions left", len(rest))
                if delay is None or stop.wait(delay):
                    raise ServerGone(
                        f"a worker of the cluster does not come back: {error}"
                    ) from error
