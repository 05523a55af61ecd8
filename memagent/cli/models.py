"""Commands on models: `model list`, `model pull`, `model rm`, and `serve-model` (vLLM)."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from memagent.cli.options import Json, Yes, settings_of
from memagent.errors import InvalidInput, ModelUnavailable
from memagent.models import download, weights
from memagent.models.vllm import command
from memagent.terminal import plain_line, say, say_text

model_app = typer.Typer(help="List, pull and remove model weights.", no_args_is_help=True)


@model_app.command(name="list")
def list_models(as_json: Json = False) -> None:
    """List the weights on this disk, with their size and place, and those that are missing."""
    held = weights.stored(settings_of().home / "models")
    missing = [one.name for one in weights.ALL if one.name not in {there.name for there in held}]
    if as_json:
        rows = [
            {"name": one.name, "bytes": one.bytes, "path": str(one.path), "package": one.package}
            for one in held
        ]
        say(json.dumps({"held": rows, "missing": missing}))
        return
    for one in held:
        by = f"  (of the package {one.package})" if one.package else ""
        say(f"{one.name:24}  {one.bytes / 1e6:8.1f} MB  {one.path}{by}")
    for name in missing:
        say(f"{name:24}  not here: `memagent model pull {name}`")


@model_app.command()
def pull(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Names as in `model list`, or GGUF files on the hub as owner/name/file.gguf; all"
            " that memagent needs if left out.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Download weights that are not here yet, from the hub or the package index."""
    folder = settings_of().home / "models"
    known = {one.name: one for one in weights.ALL}
    for name in names or known:
        if name not in known and "/" not in name:
            raise InvalidInput(
                f"unknown weights {name!r}: there are {', '.join(known)},"
                " and GGUF files on the hub, as owner/name/file.gguf"
            )
    for name in names or known:
        one = known.get(name) or download.hub_weights(name)
        path = weights.find(one, folder)
        if path is None:
            say(f"fetching {one.name}", err=True)
            path = download.pull(one, folder)
        say(f"{one.name}  {path}")


@model_app.command()
def rm(
    name: Annotated[str, typer.Argument(help="A name as in `model list`.", show_default=False)],
    yes: Yes = False,
) -> None:
    """Remove weights that were pulled; those of an installed package stay."""
    folder = settings_of().home / "models"
    found = weights.removable(name, folder)
    size = f"{found.bytes / 1e6:.1f} MB"
    if sys.stdin.isatty() and not yes:
        typer.confirm(f"Delete {folder / name} ({size})?", abort=True, err=True)
    weights.remove(name, folder)
    say(f"deleted {name}, {size}")


Gpus = Annotated[int, typer.Option(min=1, help="GPUs that one copy of the model is split over.")]
LINE = 60
"""At most so many characters of the log's last line are shown while a server starts."""


def serve_model(
    model: Annotated[
        str, typer.Argument(help="A name on the hub, or a folder.", show_default=False)
    ],
    extra: Annotated[
        list[str] | None,
        typer.Argument(help="After --: flags that go to vLLM as they are.", show_default=False),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The name that requests ask for.", show_default=False)
    ] = None,
    host: Annotated[str, typer.Option(help="0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the server.")] = 8000,
    gpu_memory: Annotated[
        float | None,
        typer.Option(min=0.01, max=1, help="Share of each GPU's memory.", show_default=False),
    ] = None,
    tensor_parallel: Gpus = 1,
    data_parallel: Annotated[int, typer.Option(min=1, help="Copies of the model.")] = 1,
    ray: Annotated[
        bool, typer.Option("--ray", help="Spread over the machines of a Ray cluster.")
    ] = False,
    context: Annotated[
        int | None, typer.Option(min=1, help="Tokens of context.", show_default=False)
    ] = None,
    tool_parser: Annotated[
        str | None,
        typer.Option(
            help="vLLM's tool parser, or none; chosen by the model's name if left out.",
            show_default=False,
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            min=1, help="Seconds until the start is given up; 900 if not set.", show_default=False
        ),
    ] = None,
    python: Annotated[
        Path | None, typer.Option(help="The Python that has vLLM.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the command.")] = False,
) -> None:
    """Serve a model with vLLM until Ctrl-C; clients need the key of the setting api_key, if any."""
    settings = settings_of(vllm_python=python)
    options = command.ServeOptions(
        model=model,
        name=name,
        host=host,
        port=port,
        gpu_memory=gpu_memory,
        tensor_parallel=tensor_parallel,
        data_parallel=data_parallel,
        ray=ray,
        context=context,
        tool_parser=tool_parser,
        extra=tuple(extra or ()),
    )
    key = settings.api_key.get_secret_value() if settings.api_key else None
    if dry_run:
        _print_command(options, settings.vllm_python, key)
        return
    if key is None and host not in ("127.0.0.1", "localhost", "::1"):
        say(
            f"memagent: whoever reaches {host}:{port} can use the model: no api_key is set",
            err=True,
        )
    log = settings.home / "logs" / f"vllm-{port}.log"
    with _ended_by_sigterm():
        _serve(options, settings.vllm_python, log, key, timeout)


def _print_command(options: command.ServeOptions, python: Path | None, key: str | None) -> None:
    """Print the command; that of a usual installation where there is none here."""
    try:
        found = command.find(python)
    except ModelUnavailable as error:
        say(f"memagent: {error}", err=True)
        found = command.Vllm()
    added = command.environment(found, os.environ, api_key=key)
    say(command.shell_line(command.command(options, found), added))


def _serve(
    options: command.ServeOptions,
    python: Path | None,
    log: Path,
    key: str | None,
    timeout: float | None,
) -> None:
    from rich.console import Console
    from rich.text import Text

    from memagent.models.vllm import launch

    console = Console(stderr=True)
    first = f"starting vLLM with {options.model}"
    if not console.is_terminal:
        say(first, err=True)
    with console.status(Text(first)) as line:

        def progress(seconds: float, last: str) -> None:
            line.update(Text(f"starting vLLM, {seconds:.0f} s: {plain_line(last)[-LINE:]}"))

        try:
            served = launch.start(
                options,
                python=python,
                log=log,
                api_key=key,
                timeout=timeout or launch.START_SECONDS,
                progress=progress,
            )
        except launch.ServerFailed as error:
            say_text("\n".join(error.tail), err=True)
            raise
    say(f"{served.name} is ready at {served.url}", flush=True)
    say(f"Ctrl-C stops it; its log is {log}", err=True)
    try:
        launch.follow(served)
    finally:
        say("stopping vLLM", err=True)
        served.stop()


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end us as Ctrl-C does."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
