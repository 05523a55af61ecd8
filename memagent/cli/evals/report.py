"""`memagent eval report`, `compare`, `rescore` and `permutation`, and `memagent data`."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memagent.cli.options import Json, settings_of
from memagent.cli.output import print_tables
from memagent.errors import InvalidInput, RunError
from memagent.evals.tasks import data_files
from memagent.files import write_atomic
from memagent.terminal import say, say_text

if TYPE_CHECKING:
    from rich.table import Table

    from memagent.evals.arm import ArmName
    from memagent.evals.report.comparison import Changed, Comparison
    from memagent.evals.report.permutation import PermutationTest
    from memagent.evals.runs.saved import SavedRun
    from memagent.evals.suite import Suite


data_app = typer.Typer(
    help="List and fetch the files that evaluations ask from.", no_args_is_help=True
)


@data_app.command("list")
def list_files(as_json: Json = False) -> None:
    """List the files that can be fetched, and those in the data folder."""
    folder = settings_of().data
    every = [
        (name, file, data_files.held(folder, name, file))
        for name, files in data_files.ALL.items()
        for file in files
    ]
    if as_json:
        rows = [
            {
                "data": name,
                "file": file.name,
                "lines": file.lines,
                "url": file.url,
                "path": None if path is None else str(path),
                "bytes": None if path is None else path.stat().st_size,
            }
            for name, file, path in every
        ]
        say(json.dumps(rows))
        return
    for name, file, path in every:
        lines = f"{file.lines:,} lines" if file.lines else ""
        size = "" if path is None else f"{path.stat().st_size / 1e6:,.1f} MB"
        say(f"{name}/{file.name:34}  {lines:16}  {size:>12}  {path or 'not here'}")


@data_app.command()
def pull(
    name: Annotated[str, typer.Argument(help="Which data; `data list` names them.")],
    origin: Annotated[
        str | None, typer.Option("--from", help="URL of a folder that holds the files.")
    ] = None,
    only: Annotated[
        str | None, typer.Option(help="Only these files, by commas, such as all of one year.")
    ] = None,
) -> None:
    """Fetch data into $MEMAGENT_DATA; what is there already is not fetched, only checked.

    A download that was cut off goes on where it stopped.
    """
    folder = settings_of().data
    if folder is None:
        raise RunError("where to? set MEMAGENT_DATA to a folder")
    if name not in data_files.ALL:
        raise InvalidInput(f"unknown data {name!r}: there is {', '.join(data_files.ALL)}")
    names = None if only is None else [part.strip() for part in only.split(",")]
    for file in data_files.chosen(name, names):
        pulled = data_files.pull(folder, name, file, origin)
        size = f"{pulled.bytes / 1e6:,.1f} MB, {pulled.lines:,} lines"
        say(f"{file.name}  {size}, SHA-256 {pulled.sha256}", flush=True)
    every = data_files.ALL[name]
    if missing := sum(data_files.held(folder, name, file) is None for file in every):
        say(
            f"{missing} of {len(every)} files are not here (`memagent data list`): `memagent data"
            f" recipe {name}` says how to get what is served elsewhere",
            err=True,
        )


@data_app.command()
def recipe(
    name: Annotated[str, typer.Argument(help="Which data; `data list` names them.")],
) -> None:
    """Print how to get data by hand, as where there is no network, and where to put it."""
    if name not in data_files.RECIPES:
        raise InvalidInput(f"unknown data {name!r}: there is {', '.join(data_files.RECIPES)}")
    folder = settings_of().data
    where = "$MEMAGENT_DATA" if folder is None else str(folder)
    say_text(data_files.RECIPES[name].format(folder=f"{where}/{name}"), end="")


Folder = Annotated[Path, typer.Argument(help="Folder of a run.")]
Variant = Annotated[str | None, typer.Option(help="The released files that were asked from.")]
RunFile = Annotated[Path | None, typer.Option(help="The file that the run was asked from.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to `memagent eval`."""
    app.command()(report)
    app.command()(compare)
    app.command("rescore")(rescore_)
    app.command()(permutation)


