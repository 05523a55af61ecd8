"""`memagent eval judge` and `leniency`, and the judging that `eval run --judge` ends with."""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memagent.cli.options import Json, settings_of
from memagent.cli.output import print_tables
from memagent.terminal import say

if TYPE_CHECKING:
    from memagent.evals.judge.judge import ModelJudge
    from memagent.evals.judge.leniency import LabelledAnswer
    from memagent.evals.judge.round import Progress
    from memagent.evals.judging import Judged
    from memagent.evals.suite import Tables

LIMIT = 100
"""Number of wrong answers that a judge is measured on."""
Rounds = Callable[[str], "Progress"]
"""The name of a round of judging in; what is called after each of its verdicts out."""
WrongFile = Annotated[
    Path | None,
    typer.Option(
        help="Answers that are wrong on purpose, as JSON; else those to generated questions.",
        show_default=False,
    ),
]
Concurrency = Annotated[
    int | None, typer.Option(min=1, help="Answers judged side by side: 4, by a server 64.")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands to `memagent eval`."""
    app.command("judge")(judge_)
    app.command("leniency")(leniency_)


def judge_(
    folder: Annotated[Path, typer.Argument(help="Folder of a run.")],
    model: Annotated[str, typer.Option(help="The judge: 'local', 'local:<GGUF path>' or a URL.")],
    leniency: WrongFile = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Judge the answers to so many questions a task.")
    ] = None,
    concurrency: Concurrency = None,
    variant: Annotated[
        str | None, typer.Option(help="The released files that were asked from.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="The file that the run was asked from.")] = None,
    as_json: Json = False,
) -> None:
    """Judge a run's kept answers by a model, whose leniency is measured first.

    Verdicts that are kept are not asked for again, those that could not be read are.
    """
    judged = judge_folder(
        folder,
        model,
        leniency=leniency,
        limit=limit,
        concurrency=concurrency,
        variant=variant,
        file=file,
    )
    tables = {name: judged.tables.get(name, []) for name in ("judged", "leniency")}
    if as_json:
        counts = {"unreadable": judged.unreadable, "without": judged.without}
        say(json.dumps({"run": str(folder), **counts, **tables}))
    else:
        _print(tables)


def leniency_(
    judge: Annotated[str, typer.Option(help="The judge: 'local', 'local:<GGUF path>' or a URL.")],
    file: WrongFile = None,
    limit: Annotated[
        int, typer.Option(min=1, help="Wrong answers, drawn: of a file, or for each rubric.")
    ] = LIMIT,
    concurrency: Concurrency = None,
    as_json: Json = False,
) -> None:
    """Measure how many wrong answers a judge accepts, and how many right ones."""
    from memagent.evals.judge.leniency import measure

    answers = _from_file(file, limit) if file else _generated(limit)
    opened, number = _open(judge, concurrency)
    with _bars() as rounds:
        found = measure(opened, answers, concurrency=number, progress=rounds("leniency"))
    tables = {"leniency": [row.row() for row in found]}
    if as_json:
        say(json.dumps(tables))
    else:
        _print(tables)


def judge_folder(
    folder: Path,
    spec: str,
    *,
    leniency: Path | None = None,
    limit: int | None = None,
    concurrency: int | None = None,
    variant: str | None = None,
    file: Path | None = None,
) -> "Judged":
    """Judge the answers of a run's folder, and say on stderr what could not be judged.

    Raises:
        RunError: as `judge_run`.
        InvalidInput: the file of wrong answers is malformed.
        ModelUnavailable: the judge cannot be reached.
    """
    from memagent.evals.judging import judge_run
    from memagent.evals.registry import find_suite
    from memagent.evals.runs.saved import open_saved

    run = open_saved(folder)
    suite = find_suite(run.suite)
    number = min(LIMIT, limit or LIMIT)
    labelled = [*(_from_file(leniency, number) if leniency else []), *_generated(number)]
    judge, side_by_side = _open(spec, concurrency)
    with _bars() as rounds:
        judged = judge_run(
            run,
            suite,
            run.selection(data=settings_of().data, variant=variant, file=file),
            judge,
            labelled=labelled,
            limit=limit,
            concurrency=side_by_side,
            progress=rounds,
        )
    if judged.without:
        say(f"{judged.without} answers have nothing to judge them by", err=True)
    if judged.unreadable:
        say(
            f"{judged.unreadable} verdicts cannot be read and count nowhere: `memagent eval judge"
            f" {folder} --model {spec}` asks for them again",
            err=True,
        )
    return judged


def _from_file(path: Path, limit: int) -> "list[LabelledAnswer]":
    from memagent.evals.judge.leniency import read_wrong_answers

    answers = read_wrong_answers(path)
    return random.Random(0).sample(answers, min(limit, len(answers)))


def _generated(limit: int) -> "list[LabelledAnswer]":
    from memagent.evals.tasks.conversations.labelled import generated_answers

    return generated_answers(limit)


def _open(spec: str, concurrency: int | None) -> "tuple[ModelJudge, int]":
    """Return the judge of a name or URL, and how many answers are judged side by side."""
    from memagent.evals.judge.judge import open_judge
    from memagent.evals.runs.pool import EMBEDDED_CONCURRENCY, SERVER_CONCURRENCY

    embedded = spec.strip().startswith("local")
    default = EMBEDDED_CONCURRENCY if embedded else SERVER_CONCURRENCY
    return open_judge(spec, settings_of()), concurrency or default


@contextmanager
def _bars() -> Iterator[Rounds]:
    """Show a bar on stderr for each round of judging, which goes with the block."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    console = Console(stderr=True)
    shown = console.is_terminal
    with Bar(*columns, console=console, transient=True, disable=not shown) as bar:

        def rounds(name: str) -> "Progress":
            job = bar.add_task(f"judging: {name}", total=None)

            def judged(left: int) -> None:
                done = bar.tasks[job].completed + 1
                bar.update(job, completed=done, total=done + left)

            return judged

        yield rounds


def _print(found: "Tables") -> None:
    from memagent.evals.report import measures

    print_tables(measures.as_tables({name: rows for name, rows in found.items() if rows}))
