"""`memagent eval report`, `compare`, `rescore` and `luck`: what kept runs tell without a model."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memagent.cli.output import Json, print_tables
from memagent.config import load_settings
from memagent.errors import InvalidInput, RunError

if TYPE_CHECKING:
    from rich.table import Table

    from memagent.evals.arm import ArmName
    from memagent.evals.registry import Wanted
    from memagent.evals.report.comparison import Changed, Comparison
    from memagent.evals.report.permutation import Luck
    from memagent.evals.run.saved import SavedRun


data_app = typer.Typer(help="The files that evaluations ask from.", no_args_is_help=True)


@data_app.callback()
def root() -> None:
    """Fetch the files that evaluations ask from."""


@data_app.command("list")
def list_files(as_json: Json = False) -> None:
    """Print which files can be fetched, and which are in the data folder."""
    from memagent.evals.tasks import data_files

    folder = load_settings().data
    every = [
        (name, one, data_files.held(folder, name, one))
        for name, files in data_files.ALL.items()
        for one in files
    ]
    if as_json:
        rows = [
            {
                "data": name,
                "file": one.name,
                "lines": one.lines,
                "url": one.url,
                "path": None if path is None else str(path),
                "bytes": None if path is None else path.stat().st_size,
            }
            for name, one, path in every
        ]
        print(json.dumps(rows))
        return
    for name, one, path in every:
        lines = f"{one.lines:,} lines" if one.lines else ""
        size = "" if path is None else f"{path.stat().st_size / 1e6:,.1f} MB"
        print(f"{name}/{one.name:34}  {lines:16}  {size:>12}  {path or 'not here'}")


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
    from memagent.evals.tasks import data_files

    folder = load_settings().data
    if folder is None:
        raise RunError("where to? set MEMAGENT_DATA to a folder")
    if name not in data_files.ALL:
        raise InvalidInput(f"unknown data {name!r}: there is {', '.join(data_files.ALL)}")
    wanted = None if only is None else [one.strip() for one in only.split(",")]
    for one in data_files.chosen(name, wanted):
        pulled = data_files.pull(folder, name, one, origin)
        size = f"{pulled.bytes / 1e6:,.1f} MB, {pulled.lines:,} lines"
        print(f"{one.name}  {size}, SHA-256 {pulled.sha256}", flush=True)
    every = data_files.ALL[name]
    if missing := sum(data_files.held(folder, name, one) is None for one in every):
        print(
            f"{missing} of {len(every)} files are not here (`memagent data list`): `memagent data"
            f" recipe {name}` tells how to get what is served apart",
            file=sys.stderr,
        )


@data_app.command()
def recipe(
    name: Annotated[str, typer.Argument(help="Which data; `data list` names them.")],
) -> None:
    """Print how to get data by hand, as where there is no network, and where to put it."""
    from memagent.evals.tasks import data_files

    if name not in data_files.RECIPES:
        raise InvalidInput(f"unknown data {name!r}: there is {', '.join(data_files.RECIPES)}")
    folder = load_settings().data
    where = "$MEMAGENT_DATA" if folder is None else str(folder)
    print(data_files.RECIPES[name].format(folder=f"{where}/{name}"), end="")


Folder = Annotated[Path, typer.Argument(help="Folder of a run.")]
Variant = Annotated[str | None, typer.Option(help="The released files it was asked from.")]
AskedFile = Annotated[Path | None, typer.Option(help="The file it was asked from.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to `memagent eval`."""
    app.command()(report)
    app.command()(compare)
    app.command("rescore")(rescore_)
    app.command("luck")(luck_)


def report(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option(help="The page; report.html in the run's folder.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the rows as CSV; no page.")] = None,
    as_json: Json = False,
) -> None:
    """Write a run as one HTML page, or its rows as JSON or CSV."""
    from memagent.evals.report.tables import as_csv, as_object, rows
    from memagent.evals.run.saved import open_saved

    run = open_saved(folder)
    if csv or as_json:
        table = rows(run.tasks, run.arms, run.scores)
        if csv:
            try:
                csv.write_text(as_csv(table), encoding="utf-8")
            except OSError as error:
                raise RunError(f"cannot write {csv}: {error.strerror}") from error
        if as_json:
            print(json.dumps(as_object(folder, table, run.measures)))
    if out or not (csv or as_json):
        from memagent.evals.report.html import write_page

        page = out or folder / "report.html"
        write_page(run, page)
        print(page, file=sys.stderr if as_json else sys.stdout)


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
    """Compare two runs, or two arms, on the questions both answered; tell which changed sides."""
    from memagent.evals.report.comparison import between, same_arms
    from memagent.evals.run.saved import open_saved

    if second is None and arms is None:
        raise typer.BadParameter("name a second run, or two arms of this one", param_hint="--arms")
    one = open_saved(first)
    two = one if second is None else open_saved(second)
    found = between(one, two, same_arms(one, two) if arms is None else [_two(arms, one, two)])
    if as_json:
        runs = {"first": str(first), "second": str(second or first)}
        print(json.dumps(runs | {"comparisons": [asdict(row) for row in found]}))
        return
    _print(found, changed)


