"""`memagent eval`: run an evaluation and print what it measured."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memagent.cli.eval_report import add_to
from memagent.cli.output import Json, print_tables
from memagent.config import Settings, load_settings
from memagent.errors import InvalidInput, RunError

if TYPE_CHECKING:
    from memagent.evals.arm import ArmName
    from memagent.evals.registry import Suite
    from memagent.evals.run.run import Run
    from memagent.evals.run.runner import Progress


def together(one: "Suite", settings: Settings, servers: str | None, workers: str | None) -> int:
    """Return how many stories are asked side by side when nobody says.

    Raises:
        BadParameter: `workers` is neither "ray" nor "ray:4", or is given where no model is asked.
    """
    if workers and not one.model:
        raise typer.BadParameter(f"{one.name} asks no model", param_hint="--workers")
    several = len(_urls(settings, servers))
    if workers:
        several = max(several, _ray_workers(workers) or 1)
    embedded = settings.model.startswith("local") and not servers
    return several * (4 if embedded else 64)


def _urls(settings: Settings, servers: str | None) -> list[str]:
    return [one.strip() for one in servers.split(",")] if servers else [settings.model]


def _ray_workers(workers: str) -> int | None:
    """Read "ray" or "ray:4".

    Raises:
        BadParameter: it is neither.
    """
    kind, _, number = workers.partition(":")
    if kind != "ray" or (number and (not number.isdigit() or int(number) < 1)):
        raise typer.BadParameter(f"{workers!r} is not ray or ray:N", param_hint="--workers")
    return int(number) if number else None


def _asked(
    whole: "Run",
    settings: Settings,
    one: "Suite",
    tell: "Progress",
    servers: str | None,
    workers: str | None,
) -> None:
    """Have the questions asked: in this process, or by workers on a cluster."""
    from memagent.evals.run.runner import ask_all, go
    from memagent.models.open_chat import open_chat, options_of
    from memagent.testing import ScriptedChat

    urls, options = _urls(settings, servers), options_of(settings)
    if workers is None:
        from memagent.embedding.open_embedder import open_embedder

        chats = [open_chat(url, **options) if one.model else ScriptedChat([]) for url in urls]
        go(whole, chats, open_embedder(settings.embedder), tell, one.make)
        return
    from memagent.evals.run.ray import Recipe, ray_crew

    number = _ray_workers(workers) or len(urls)
    recipes = [
        Recipe(
            make=one.make,
            model=urls[place % len(urls)],
            embedder=settings.embedder,
            seed=whole.plan.seed,
            options=options,
        )
        for place in range(number)
    ]
    with ray_crew(recipes, whole.plan.concurrency) as crew:
        ask_all(whole, crew, tell)


def ask(
    whole: "Run", settings: Settings, one: "Suite", servers: str | None, workers: str | None
) -> None:
    """Ask what is still to be asked, with a bar on stderr that tells the accuracy so far."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from memagent.evals.score import Score

    todo = sum(len(whole.todo(task, arm)) for task in whole.tasks for arm in whole.plan.arms)
    todo += len(whole.failed)
    if not todo:
        whole.put_in_order()  # a run that ended at its last answer had not come to it
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
            (score.task, score.arm, score.correct) for score in whole.scores if not score.error
        )

        def tell(score: Score) -> None:
            counts[score.task, score.arm, score.correct] += not score.error
            right, wrong = (counts[score.task, score.arm, way] for way in (True, False))
            part = right / max(1, right + wrong)
            described = f"{score.task} {score.arm}: {part:.0%} right"
            bar.update(job, advance=1, description=described)

        _asked(whole, settings, one, tell, servers, workers)


eval_app = typer.Typer(help="Measure what the memory is worth.", no_args_is_help=True)

add_to(eval_app)


@eval_app.callback()
def root() -> None:
    """Measure what the memory is worth."""


