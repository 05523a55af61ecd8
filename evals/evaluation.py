"""Evaluation of a suite in one call, which returns the rows and the folder of the run."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel

from memagent.config import Settings, load_settings
from memagent.embedding.open_embedder import open_embedder
from memagent.errors import InvalidInput
from memagent.evals.arm import SHOTS, ArmName
from memagent.evals.registry import find_suite
from memagent.evals.report.measures import measure_tables
from memagent.evals.report.tables import as_object, rows
from memagent.evals.runs.plan import Plan
from memagent.evals.runs.ray import WorkerSpec, ray_pool
from memagent.evals.runs.run import Run
from memagent.evals.runs.runner import ask_all, run_in_process
from memagent.evals.runs.worker import Asker
from memagent.evals.score import Score
from memagent.evals.suite import BadOption, Selection, Suite, Tables, load_tasks
from memagent.models.open_chat import open_chat, options_of
from memagent.testing import ScriptedChat

logger = logging.getLogger(__name__)
EMBEDDED_CONCURRENCY = 4
"""Stories asked side by side of the embedded model, by default."""
SERVER_CONCURRENCY = 64
"""Stories asked side by side of each server, by default."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Further options of a run.

    - Which data: `split`, `variant` and `file` choose files, `data` is the folder of released files
      (else the setting `data`), and `settings` are sizes of the suite by name.
    - How it is asked: `shots` few-shot examples in arms that do not say how many; `shuffle` asks in
      a drawn order; `concurrency` stories are asked side by side; more than `max_failures`
      questions without an answer end the run.
    - Where: `servers` are URLs of servers of the same model, used side by side; `workers`, "ray" or
      "ray:4", has so many processes on a Ray cluster ask the questions.
    """

    split: str | None = None
    variant: str | None = None
    file: Path | None = None
    data: Path | None = None
    settings: Mapping[str, float] = field(default_factory=dict)
    shots: int = SHOTS
    shuffle: bool = False
    concurrency: int | None = None
    max_failures: int = 100
    servers: Sequence[str] = ()
    workers: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """Outcome of a run: a row for each task and arm, and the folder that keeps everything.

    A row has the accuracy (0 to 1) with the ends of its 95% interval, the number of questions, the
    memory efficiency, and the tokens and seconds of a question. `tables` are further tables by
    name, and `scores` the single answers.
    """

    suite: str
    folder: Path
    rows: Sequence[dict[str, Any]]
    tables: Tables
    scores: Sequence[Score]

    @property
    def failed(self) -> list[Score]:
        """The questions that got no answer, which count nowhere; a resumed run asks them again."""
        return [score for score in self.scores if score.error]

    def to_dict(self) -> dict[str, Any]:
        """Return the folder, the rows and the further tables, as the command line prints them."""
        return as_object(self.folder, self.rows, self.tables)


class Progress(Protocol):
    """Observer of a run."""

    def start(self, run: Run) -> None:
        """Called once, before the first question, with the run and what it has answered so far."""
        ...

    def answered(self, score: Score) -> None:
        """Called after each answer, from one thread at a time."""
        ...


class _Silent:
    """Progress that shows nothing."""

    def start(self, run: Run) -> None:
        """Ignore it."""

    def answered(self, score: Score) -> None:
        """Ignore it."""


def run(
    suite: str | Suite,
    arms: Sequence[str | ArmName] | str | None = None,
    model: str | BaseChatModel | None = None,
    *,
    tasks: Sequence[str] | str | None = None,
    limit: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    resume: bool = False,
    embedder: str | Embeddings | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Result:
    """Ask the questions of a suite in every arm, and return the rows and the folder of the run.

    `suite` is a name that `memagent eval list` prints, or a suite of one's own. `arms` are names
    such as "memory" or "window:10+3", in a sequence or with commas between them, and so are
    `tasks`. `model` is "local", a URL, or a chat model; `embedder` a name, or embeddings. `limit`
    draws so many questions of each task by `seed`. Where an argument is None, the settings or the
    suite decide. `out` is the folder of the run, a new one under `runs` if it is None; with
    `resume` the run in it goes on.

    Raises:
        BadOption: an argument has a value that is not possible; `option` names it.
        InvalidInput: a line of a file is malformed, or servers or workers are given beside a chat
            model instead of its name.
        RunError: there is no such suite or file, the folder holds another run, the server stayed
            away, or too many questions got no answer; what was answered is kept.
    """
    options, progress = options or Options(), progress or _Silent()
    name = suite if isinstance(suite, str) else suite.name
    suite = find_suite(suite) if isinstance(suite, str) else suite
    settings = load_settings(
        model=model if isinstance(model, str) else None,
        embedder=embedder if isinstance(embedder, str) else None,
    )
    if resume and out is None:
        raise BadOption("--resume", "name the run's folder with --out")
    _check_settings(suite, options.settings)
    pool = _Pool.of(suite, settings, model, embedder, options)
    selection = Selection(
        tasks=tasks if tasks is None or isinstance(tasks, str) else ",".join(tasks),
        split=options.split,
        variant=options.variant,
        data=options.data or settings.data,
        file=options.file,
        seed=seed,
        settings=options.settings,
    )
    every_setting = {**suite.settings, **options.settings}
    plan = Plan(
        arms=_arm_names(suite, arms, options.shots),
        limit=limit,
        seed=seed,
        shuffle=options.shuffle,
        model=pool.model_name,
        embedder=pool.embedder_name,
        concurrency=options.concurrency or pool.concurrency,
        max_failures=options.max_failures,
        settings={key: value for key, value in every_setting.items() if value is not None},
    )
    loaded = load_tasks(suite, selection)
    folder = Path(out or Path("runs") / f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}")
    whole = Run(folder, loaded, plan, resume=resume, suite=name, chosen=selection.chosen())
    logger.info("%s run of %s in %s", "resuming a" if resume else "starting a", name, folder)
    progress.start(whole)
    if whole.remaining():
        pool.ask(whole, progress)
    else:
        whole.put_in_order()  # a run that ended at its last answer had not come to it
    return Result(
        suite=name,
        folder=folder,
        rows=rows(loaded, plan.arms, whole.scores),
        tables=measure_tables(suite, folder, loaded, plan.arms, whole.scores),
        scores=tuple(whole.scores),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pool:
    """Models and workers that answer the questions of a run."""

    suite: Suite
    settings: Settings
    model: BaseChatModel | None
    embedder: Embeddings | None
    urls: Sequence[str]
    workers: int | None
    """How many processes on a Ray cluster; None asks in this process."""
    concurrency: int

    @classmethod
    def of(
        cls,
        suite: Suite,
        settings: Settings,
        model: str | BaseChatModel | None,
        embedder: str | Embeddings | None,
        options: Options,
    ) -> "_Pool":
        """Return the pool that the arguments of a run ask for.

        Raises:
            BadOption: `workers` is malformed, or the suite asks no model.
            InvalidInput: servers or workers are to be used with a chat model.
        """
        if options.workers and not suite.model:
            raise BadOption("--workers", f"{suite.name} asks no model")
        urls = tuple(options.servers) or (settings.model,)
        workers = _ray_workers(options.workers, len(urls))
        own_model = model if isinstance(model, BaseChatModel) else None
        own_embedder = embedder if isinstance(embedder, Embeddings) else None
        if own_model is not None and (options.servers or workers):
            raise InvalidInput("servers and workers need a model's name or URL, not a chat model")
        embedded = own_model is None and settings.model.startswith("local") and not options.servers
        return cls(
            suite=suite,
            settings=settings,
            model=own_model,
            embedder=own_embedder,
            urls=urls,
            workers=workers,
            concurrency=max(len(urls), workers or 1)
            * (EMBEDDED_CONCURRENCY if embedded else SERVER_CONCURRENCY),
        )

    @property
    def model_name(self) -> str:
        """The name of the model in the manifest."""
        if not self.suite.model:
            return "none"
        return self.settings.model if self.model is None else _name_of(self.model)

    @property
    def embedder_name(self) -> str:
        """The name of the embedder in the manifest."""
        return self.settings.embedder if self.embedder is None else _name_of(self.embedder)

    def ask(self, run: Run, progress: Progress) -> None:
        """Have the questions asked: in this process, or by workers on a cluster."""
        if self.workers is not None:
            with self._ray_pool(run) as asker:
                ask_all(run, asker, progress.answered)
            return
        embedder = self.embedder or open_embedder(self.settings.embedder)
        run_in_process(run, self._chats(), embedder, progress.answered, self.suite.make)

    def _chats(self) -> list[BaseChatModel]:
        if not self.suite.model:
            return [ScriptedChat([]) for _ in self.urls]
        if self.model is not None:
            return [self.model]
        return [open_chat(url, **options_of(self.settings)) for url in self.urls]

    def _ray_pool(self, run: Run) -> AbstractContextManager[Asker]:
        specs = [
            WorkerSpec(
                make=self.suite.make,
                model=self.urls[place % len(self.urls)],
                embedder=self.embedder or self.settings.embedder,
                seed=run.plan.seed,
                options=options_of(self.settings),
            )
            for place in range(self.workers or 1)
        ]
        return ray_pool(specs, run.plan.concurrency)


def _name_of(model: BaseChatModel | Embeddings) -> str:
    return str(getattr(model, "model_name", None) or type(model).__name__)


def _ray_workers(text: str | None, servers: int) -> int | None:
    """Read "ray", which is a worker for each server, or "ray:4".

    Raises:
        BadOption: it is neither.
    """
    if text is None:
        return None
    kind, _, number = text.partition(":")
    if kind != "ray" or (number and (not number.isdigit() or int(number) < 1)):
        raise BadOption("--workers", f"{text!r} is not ray or ray:N")
    return int(number) if number else servers


def _arm_names(
    suite: Suite, arms: Sequence[str | ArmName] | str | None, shots: int
) -> tuple[ArmName, ...]:
    """Read the arms, each once.

    Raises:
        BadOption: one of them is none of the suite's.
    """
    parts: Sequence[str | ArmName] = suite.default_arms
    if arms is not None:
        parts = arms.split(",") if isinstance(arms, str) else arms
    try:
        names = [
            part if isinstance(part, ArmName) else ArmName.parse(part, shots) for part in parts
        ]
    except InvalidInput as error:
        raise BadOption("--arms", str(error)) from error
    for arm in names:
        if arm.kind not in suite.arms:
            raise BadOption("--arms", f"{arm.kind!r} is not one of {', '.join(suite.arms)}")
    return tuple(dict.fromkeys(names))


def _check_settings(suite: Suite, settings: Mapping[str, float]) -> None:
    """Refuse a setting that the suite does not have.

    Raises:
        BadOption: it does not have it.
    """
    for name in settings:
        if name not in suite.settings:
            known = ", ".join(suite.settings) or "none"
            raise BadOption("--set", f"{name!r} is not one of {known}")