def report(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option(help="The page; report.html in the run's folder.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the rows as CSV; no page.")] = None,
    as_json: Json = False,
) -> None:
    """Write a run as one HTML page, or its rows as JSON or CSV; of a batch its summary."""
    from memagent.evals.report.summary import is_batch, open_summary
    from memagent.evals.report.tables import as_object, rows
    from memagent.evals.runs.saved import open_saved

    write_whole = bool(out) or not (csv or as_json)
    if is_batch(folder):
        summary = open_summary(folder)
        _print_rows(summary.rows, summary.to_dict(), csv, as_json)
        if write_whole:
            say(summary.write(out), err=as_json)
        return
    run = open_saved(folder)
    if csv or as_json:
        table = rows(run.tasks, run.arms, run.scores, run.headline)
        _print_rows(table, as_object(folder, table, run.measures), csv, as_json)
    if write_whole:
        from memagent.evals.report.html import write_page

        page = out or folder / "report.html"
        write_page(run, page, _suite_of(run))
        say(page, err=as_json)


def _print_rows(
    table: "Sequence[dict[str, Any]]", whole: "dict[str, Any]", csv: Path | None, as_json: bool
) -> None:
    """Write rows as CSV, and print the whole as JSON, whichever is asked for."""
    from memagent.evals.report.tables import as_csv

    if csv:
        try:
            write_atomic(csv, as_csv(table).encode("utf-8", "replace"))
        except OSError as error:
            raise RunError(f"cannot write {csv}: {error.strerror}") from error
    if as_json:
        say(json.dumps(whole))


def _suite_of(run: "SavedRun") -> "Suite | None":
    """Return the suite of a run; None, which is said on stderr, where it is not installed."""
    from memagent.evals.registry import find_suite

    try:
        return find_suite(run.suite)
    except RunError as error:
        say(f"memagent: no references and drawings of the suite: {error}", err=True)
        return None


def compare(
    first: Folder,
    second: Annotated[
        Path | None, typer.Argument(help="Folder of another run.", show_default=False)
    ] = None,
    arms: Annotated[
        str | None, typer.Option(help="Two arms, as full,memory: the first run's, the second's.")
    ] = None,
    changed: Annotated[int, typer.Option(min=0, help="Show so many changed questions.")] = 20,
    as_json: Json = False,
) -> None:
    """Compare two runs or arms on the questions both answered; list those that changed sides."""
    from memagent.evals.report.comparison import between, same_arms
    from memagent.evals.runs.saved import open_saved

    if second is None and arms is None:
        raise typer.BadParameter("name a second run, or two arms of this one", param_hint="--arms")
    left = open_saved(first)
    right = left if second is None else open_saved(second)
    pairs = same_arms(left, right) if arms is None else [_two(arms, left, right)]
    comparisons = between(left, right, pairs)
    if as_json:
        runs = {"first": str(first), "second": str(second or first)}
        say(json.dumps(runs | {"comparisons": [asdict(row) for row in comparisons]}))
        return
    _print(comparisons, changed)


def rescore_(
    folder: Folder, variant: Variant = None, file: RunFile = None, as_json: Json = False
) -> None:
    """Grade a run's kept answers again, without a model; say how many changed."""
    from memagent.evals.registry import find_suite
    from memagent.evals.report.rescore import rescore
    from memagent.evals.runs.saved import open_saved

    run = open_saved(folder)
    selection = run.selection(data=settings_of().data, variant=variant, file=file)
    outcome = rescore(run, find_suite(run.suite), selection)
    now_right = sum(item.after.correct and not item.before.correct for item in outcome.changed)
    now_wrong = sum(item.before.correct and not item.after.correct for item in outcome.changed)
    if as_json:
        counts = {"graded": outcome.graded, "changed": len(outcome.changed)}
        say(json.dumps(counts | {"now_right": now_right, "now_wrong": now_wrong}))
        return
    say(
        f"{outcome.graded} answers graded again, {len(outcome.changed)} changed:"
        f" {now_right} are right now, {now_wrong} wrong"
    )