@eval_app.command()
def run(
    name: Annotated[str, typer.Argument(help="The evaluation; `eval list` names them.")],
    tasks: Annotated[str | None, typer.Option(help="Tasks, as 1,2,11,12 or all.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Questions a task.")] = None,
    arms: Annotated[
        str | None,
        typer.Option(
            help="Such as none,full,window:10,memory,oracle; memory+0 is without worked examples."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run.")] = None,
    split: Annotated[str | None, typer.Option(help="test or train.", show_default=False)] = None,
    variant: Annotated[
        str | None, typer.Option(help="Of released files: en, hn or shuffled, or those with -10k.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="A file of your own to ask.")] = None,
    shots: Annotated[
        int, typer.Option(min=0, help="Worked examples in arms that do not say how many.")
    ] = 3,
    seed: Annotated[int, typer.Option(help="Draws questions and examples.")] = 0,
    shuffle: Annotated[bool, typer.Option("--shuffle", help="Ask in a drawn order.")] = False,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Stories asked side by side: 4, of a server 64.")
    ] = None,
    max_failures: Annotated[
        int, typer.Option(min=0, help="End after more questions without an answer.")
    ] = 100,
    model: Annotated[str | None, typer.Option(help="'local' or a URL.", show_default=False)] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A size of this evaluation, such as streams=3."),
    ] = None,
    servers: Annotated[
        str | None, typer.Option(help="URLs of servers of the same model, used side by side.")
    ] = None,
    workers: Annotated[
        str | None,
        typer.Option(help="ray, or ray:4: so many processes on a Ray cluster ask the questions."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    as_json: Json = False,
) -> None:
    """Ask a task's questions in every arm; print accuracy, its interval, and the cost."""
    from memagent.evals.registry import BadOption, Wanted, load, suite
    from memagent.evals.run.plan import Plan
    from memagent.evals.run.run import Run

    one = suite(name)
    settings = load_settings(model=model)
    if resume and out is None:
        raise typer.BadParameter("name the run's folder with --out", param_hint="--resume")
    sizes = _sizes(one, set_ or [])
    usual = together(one, settings, servers, workers)
    wanted = Wanted(
        tasks=tasks,
        split=split,
        variant=variant,
        data=settings.data,
        file=file,
        seed=seed,
        settings=sizes,
    )
    plan = Plan(
        arms=_arms(one, arms, shots),
        limit=limit,
        seed=seed,
        shuffle=shuffle,
        model=settings.model if one.model else "none",
        embedder=settings.embedder,
        concurrency=concurrency or usual,
        max_failures=max_failures,
        settings=_with_defaults(one, sizes),
    )
    try:
        loaded = load(one, wanted)
    except BadOption as error:
        raise typer.BadParameter(str(error), param_hint=error.option) from error
    if edited := [name for task in loaded for name in task.edited]:
        print(f"not as released: {', '.join(edited)}", file=sys.stderr)
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    folder = out or Path("runs") / f"{name}-{stamp}"
    whole = Run(folder, loaded, plan, resume=resume, suite=name, chosen=wanted.chosen())
    try:
        ask(whole, settings, one, servers, workers)
    except KeyboardInterrupt:
        kept = f"{len(whole.scores)} answers are kept in {folder}, go on with --resume"
        print(f"memagent: stopped: {kept}", file=sys.stderr)
        raise
    _print(whole, one, as_json)
    if whole.failed:
        first = whole.failed[0]
        raise RunError(
            f"{len(whole.failed)} questions got no answer and are not counted, such as {first.id}"
            f" ({first.error}); --resume asks them again"
        )


@eval_app.command("list")
def list_(as_json: Json = False) -> None:
    """Name every evaluation, its tasks, its arms, and the sizes that --set takes."""
    from memagent.evals.registry import suites

    every = suites().values()
    if as_json:
        rows = [
            {
                "evaluation": one.name,
                "task": task.name,
                "about": task.about,
                "arms": [*one.arms],
                "settings": dict(one.settings),
            }
            for one in every
            for task in one.members
        ]
        print(json.dumps(rows))
        return
    for one in every:
        print(f"{one.name}  {one.about}")
        widest = max((len(task.name) for task in one.members), default=0)
        for task in one.members:
            print(f"  {task.name:<{widest}}  {task.about}")
        print(f"  arms: {', '.join(one.arms)}")
        if one.settings:
            print(f"  --set: {', '.join(map(_size, one.settings.items()))}")


@eval_app.command("migrate")
def migrate_(folder: Annotated[Path, typer.Argument(help="Folder of a run.")]) -> None:
    """Bring a run of an older version to this one's format."""
    from memagent.evals.run.manifest import migrate

    print("migrated" if migrate(folder) else "nothing to do")


def _size(setting: tuple[str, float | None]) -> str:
    name, value = setting
    return name if value is None else f"{name}={value:g}"


def _arms(one: "Suite", text: str | None, shots: int) -> "tuple[ArmName, ...]":
    """Read the arms, each once.

    Raises:
        BadParameter: one of them is none of the evaluation's.
    """
    from memagent.evals.arm import ArmName

    parts: Sequence[str] = one.default if text is None else text.split(",")
    try:
        names = [ArmName.parse(part, shots) for part in parts]
    except InvalidInput as error:
        raise typer.BadParameter(str(error), param_hint="--arms") from error
    for arm in names:
        if arm.kind not in one.arms:
            raise typer.BadParameter(
                f"{arm.kind!r} is not one of {', '.join(one.arms)}", param_hint="--arms"
            )
    return tuple(dict.fromkeys(names))


def _with_defaults(one: "Suite", sizes: dict[str, float]) -> dict[str, float]:
    """Return the sizes of a run, with the evaluation's own where none was named."""
    every = {**one.settings, **sizes}
    return {name: value for name, value in every.items() if value is not None}


def _sizes(one: "Suite", texts: Sequence[str]) -> dict[str, float]:
    """Read "name=number", each one of the evaluation's settings.

    Raises:
        BadParameter: it has no such setting, or the value is no number.
    """
    sizes = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            sizes[name] = float(value)
        except ValueError as error:
            raise typer.BadParameter(
                f"{text!r}: expected name=number", param_hint="--set"
            ) from error
        if name not in one.settings:
            known = ", ".join(one.settings) or "none"
            raise typer.BadParameter(f"{name!r} is not one of {known}", param_hint="--set")
    return sizes


def _print(whole: "Run", one: "Suite", as_json: bool) -> None:
    from memagent.evals.report.measures import as_tables as more_tables
    from memagent.evals.report.measures import measured
    from memagent.evals.report.tables import as_object, as_tables, rows

    table = rows(whole.tasks, whole.plan.arms, whole.scores)
    more = measured(one, whole.folder, whole.tasks, whole.plan.arms, whole.scores)
    if as_json:
        print(json.dumps(as_object(whole.folder, table, more)))
        return
    print_tables([*as_tables(table), *more_tables(more)])
    print(f"every question: {whole.folder / 'samples.jsonl'}", file=sys.stderr)
