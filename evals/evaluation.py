"""Evaluation of a suite in one call, which returns the rows and the folder of the run."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel

from memagent.config import load_settings
from memagent.errors import InvalidInput
from memagent.evals.arm import SHOTS, ArmName
from memagent.evals.registry import find_suite
from memagent.evals.report.measures import measure_tables
from memagent.evals.report.tables import as_object, rows
from memagent.evals.runs.plan import Plan
from memagent.evals.runs.pool import ModelPool
from memagent.evals.runs.run import Run
from memagent.evals.score import Score
from memagent.evals.suite import ACCURACY, BadOption, Selection, Suite, Tables, load_tasks

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Further options of a run.

    - Which data: `split`, `variant` and `file` choose files, `corrections` is a file of corrected
      labels for them, `data` is the folder of released files (else the setting `data`), and
      `settings` are sizes of the suite by name.
    - How it is asked: `shots` few-shot examples in arms that do not say how many; `shuffle` asks in
      a drawn order; `concurrency` stories are asked side by side; more than `max_failures`
      questions without an answer end the run.
    - Where: `servers` are URLs of servers of the same model, used side by side; `workers`, "ray" or
      "ray:4", has so many processes on a Ray cluster ask the questions.
    """

    split: str | None = None
    variant: str | None = None
    file: str | Path | None = None
    corrections: str | Path | None = None
    data: str | Path | None = None
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

    A row has the headline score (0 to 1) with the ends of its 95% interval, the accuracy, the
    number of questions, the memory efficiency, and the tokens and seconds of a question. `tables`
    are further tables by name, and `scores` the single answers.
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
    pool = ModelPool.of(
        suite,
        settings,
        model=model if isinstance(model, BaseChatModel) else None,
        embedder=embedder if isinstance(embedder, Embeddings) else None,
        servers=options.servers,
        workers=options.workers,
    )
    selection = _selection(tasks, seed, options, options.data or settings.data)
    plan = Plan(
        arms=_arm_names(suite, arms, options.shots if suite.model else 0),
        limit=limit,
        seed=seed,
        shuffle=options.shuffle,
        model=pool.model_name,
        embedder=pool.embedder_name,
        concurrency=options.concurrency or pool.concurrency,
        max_failures=options.max_failures,
        settings=_settings(suite, options.settings),
    )
    loaded = load_tasks(suite, selection)
    folder = Path(out or Path("runs") / f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}")
    whole = Run(
        folder,
        loaded,
        plan,
        resume=resume,
        suite=name,
        chosen=selection.chosen(),
        headline=suite.headline or ACCURACY,
    )
    logger.info("%s run of %s in %s", "resuming a" if resume else "starting a", name, folder)
    progress.start(whole)
    if whole.remaining():
        pool.ask(whole, progress.answered)
    else:
        whole.put_in_order()  # a run that ended at its last answer had not come to it
    return Result(
        suite=name,
        folder=folder,
        rows=rows(loaded, plan.arms, whole.scores, whole.headline),
        tables=measure_tables(suite, folder, loaded, plan.arms, whole.scores, whole.headline),
        scores=tuple(whole.scores),
    )


def _arm_names(
    suite: Suite, arms: Sequence[str | ArmName] | str | None, shots: int
) -> tuple[ArmName, ...]:
    """Read the arms, each once.

    Raises:
        BadOption: one of them is none of the suite's.
    """
    names = read_arms(suite.default_arms if arms is None else arms, shots)
    for arm in names:
        if arm.kind not in suite.arms:
            raise BadOption("--arms", f"{arm.kind!r} is not one of {', '.join(suite.arms)}")
    return tuple(dict.fromkeys(names))


def read_arms(arms: Sequence[str | ArmName] | str, shots: int) -> list[ArmName]:
    """Return arms by their names; those that do not say how many few-shot examples have `shots`.

    Raises:
        BadOption: one is not an arm's name.
    """
    parts: Sequence[str | ArmName] = arms.split(",") if isinstance(arms, str) else arms
    try:
        return [part if isinstance(part, ArmName) else ArmName.parse(part, shots) for part in parts]
    except InvalidInput as error:
        raise BadOption("--arms", str(error)) from error


def _settings(suite: Suite, settings: Mapping[str, float]) -> dict[str, float]:
    """Return the settings of a run, with the suite's own where none was named.

    Raises:
        BadOption: the suite does not have one of them.
    """
    for name in settings:
        if name not in suite.settings:
            known = ", ".join(suite.settings) or "none"
            raise BadOption("--set", f"{name!r} is not one of {known}")
    every = {**suite.settings, **settings}
    return {name: value for name, value in every.items() if value is not None}


def _selection(
    tasks: Sequence[str] | str | None, seed: int, options: Options, data: str | Path | None
) -> Selection:
    return Selection(
        tasks=tasks if tasks is None or isinstance(tasks, str) else ",".join(tasks),
        split=options.split,
        variant=options.variant,
        data=None if data is None else Path(data),
        file=None if options.file is None else Path(options.file),
        corrections=None if options.corrections is None else Path(options.corrections),
        seed=seed,
        settings=options.settings,
    )
