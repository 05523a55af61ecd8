"""Runner of the open questions of a run, with bounded concurrency; it keeps each answer."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel

from memagent.errors import RunError
from memagent.evals.arm import ArmName, MakeArm, Parts
from memagent.evals.runs.plan import by_story
from memagent.evals.runs.retry import ServerGone
from memagent.evals.runs.run import Run
from memagent.evals.runs.worker import Asker, Worker, WorkerPool
from memagent.evals.score import Score
from memagent.evals.task import Sample, Task
from memagent.memory.memory import Memory

logger = logging.getLogger(__name__)
A = TypeVar("A")
B = TypeVar("B")
AHEAD = 8
"""At most this many times `limit` items are taken before the oldest call is back."""


def in_flight(
    items: Iterable[A], do: Callable[[A], B], *, limit: int, stop: threading.Event | None = None
) -> Iterator[B]:
    """Map items in threads, with at most `limit` calls at a time, and yield the results in order.

    Items are taken as calls end, so there may be any number of them. The first exception of a call
    is raised in its turn. Then, and when the caller stops, calls that have not begun are dropped;
    `stop` is set for those that have, and they are waited for.
    """
    rest = iter(items)
    waiting: deque[Future[B]] = deque()
    with ThreadPoolExecutor(limit) as pool:
        try:
            waiting.extend(pool.submit(do, item) for item in islice(rest, AHEAD * limit))
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(pool.submit(do, item) for item in islice(rest, 1))
        except BaseException:
            if stop is not None:
                stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


Progress = Callable[[Score], None]
Group = tuple[Task, ArmName, list[Sample]]


def run_in_process(
    run: Run,
    model: BaseChatModel | Sequence[BaseChatModel],
    embedder: Embeddings,
    progress: Progress,
    make: MakeArm,
) -> None:
    """Ask all that is still to be asked, in this process; `progress` is called after each answer.

    Several models are the same one on several servers; each gets as many stories.

    Raises:
        RunError: as `ask_all`.
    """
    models = [model] if isinstance(model, BaseChatModel) else list(model)
    with Memory.open(run.folder / "memory", embedder=embedder) as memory:
        parts = [
            Parts(
                memory=memory,
                embedder=embedder,
                model=chat,
                seed=run.plan.seed,
                folder=run.folder,
            )
            for chat in models
        ]
        ask_all(run, WorkerPool([Worker(make, part) for part in parts]), progress)


def ask_all(run: Run, asker: Asker, progress: Progress) -> None:
    """Ask everything that is still to be asked, and keep each answer as it comes.

    The server is kept busy: the next arm begins while the last questions of this one are out. A
    question that the server refuses is kept with its error. While the server is gone, questions
    wait for it. At the end the file of answers is put in order, so that the same run gives the same
    file.

    Raises:
        RunError: the server stayed away, the disk is full, or too many questions got no answer;
            what was answered is kept, and the run resumes.
    """
    run.retry()
    logger.info("asking %d arms of %d tasks", len(run.plan.arms), len(run.tasks))
    stop = threading.Event()
    lock = threading.Lock()

    def ask(group: Group) -> None:
        for score in asker.ask(*group, stop):
            with lock:
                run.keep(score)
                progress(score)
                if score.error and len(run.failed) > run.plan.max_failures:
                    raise RunError(
                        f"{len(run.failed)} questions got no answer, such as {score.id}"
                        f" ({score.error}): what was answered is kept in {run.folder}"
                    )

    try:
        for _ in in_flight(_groups(run), ask, limit=run.plan.concurrency, stop=stop):
            pass
    except ServerGone as error:
        logger.warning("the model server stayed away; %d answers are kept", len(run.scores))
        raise RunError(
            f"the model's server is gone ({error}): what was answered is kept in {run.folder},"
            " go on with --resume"
        ) from error
    run.put_in_order()


def _groups(run: Run) -> Iterator[Group]:
    """Yield what can be asked side by side: of each arm, the questions of one story."""
    for task in run.tasks:
        for name in run.plan.arms:
            for samples in by_story(run.todo(task, name)):
                yield task, name, samples
