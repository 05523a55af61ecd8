"""Run arms over tasks: bounded concurrency, every answer flushed to JSONL, resumable."""

import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel

from memagent.errors import RunError
from memagent.evals.arms import Arm, ArmName
from memagent.evals.batch import in_flight
from memagent.evals.metrics import exact_mention
from memagent.evals.patience import NotAnswered, ServerGone, patiently
from memagent.evals.task import Sample, Task
from memagent.memory import Memory

SAMPLES_FILE = "samples.jsonl"
MANIFEST_FILE = "run.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What to run: which arms, how many questions a task, how they are drawn and asked."""

    arms: tuple[ArmName, ...]
    limit: int | None = None
    shots: int = 3
    seed: int = 0
    concurrency: int = 4
    model: str = "local"
    embedder: str = "all-MiniLM-L6-v2"


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """One question of one arm: what was shown, what came back, and what it cost.

    Where `error` is set there is no answer: the question counts neither as right nor as wrong, and
    is asked again when the run is resumed.
    """

    id: str
    task: str
    arm: ArmName
    question: str
    gold: tuple[str, ...]
    prediction: str
    correct: bool
    shown: tuple[str, ...]
    supports_shown: bool
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    seconds: float
    memory_seconds: float
    error: str | None = None


Progress = Callable[[Score], None]


class Run:
    """A folder that holds one run: its manifest, a line for each question asked, and the memory."""

    def __init__(self, folder: Path, tasks: Sequence[Task], plan: Plan, *, resume: bool) -> None:
        self.folder = folder
        self.tasks = tasks
        self.plan = plan
        self.scores: list[Score] = []
        self._lock = threading.Lock()
        manifest = _manifest(tasks, plan)
        path = folder / MANIFEST_FILE
        if path.exists():
            if not resume:
                raise RunError(f"{folder} holds a run already: add --resume, or name another --out")
            _compare(json.loads(path.read_text(encoding="utf-8")), manifest, folder)
            self.scores = read_scores(folder)
        else:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
            except OSError as error:
                raise RunError(f"cannot write a run into {folder}: {error.strerror}") from error

    def todo(self, task: Task, arm: ArmName) -> list[Sample]:
        """Return the samples of a task that an arm has not answered yet, in order."""
        done = {score.id for score in self.scores if score.arm == arm and not score.error}
        return [sample for sample in drawn(task, self.plan) if sample.id not in done]

    @property
    def failed(self) -> list[Score]:
        """The questions that got no answer, in order."""
        return [score for score in self.scores if score.error]

    def go(self, model: BaseChatModel, embedder: Embeddings, progress: Progress) -> None:
        """Ask all that is still to be asked; `progress` is called after each answer.

        The server is kept full: the next arm begins while the last questions of this one are out. A
        question that the server refuses is kept with its error. While the server is gone, questions
        wait for it.

        Raises:
            RunError: the server stayed away; all that was answered is kept, and the run resumes.
        """
        self.scores = [score for score in self.scores if not score.error]
        stop = threading.Event()

        def ask(story: tuple[Arm, Task, list[Sample]]) -> None:
            arm, task, samples = story
            for sample in samples:
                if stop.is_set():
                    return
                try:
                    score = patiently(partial(_score, arm, task, sample), stop)
                except NotAnswered as error:
                    score = _failed(arm, task, sample, error)
                with self._lock:
                    self._keep(score)
                    progress(score)

        with Memory.open(self.folder / "memory", embedder=embedder) as memory:
            stories = self._stories(memory, model, embedder)
            try:
                for _ in in_flight(stories, ask, limit=self.plan.concurrency, stop=stop):
                    pass
            except ServerGone as error:
                raise RunError(
                    f"the model's server is gone ({error}): what was answered is kept in"
                    f" {self.folder}, go on with --resume"
                ) from error
        self.scores = self._ordered(self.scores)

    def _stories(
        self, memory: Memory, model: BaseChatModel, embedder: Embeddings
    ) -> Iterator[tuple[Arm, Task, list[Sample]]]:
        """Yield what can be asked side by side: of each arm, the questions of one story."""
        for task in self.tasks:
            for name in self.plan.arms:
                samples = self.todo(task, name)
                if not samples:
                    continue
                arm = Arm(
                    name,
                    task,
                    memory=memory,
                    embedder=embedder,
                    model=model,
                    shots=self.plan.shots,
                    seed=self.plan.seed,
                )
                stories: dict[str, list[Sample]] = {}
                for sample in samples:
                    stories.setdefault(sample.story, []).append(sample)
                for story in stories.values():
                    yield arm, task, story

    def _ordered(self, scores: Sequence[Score]) -> list[Score]:
        """Return scores in the order of the tasks, the arms and the questions."""
        asked = [
            (task.name, arm, sample.id)
            for task in self.tasks
            for arm in self.plan.arms
            for sample in drawn(task, self.plan)
        ]
        place = {key: number for number, key in enumerate(asked)}
        return sorted(scores, key=lambda one: place.get((one.task, one.arm, one.id), len(place)))

    def _keep(self, score: Score) -> None:
        with (self.folder / SAMPLES_FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(score)) + "\n")
        self.scores.append(score)


