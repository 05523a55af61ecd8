"""`memagent config`: show, set and unset settings."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memagent.cli.options import Home, Json, Model, User
from memagent.errors import ConfigError
from memagent.files import make_private_folder, read_text, reason, write_atomic
from memagent.terminal import say

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

config_app = typer.Typer(help="Show, set and unset settings.", no_args_is_help=True)
Name = Annotated[
    str, typer.Argument(help="Name of a setting, as in `config show`.", show_default=False)
]


@config_app.command()
def show(
    home: Home = None,
    user: User = None,
    model: Model = None,
    embedder: Annotated[
        str | None, typer.Option(help="The embedder, as in the setting.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Show each setting with its value and where it comes from; keys are masked."""
    from memagent.config import config_file, setting_sources

    rows = setting_sources(home=home, user=user, model=model, embedder=embedder)
    if as_json:
        fields = [{"name": row.name, "value": row.value, "source": row.source} for row in rows]
        say(json.dumps(fields))
        return
    names = max(len(row.name) for row in rows)
    values = max(len(str(row.value)) for row in rows)
    for row in rows:
        value = "" if row.value is None else str(row.value)
        say(f"{row.name:{names}}  {value:{values}}  {row.source}")
    path = config_file()
    say(f"file: {path}{'' if path.exists() else ' (not there)'}", err=True)


@config_app.command("set")
def set_(
    name: Name,
    value: Annotated[str, typer.Argument(help="Its value from now on.", show_default=False)],
) -> None:
    """Set a setting in the settings file; the rest of the file stays as it is."""
    from memagent.config import config_file, masked, parse_setting

    parsed = parse_setting(name, value)
    document = _document(config_file())
    document[name] = parsed
    _write(config_file(), document)
    say(f"{name} = {masked(name, parsed)}")
    _warn_of_environment(name)


@config_app.command()
def unset(name: Name) -> None:
    """Remove a setting from the settings file; its default holds again."""
    from memagent.config import Settings, config_file, parse_setting

    document = _document(config_file())
    if name not in document:
        if name not in Settings.model_fields:
            parse_setting(name, "")  # names the nearest one
        raise ConfigError(f"{name} is not set in {config_file()}")
    del document[name]
    _write(config_file(), document)
    say(f"{name} is not set any more")
    _warn_of_environment(name)


def _document(path: Path) -> "TOMLDocument":
    import tomlkit
    from tomlkit.exceptions import ParseError

    from memagent.config import read_config

    read_config(path)  # refuses what is no settings file, in the same words as elsewhere
    try:
        return tomlkit.parse(read_text(path) if path.exists() else "")
    except ParseError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def _write(path: Path, document: "TOMLDocument") -> None:
    """Write the file, which only its owner may read where it is new: it may hold keys."""
    import tomlkit

    try:
        make_private_folder(path.resolve().parent)
        write_atomic(path, tomlkit.dumps(document))
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {reason(error)}") from error


def _warn_of_environment(name: str) -> None:
    for variable in os.environ:
        if variable.upper() == f"MEMAGENT_{name.upper()}":
            say(f"{variable} is set in the environment, and wins", err=True)