def permutation(
    folder: Folder,
    arms: Annotated[str, typer.Option(help="Arms to test, with commas between them.")] = "wrong",
    variant: Variant = None,
    file: RunFile = None,
    as_json: Json = False,
) -> None:
    """Test whether an arm's answers score better than the same answers permuted."""
    from memagent.evals.registry import find_suite
    from memagent.evals.report.permutation import permutation_tests
    from memagent.evals.runs.saved import open_saved

    run = open_saved(folder)
    selection = run.selection(data=settings_of().data, variant=variant, file=file)
    names = [str(run.arm(name)) for name in arms.split(",")]
    suite = find_suite(run.suite)
    tests = [test for name in names for test in permutation_tests(run, suite, selection, name)]
    if as_json:
        say(json.dumps({"run": str(folder), "permutation": [asdict(test) for test in tests]}))
        return
    print_tables([_permutation_table(tests)])


def _two(arms: str, first: "SavedRun", second: "SavedRun") -> "tuple[ArmName, ArmName]":
    names = arms.split(",")
    if len(names) != 2:
        raise typer.BadParameter("expected two arms, as full,memory", param_hint="--arms")
    return first.arm(names[0]), second.arm(names[1])


def _print(comparisons: "Sequence[Comparison]", shown: int) -> None:
    pairs = dict.fromkeys((comparison.first, comparison.second) for comparison in comparisons)
    print_tables(
        _table(
            pair,
            [
                comparison
                for comparison in comparisons
                if (comparison.first, comparison.second) == pair
            ],
        )
        for pair in pairs
    )
    changed = [(comparison, what) for comparison in comparisons for what in comparison.changed]
    for comparison, what in changed[:shown]:
        say(_line(comparison, what))
    if len(changed) > shown:
        say(f"{len(changed) - shown} more changed: --changed {len(changed)} or --json shows all")


def _table(pair: tuple[str, str], comparisons: "Sequence[Comparison]") -> "Table":
    from rich.table import Table

    names = {"McNemar": "McNemar's exact test", "permutation": "permutation test (flipped signs)"}
    tests = " or ".join(dict.fromkeys(names[comparison.test] for comparison in comparisons))
    table = Table(
        title=f"1: {pair[0]}, 2: {pair[1]}",
        caption="points: second minus first, with their 95% bootstrap interval; better: questions"
        f" that one did better; p: {tests}; Holm: corrected for all tasks",
    )
    table.add_column("task", no_wrap=True)
    label = comparisons[0].headline
    for name in ("n", f"{label} 1", "2", "points", "95% CI", "better 1", "2", "p", "Holm"):
        table.add_column(name, justify="right", no_wrap=True)
    for comparison in comparisons:
        table.add_row(
            comparison.task,
            str(comparison.n),
            f"{comparison.first_score:.0%}",
            f"{comparison.second_score:.0%}",
            *_difference(comparison),
            str(comparison.only_first),
            str(comparison.only_second),
            f"{comparison.p:.2g}",
            f"{comparison.holm:.2g}",
        )
    return table


def _permutation_table(tests: "Sequence[PermutationTest]") -> "Table":
    from rich.table import Table

    table = Table(caption="permuted: the same answers permuted among the task's questions")
    for name in ("task", "arm"):
        table.add_column(name, no_wrap=True)
    for name in ("n", tests[0].headline if tests else "score", "permuted", "95% of them", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    for test in tests:
        interval = f"{100 * test.low:.0f} to {100 * test.high:.0f}%"
        shares = f"{100 * test.score:.1f}%", f"{100 * test.expected:.1f}%"
        table.add_row(test.task, test.arm, str(test.n), *shares, interval, f"{test.p:.2g}")
    return table


def _difference(comparison: "Comparison") -> tuple[str, str]:
    """Return the difference in points, and its interval, each empty where there is none."""
    value, low, high = (
        comparison.difference.value,
        comparison.difference.low,
        comparison.difference.high,
    )
    return (
        "" if value is None else f"{100 * value:+.0f}",
        "" if low is None or high is None else f"{100 * low:+.0f} to {100 * high:+.0f}",
    )


def _line(comparison: "Comparison", what: "Changed") -> str:
    side = "gained" if what.better == "second" else "lost"
    return (
        f"{side}  {what.id}  {what.question}  gold {', '.join(what.gold)!r}:"
        f" {comparison.first} {what.first!r}, {comparison.second} {what.second!r}"
    )
