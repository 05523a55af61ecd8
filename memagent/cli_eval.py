"""`memagent eval`: run an evaluation and print what it measured."""

import difflib
import json
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from memagent.config import Settings, load_settings
from memagent.errors import RunError

if TYPE_CHECKING:
    from memagent.evals.arms import ArmName
    from memagent.evals.babi import Split
    from memagent.evals.runner import Plan, Run
    from memagent.evals.task import Task

NAMES = ("babi",)
RELEASED_TASKS = (1, 2, 11, 12)
"""The bAbI tasks that are run when none are named and the released files are there."""

eval_app = typer.Typer(help="Measure what the memory is worth.", no_args_is_help=True)


@eval_app.callback()
def root() -> None:
    """Measure what the memory is worth."""


@eval_app.command()
def run(
    name: Annotated[str, typer.Argument(help="The evaluation: babi.")],
    tasks: Annotated[str | None, typer.Option(help="Task numbers, as 1,2,11,12.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Questions a task.")] = None,
    arms: Annotated[str, typer.Option(help="Of none, full, memory, oracle.")] = (
        "none,full,memory,oracle"
    ),
    out: Annotated[Path | None, typer.Option(help="Folder of the run.")] = None,
    split: Annotated[str | None, typer.Option(help="test or train.", show_default=False)] = None,
    shots: Annotated[int, typer.Option(min=0, help="Worked examples in every prompt.")] = 3,
    seed: Annotated[int, typer.Option(help="Draws questions and examples.")] = 0,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Stories asked side by side: 4, of a server 64.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="'local' or a URL.", show_default=False)] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Ask a task's questions in every arm; print accuracy, its interval, and the cost."""
    from memagent.evals.babi import Split
    from memagent.evals.runner import Plan, Run

    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.0)[0]
        raise RunError(f"unknown evaluation {name!r}: did you mean {near!r}?")
    if split is not None and split not in get_args(Split):
        raise typer.BadParameter("expected test or train", param_hint="--split")
    settings = load_settings(model=model)
    chosen_arms = _arms(arms)
    loaded = _load(settings, tasks, cast("Split | None", split))
    plan = Plan(
        arms=chosen_arms,
        limit=limit,
        shots=shots,
        seed=seed,
        concurrency=concurrency or (4 if settings.model.startswith("local") else 64),
        model=settings.model,
        embedder=settings.embedder,
    )
    if resume and out is None:
        raise typer.BadParameter("name the run's folder with --out", param_hint="--resume")
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    folder = out or Path("runs") / f"{name}-{stamp}"
    whole = Run(folder, loaded, plan, resume=resume)
    _go(whole, settings)
    _print(whole, plan, as_json)
    if whole.failed:
        first = whole.failed[0]
        raise RunError(
            f"{len(whole.failed)} questions got no answer and are not counted, such as {first.id}"
            f" ({first.error}); --resume asks them again"
        )


def _load(settings: Settings, tasks: str | None, split: "Split | None") -> "list[Task]":
    from memagent.evals import babi
    from memagent.evals.babi_world import GENERATED

    folder = settings.data / "babi" / "en" if settings.data else None
    if folder is not None and not folder.is_dir():
        raise RunError(f"MEMAGENT_DATA is {settings.data}, but there is no folder {folder}")
    numbers: Sequence[int] = RELEASED_TASKS if folder else GENERATED
    if tasks is not None:
        numbers = list(dict.fromkeys(_number(part) for part in tasks.split(",")))
    return [babi.load(folder, number, split) for number in numbers]


def _number(text: str) -> int:
    from memagent.evals.babi import TASKS

    if not text.strip().isdigit() or int(text) not in TASKS:
        raise typer.BadParameter(f"{text!r} is not a task from 1 to 20", param_hint="--tasks")
    return int(text)


def _arms(text: str) -> "tuple[ArmName, ...]":
    from memagent.evals.arms import ARMS

    wanted = list(dict.fromkeys(part.strip() for part in text.split(",")))
    for one in wanted:
        if one not in ARMS:
            raise typer.BadParameter(
                f"{one!r} is not one of {', '.join(ARMS)}", param_hint="--arms"
            )
    return cast("tuple[ArmName, ...]", tuple(wanted))


def _go(whole: "Run", settings: Settings) -> None:
    """Ask what is still to be asked, with a bar on stderr that tells the accuracy so far."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from memagent.embedders import open_embedder
    from memagent.evals.runner import Score
    from memagent.models import chat_of

    todo = sum(len(whole.todo(task, arm)) for task in whole.tasks for arm in whole.plan.arms)
    if not todo:
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        job = bar.add_task("loading the models", total=todo)

        counts: Counter[tuple[str, str, bool]] = Counter(
            (one.task, one.arm, one.correct) for one in whole.scores if not one.error
        )

        def tell(score: Score) -> None:
            counts[score.task, score.arm, score.correct] += not score.error
            right, wrong = (counts[score.task, score.arm, one] for one in (True, False))
            part = right / max(1, right + wrong)
            described = f"{score.task} {score.arm}: {part:.0%} right"
            bar.update(job, advance=1, description=described)

        whole.go(chat_of(settings), open_embedder(settings.embedder), tell)


def _print(whole: "Run", plan: "Plan", as_json: bool) -> None:
    from memagent.evals.report import as_object, as_table, rows

    table = rows(whole.tasks, plan, whole.scores)
    if as_json:
        print(json.dumps(as_object(whole.folder, table)))
        return
    from rich.console import Console

    Console().print(as_table(table))
    print(f"every question: {whole.folder / 'samples.jsonl'}", file=sys.stderr)