def drawn(task: Task, plan: Plan) -> list[Sample]:
    """Return the samples to ask: a seeded draw of `limit`, the same for every arm."""
    everything = range(len(task.asked))
    if plan.limit is None or plan.limit >= len(everything):
        return list(task.asked)
    positions = random.Random(plan.seed).sample(everything, plan.limit)
    return [task.asked[position] for position in sorted(positions)]


def read_scores(folder: Path) -> list[Score]:
    """Read back the answers of a run, of a question asked twice the last.

    A last line that a kill cut short is dropped from the file.

    Raises:
        RunError: a line is not an answer.
    """
    path = folder / SAMPLES_FILE
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    whole, _, rest = text.rpartition("\n")
    if rest:
        path.write_text(whole + "\n" if whole else "", encoding="utf-8")
    scores: dict[tuple[str, str, str], Score] = {}
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            row = json.loads(line)
            one = Score(**row | {"gold": tuple(row["gold"]), "shown": tuple(row["shown"])})
            scores[one.task, one.arm, one.id] = one
        except (ValueError, TypeError, KeyError) as error:
            raise RunError(f"{path}:{number}: expected one answer as JSON") from error
    return list(scores.values())


def _failed(arm: Arm, task: Task, sample: Sample, error: NotAnswered) -> Score:
    return Score(
        id=sample.id,
        task=task.name,
        arm=arm.name,
        question=sample.question,
        gold=sample.gold,
        prediction="",
        correct=False,
        shown=(),
        supports_shown=False,
        prompt_tokens=0,
        completion_tokens=0,
        cached_tokens=0,
        seconds=0.0,
        memory_seconds=0.0,
        error=str(error),
    )


def _score(arm: Arm, task: Task, sample: Sample) -> Score:
    started = time.perf_counter()
    answer = arm.ask(sample)
    seconds = time.perf_counter() - started
    shown = answer.recollection.hits if arm.name == "memory" else ()
    lines = {int(hit.record.id) for hit in shown}
    correct = exact_mention(answer.answer, sample.gold, task.vocabulary, ordered=sample.ordered)
    return Score(
        id=sample.id,
        task=task.name,
        arm=arm.name,
        question=sample.question,
        gold=sample.gold,
        prediction=answer.answer,
        correct=correct,
        shown=tuple(hit.record.value for hit in shown),
        supports_shown=lines.issuperset(sample.supports) if arm.name == "memory" else False,
        prompt_tokens=answer.usage.prompt_tokens,
        completion_tokens=answer.usage.completion_tokens,
        cached_tokens=answer.usage.cached_tokens,
        seconds=seconds,
        memory_seconds=answer.timings.memory,
    )


def _manifest(tasks: Sequence[Task], plan: Plan) -> dict[str, Any]:
    packages = ("memagent", "faiss-cpu", "sentence-transformers", "torch", "langchain-core")
    return {
        "format": 1,
        "plan": asdict(plan) | {"arms": list(plan.arms)},
        "tasks": [
            {"name": one.name, "source": one.source, "split": one.split, "sha256": one.sha256}
            for one in tasks
        ],
        "versions": {name: version(name) for name in packages},
    }


def _compare(before: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    """Refuse to go on with a run that was started with other settings or other data."""
    keys: tuple[Literal["format", "plan", "tasks"], ...] = ("format", "plan", "tasks")
    for key in keys:
        if before.get(key) != now[key]:
            raise RunError(f"{folder} was started with another {key}: name another --out")
