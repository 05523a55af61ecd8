"""`memagent config`: which settings hold, and where each comes from."""

import json
import sys
from typing import Annotated

import typer

from memagent.cli.output import Home, Json, Model, User
from memagent.config import config_file, setting_sources

config_app = typer.Typer(help="The settings, and where they come from.", no_args_is_help=True)


@config_app.callback()
def root() -> None:
    """Tell the settings, and where they come from."""


@config_app.command()
def show(
    home: Home = None,
    user: User = None,
    model: Model = None,
    embedder: Annotated[
        str | None, typer.Option(help="As the setting.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Print each setting with its value and its source; keys are masked."""
    told = setting_sources(home=home, user=user, model=model, embedder=embedder)
    if as_json:
        rows = [{"name": one.name, "value": one.value, "source": one.source} for one in told]
        print(json.dumps(rows))
        return
    wide = max(len(one.name) for one in told)
    long = max(len(str(one.value)) for one in told)
    for one in told:
        value = "" if one.value is None else str(one.value)
        print(f"{one.name:{wide}}  {value:{long}}  {one.source}")
    path = config_file()
    print(f"file: {path}{'' if path.exists() else ' (not there)'}", file=sys.stderr)
