"""Workers on a Ray cluster: processes of their own, each with a memory, an embedder and a server.

`RAY_ADDRESS` names a cluster that runs; without it Ray starts one on this machine. Each of its
nodes needs memagent installed. Nothing about its use is reported to anybody.
"""

import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from memagent.errors import ConfigError
from memagent.evals.arm import ArmName, MakeArm, Parts
from memagent.evals.run.retry import PAUSES, ServerGone
from memagent.evals.run.worker import Asker, Crew, Worker
from memagent.evals.score import Score
from memagent.evals.task import Sample, Task


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """What a worker elsewhere is made from; `model` is a spec that it opens itself."""

    make: MakeArm
    model: str
    embedder: str
    seed: int
    options: dict[str, Any]
    """What `open_chat` takes beside the spec."""


@contextmanager
def ray_crew(recipes: Sequence[Recipe], concurrency: int) -> Iterator[Asker]:
    """Start a worker for each recipe, and let them go in the end.

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
    remote = ray.remote(max_concurrency=concurrency, max_restarts=-1, num_cpus=0)(_Remote)
    actors = [remote.remote(one) for one in recipes]
    try:
        yield Crew([_Elsewhere(actor) for actor in actors])
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


class _Remote:
    """What runs in a process of the cluster: a worker with a memory in a folder of its own."""

    def __init__(self, recipe: Recipe) -> None:
        from memagent.embedding.open_embedder import open_embedder
        from memagent.memory.memory import Memory
        from memagent.models.open_chat import open_chat

        self._folder = tempfile.TemporaryDirectory(prefix="memagent-eval-")
        embedder = open_embedder(recipe.embedder)
        memory = Memory.open(self._folder.name, embedder=embedder)
        model = open_chat(recipe.model, **recipe.options)
        parts = Parts(memory=memory, embedder=embedder, model=model, seed=recipe.seed)
        self._worker = Worker(recipe.make, parts)
        self._tasks: dict[str, Task] = {}
        self._lock = threading.Lock()

    def ask(self, where: list[Any], task: str, arm: ArmName, samples: list[Sample]) -> Any:
        """Yield the scores; `where` holds a reference to the task, fetched once."""
        import ray

        with self._lock:
            if task not in self._tasks:
                self._tasks[task] = ray.get(where[0])
        yield from self._worker.ask(self._tasks[task], arm, samples, threading.Event())


class _Elsewhere:
    """Asks a worker of the cluster; one that died is started again, and asked the rest."""

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
        for pause in (*PAUSES, None):
            asking = self._actor.ask.options(num_returns="streaming")
            scores = asking.remote([self._tasks[task.name]], task.name, name, rest)
            try:
                for one in scores:
                    score = ray.get(one)
                    rest = rest[1:]
                    yield score
                    if stop.is_set():
                        return
                return
            except RayActorError as error:
                if pause is None or stop.wait(pause):
                    raise ServerGone(
                        f"a worker of the cluster does not come back: {error}"
                    ) from error