def rescore_(
    folder: Folder, variant: Variant = None, file: AskedFile = None, as_json: Json = False
) -> None:
    """Grade a run's kept answers again, without a model; say how many changed."""
    from memagent.evals.registry import suite
    from memagent.evals.report.rescore import rescore
    from memagent.evals.run.saved import open_saved

    run = open_saved(folder)
    outcome = rescore(run, suite(run.suite), _wanted(run, variant, file))
    now_right = sum(one.after.correct and not one.before.correct for one in outcome.changed)
    now_wrong = sum(one.before.correct and not one.after.correct for one in outcome.changed)
    if as_json:
        told = {"graded": outcome.graded, "changed": len(outcome.changed)}
        print(json.dumps(told | {"now_right": now_right, "now_wrong": now_wrong}))
        return
    print(
        f"{outcome.graded} answers graded again, {len(outcome.changed)} changed:"
        f" {now_right} are right now, {now_wrong} wrong"
    )


def luck_(
    folder: Folder,
    arms: Annotated[str, typer.Option(help="Whose answers.")] = "wrong",
    variant: Variant = None,
    file: AskedFile = None,
    as_json: Json = False,
) -> None:
    """Tell how often an arm's answers would be right for other questions of the same task."""
    from memagent.evals.registry import suite
    from memagent.evals.report.permutation import luck
    from memagent.evals.run.saved import open_saved

    run = open_saved(folder)
    wanted = _wanted(run, variant, file)
    names = [str(run.arm(name)) for name in arms.split(",")]
    found = [one for name in names for one in luck(run, suite(run.suite), wanted, name)]
    if as_json:
        print(json.dumps({"run": str(folder), "luck": [asdict(one) for one in found]}))
        return
    print_tables([_dealt(found)])


def _wanted(run: "SavedRun", variant: str | None, file: Path | None) -> "Wanted":
    """Return what to load to have the data of a run again."""
    from memagent.evals.registry import Wanted

    plan = run.manifest["plan"]
    chosen = run.manifest.get("chosen", {})
    return Wanted(
        split=chosen.get("split"),
        variant=variant or chosen.get("variant"),
        data=load_settings().data,
        file=file or (Path(chosen["file"]) if "file" in chosen else None),
        seed=int(plan.get("seed", 0)),
        settings=plan.get("settings", {}),
    )


def _two(arms: str, first: "SavedRun", second: "SavedRun") -> "tuple[ArmName, ArmName]":
    names = arms.split(",")
    if len(names) != 2:
        raise typer.BadParameter("expected two arms, as full,memory", param_hint="--arms")
    return first.arm(names[0]), second.arm(names[1])


def _print(found: "Sequence[Comparison]", shown: int) -> None:
    pairs = dict.fromkeys((one.first, one.second) for one in found)
    print_tables(
        _table(pair, [one for one in found if (one.first, one.second) == pair]) for pair in pairs
    )
    changed = [(one, what) for one in found for what in one.changed]
    for one, what in changed[:shown]:
        print(_line(one, what))
    if len(changed) > shown:
        print(f"{len(changed) - shown} more changed: --changed {len(changed)} or --json tells all")


def _table(pair: tuple[str, str], found: "Sequence[Comparison]") -> "Table":
    from rich.table import Table

    table = Table(
        title=f"1: {pair[0]}, 2: {pair[1]}",
        caption="points: second minus first, with their 95% bootstrap interval; only: questions"
        " that only one got right; p: McNemar's exact test; Holm: corrected for all tasks",
    )
    table.add_column("task", no_wrap=True)
    for name in ("n", "right 1", "2", "points", "95% CI", "only 1", "2", "p", "Holm"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found:
        table.add_row(
            one.task,
            str(one.n),
            str(one.first_right),
            str(one.second_right),
            *_difference(one),
            str(one.only_first),
            str(one.only_second),
            f"{one.p:.2g}",
            f"{one.holm:.2g}",
        )
    return table


def _dealt(found: "Sequence[Luck]") -> "Table":
    from rich.table import Table

    table = Table(caption="by luck: the same answers dealt out among the task's questions")
    for name in ("task", "arm"):
        table.add_column(name, no_wrap=True)
    for name in ("n", "right", "by luck", "95% of deals", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found:
        interval = f"{100 * one.low:.0f} to {100 * one.high:.0f}%"
        shares = f"{100 * one.accuracy:.1f}%", f"{100 * one.luck:.1f}%"
        table.add_row(one.task, one.arm, str(one.n), *shares, interval, f"{one.p:.2g}")
    return table


def _difference(one: "Comparison") -> tuple[str, str]:
    """Return the difference in points, and its interval, each empty where there is none."""
    value, low, high = one.difference.value, one.difference.low, one.difference.high
    return (
        "" if value is None else f"{100 * value:+.0f}",
        "" if low is None or high is None else f"{100 * low:+.0f} to {100 * high:+.0f}",
    )


def _line(one: "Comparison", what: "Changed") -> str:
    side = "gained" if what.right == "second" else "lost"
    return (
        f"{side}  {what.id}  {what.question}  gold {', '.join(what.gold)!r}:"
        f" {one.first} {what.first!r}, {one.second} {what.second!r}"
    )
