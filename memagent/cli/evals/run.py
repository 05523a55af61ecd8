"""`memagent eval`: run an evaluation and print what it measured."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memagent.cli.evals.judge import add_to as add_judge_commands
from memagent.cli.evals.judge import judge_folder
from memagent.cli.evals.report import add_to as add_report_commands
from memagent.cli.options import Json
from memagent.cli.output import print_tables
from memagent.errors import RunError
from memagent.terminal import say

if TYPE_CHECKING:
    from rich.progress import Progress

    from memagent.evals import Batch, Result
    from memagent.evals.runs.run import Run
    from memagent.evals.score import Score


class ProgressBar:
    """Bar on stderr that shows how many questions are answered, and the score so far."""

    def __init__(self) -> None:
        self.run: Run | None = None
        self._bar: Progress | None = None
        self._sums: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._counts: Counter[tuple[str, str]] = Counter()

    def start(self, run: "Run") -> None:
        """Show the bar, unless nothing is left to ask."""
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self.close()
        self.run = run
        if edited := [name for task in run.tasks for name in task.edited]:
            say(f"not as released: {', '.join(edited)}", err=True)
        for note in filter(None, (task.left_out_note() for task in run.tasks)):
            say(note, err=True)
        if not (remaining := run.remaining()):
            return
        for score in run.scores:
            self._count(score)
        self._bar = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._job = self._bar.add_task("loading the models", total=remaining)
        self._bar.start()

    def answered(self, score: "Score") -> None:
        """Advance the bar by one question."""
        if self._bar is None or self.run is None:
            return
        self._count(score)
        key = (score.task, score.arm)
        mean = self._sums[key] / max(1, self._counts[key])
        description = f"{score.task} {score.arm}: {mean:.0%} {self.run.headline.label}"
        self._bar.update(self._job, advance=1, description=description)

    def _count(self, score: "Score") -> None:
        if self.run is not None and not score.error:
            self._sums[score.task, score.arm] += self.run.headline.of(score)
            self._counts[score.task, score.arm] += 1

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


@contextmanager
def asking(bar: ProgressBar, tasks: str = "--tasks") -> Iterator[None]:
    """Close the bar at the end; say which option is wrong, and what is kept where the user stops.

    `tasks` is what the command calls the option that names tasks.
    """
    from memagent.evals.suite import BadOption

    try:
        yield
    except BadOption as error:
        option = tasks if error.option == "--tasks" else error.option
        raise typer.BadParameter(str(error), param_hint=option) from error
    except KeyboardInterrupt:
        if bar.run is None:
            raise
        kept = f"{len(bar.run.scores)} answers are kept in {bar.run.folder}"
        say(f"memagent: stopped: {kept}, go on with --resume", err=True)
        raise typer.Exit(130) from None
    finally:
        bar.close()


eval_app = typer.Typer(
    help="Run evaluations, and compare and report what they measured.", no_args_is_help=True
)


@eval_app.callback()
def root() -> None:
    """Run evaluations, and compare and report what they measured."""


@eval_app.command()
def run(
    name: Annotated[
        str, typer.Argument(help="The evaluation, or several as babi,squad; `eval list` has them.")
    ],
    tasks: Annotated[str | None, typer.Option(help="Tasks, as 1,2,11,12 or all.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Questions a task.")] = None,
    arms: Annotated[
        str | None,
        typer.Option(
            help="Such as none,full,window:10,memory,oracle; memory+0 is without few-shot examples."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run.")] = None,
    split: Annotated[str | None, typer.Option(help="test or train.", show_default=False)] = None,
    variant: Annotated[
        str | None,
        typer.Option(
            help="Of released files, such as hn-10k (babi), 100K (beam) or lower (notes)."
        ),
    ] = None,
    file: Annotated[Path | None, typer.Option(help="A file or folder of your own to ask.")] = None,
    corrections: Annotated[
        Path | None, typer.Option(help="A file of corrected labels, of LoCoMo's questions.")
    ] = None,
    shots: Annotated[
        int, typer.Option(min=0, help="Few-shot examples in arms that do not say how many.")
    ] = 3,
    seed: Annotated[int, typer.Option(help="Draws questions and examples.")] = 0,
    shuffle: Annotated[bool, typer.Option("--shuffle", help="Ask in a drawn order.")] = False,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Stories asked side by side: 4, of a server 64.")
    ] = None,
    max_failures: Annotated[
        int, typer.Option(min=0, help="End the run after more questions without an answer.")
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
        typer.Option(help="ray, or ray:4 for four processes of a Ray cluster."),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(help="Judge the answers by this model after the run: 'local' or a URL."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    as_json: Json = False,
) -> None:
    """Ask a task's questions in every arm; print the score, its interval, and the cost."""
    from memagent import evals
    from memagent.evals.suite import BadOption

    bar = ProgressBar()
    names = [part.strip() for part in name.split(",") if part.strip()]
    options = evals.Options(
        split=split,
        variant=variant,
        file=file,
        corrections=corrections,
        settings=_settings(set_ or []),
        shots=shots,
        shuffle=shuffle,
        concurrency=concurrency,
        max_failures=max_failures,
        servers=[url.strip() for url in servers.split(",")] if servers else (),
        workers=workers,
    )
    rest: dict[str, Any] = {"limit": limit, "seed": seed, "out": out, "resume": resume}
    rest |= {"options": options, "progress": bar}
    batch: Batch | None = None
    with asking(bar):
        if len(names) > 1:
            if tasks is not None:
                raise BadOption("--tasks", "means something to one evaluation only")
            if judge is not None:
                raise BadOption("--judge", "judges one evaluation: `eval judge` judges each folder")
            batch = evals.run_all(names, arms, model, **rest)
        else:
            result = evals.run(names[0] if names else name, arms, model, tasks=tasks, **rest)
    if batch is not None:
        _print_batch(batch, as_json)
        return
    if judge is not None:
        result = replace(result, tables=judge_folder(result.folder, judge, limit=limit).tables)
    _print(result, as_json)
    if result.failed:
        first = result.failed[0]
        raise RunError(
            f"{len(result.failed)} questions got no answer and are not counted, such as {first.id}"
            f" ({first.error}); --resume asks them again"
        )


