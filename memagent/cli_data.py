"""`memagent data`: the files that evaluations ask from."""

import json
import sys
from typing import Annotated

import typer

from memagent.cli_output import Json
from memagent.config import load_settings
from memagent.errors import InvalidInput, RunError

data_app = typer.Typer(help="The files that evaluations ask from.", no_args_is_help=True)


@data_app.callback()
def root() -> None:
    """Fetch the files that evaluations ask from."""


@data_app.command("list")
def list_files(as_json: Json = False) -> None:
    """Print which files can be fetched, and which are in the data folder."""
    from memagent.evals import data_files

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
    from memagent.evals import data_files

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
    from memagent.evals import data_files

    if name not in data_files.RECIPES:
        raise InvalidInput(f"unknown data {name!r}: there is {', '.join(data_files.RECIPES)}")
    folder = load_settings().data
    where = "$MEMAGENT_DATA" if folder is None else str(folder)
    print(data_files.RECIPES[name].format(folder=f"{where}/{name}"), end="")