@eval_app.command("list")
def list_(as_json: Json = False) -> None:
    """List every evaluation, its tasks, its arms, and the sizes that --set takes."""
    from memagent.evals.registry import all_suites

    suites = all_suites().values()
    if as_json:
        rows = [
            {
                "evaluation": suite.name,
                "task": task.name,
                "about": task.about,
                "arms": [*suite.arms],
                "settings": dict(suite.settings),
            }
            for suite in suites
            for task in suite.members
        ]
        say(json.dumps(rows))
        return
    for suite in suites:
        say(f"{suite.name}  {suite.about}")
        widest = max((len(task.name) for task in suite.members), default=0)
        for task in suite.members:
            say(f"  {task.name:<{widest}}  {task.about}")
        say(f"  arms: {', '.join(suite.arms)}")
        if suite.settings:
            say(f"  --set: {', '.join(map(_setting, suite.settings.items()))}")


@eval_app.command("migrate")
def migrate_(folder: Annotated[Path, typer.Argument(help="Folder of a run.")]) -> None:
    """Bring a run of an older version to this one's format."""
    from memagent.evals.runs.manifest import migrate

    say("migrated" if migrate(folder) else "nothing to do")


def _setting(setting: tuple[str, float | None]) -> str:
    name, value = setting
    return name if value is None else f"{name}={value:g}"


def _settings(texts: Sequence[str]) -> dict[str, float]:
    """Read settings, each as "name=number".

    Raises:
        BadParameter: it is none.
    """
    settings = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            settings[name] = float(value)
        except ValueError as error:
            raise typer.BadParameter(
                f"{text!r}: expected name=number", param_hint="--set"
            ) from error
    return settings


def _print(result: "Result", as_json: bool) -> None:
    from memagent.evals.report import measures, tables

    if as_json:
        say(json.dumps(result.to_dict()))
        return
    print_tables([*tables.as_tables(result.rows), *measures.as_tables(result.tables)])
    say(f"every question: {result.folder / 'samples.jsonl'}", err=True)


def _print_batch(batch: "Batch", as_json: bool) -> None:
    """Print the rows of a batch.

    Raises:
        RunError: a suite did not come to its end, or questions got no answer.
    """
    from memagent.evals.report import summary, tables

    found = batch.summary
    if as_json:
        say(json.dumps(found.to_dict()))
    else:
        print_tables(tables.as_tables(found.rows))
        say(f"every evaluation: {found.folder / summary.PAGE_FILE}", err=True)
    if found.problems:
        reasons = "; ".join(f"{suite}: {problem}" for suite, problem in found.problems.items())
        count = f"{len(found.problems)} of {len(found.parts)}"
        raise RunError(f"{count} evaluations did not come to their end: {reasons}")


add_report_commands(eval_app)
add_judge_commands(eval_app)
