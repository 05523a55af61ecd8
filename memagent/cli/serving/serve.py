"""Command `serve`: REST, MCP, an OpenAI-style endpoint and the inspector, by one process."""

import sys
import threading
import webbrowser
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memagent.cli.options import Home, Model, User, memory_of, settings_of
from memagent.errors import ConfigError
from memagent.server.observability.logs import logging_to_stderr
from memagent.terminal import say

if TYPE_CHECKING:
    from memagent.server.services import ServeOptions

MISSING = "`memagent serve` needs the extra `serve`: pip install 'memagent[serve]'"
KIB = 1024


def serve(
    host: Annotated[str, typer.Option(help="Where to listen; others need a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0 takes a free one.")] = 8484,
    uds: Annotated[
        Path | None, typer.Option(help="Unix socket instead of a port.", show_default=False)
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the inspector.")] = False,
    home: Home = None,
    user: User = None,
    model: Model = None,
    rate: Annotated[
        str | None,
        typer.Option(help="What a key may ask, as '600/minute'.", show_default=False),
    ] = None,
    max_body: Annotated[int, typer.Option(min=1, help="KiB of a request at most.")] = 10_240,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Name, beside localhost, under which it is called.", show_default=False),
    ] = None,
    public_url: Annotated[
        str | None,
        typer.Option(help="URL under which clients reach it, if another.", show_default=False),
    ] = None,
    inspector: Annotated[bool, typer.Option(help="Serve the inspector's page.")] = True,
    json_logs: Annotated[bool, typer.Option("--json-logs", help="Log as JSON lines.")] = False,
    otel: Annotated[
        bool, typer.Option("--otel", help="Send traces and metrics where OTEL_* says.")
    ] = False,
) -> None:
    """Serve the memory: REST, MCP, an OpenAI-style endpoint, and a page to look at it."""
    try:
        from memagent.server import run
        from memagent.server.services import ServeOptions, Services
    except ModuleNotFoundError as error:
        raise ConfigError(f"{MISSING} ({error.name} is missing)") from error
    options = ServeOptions(
        host=host,
        port=port,
        uds=uds,
        rate=_checked_rate(rate),
        max_body=max_body * KIB,
        hosts=tuple(allow_host or ()),
        public_url=public_url,
        inspector=inspector,
        json_logs=json_logs,
        otel=otel,
    )
    settings = settings_of(home=home, user=user, model=model)
    with ExitStack() as stack:
        listening = stack.enter_context(run.bind(options))
        memory = memory_of(settings, stack)
        services = Services(memory=memory, settings=settings, options=options)
        run.require_key(services)
        stack.enter_context(logging_to_stderr(json_logs))
        run.serve(services, listening, lambda url: _started(url, options, open_page))
    say("memagent: stopped", err=True)


def _started(url: str, options: "ServeOptions", open_page: bool) -> None:
    """Say where the server listens and how to connect, and open the page if that is wanted."""
    page = f", inspector {url}/" if options.inspector and options.uds is None else ""
    say(f"memagent listens at {url}{page}", err=True)
    say(f"OpenAI clients: base_url={url}/v1; REST: {url}/docs; Ctrl-C stops it", err=True)
    say(f"coding agents: claude mcp add memagent -- memagent mcp; by HTTP: {url}/mcp", err=True)
    sys.stderr.flush()
    if open_page and page:
        threading.Thread(target=webbrowser.open, args=(f"{url}/",), daemon=True).start()


def _checked_rate(rate: str | None) -> str | None:
    """Return a rate as it is.

    Raises:
        ConfigError: it is none.
    """
    if rate is not None:
        from memagent.server.access.rates import rate_of

        try:
            rate_of(rate)
        except ValueError as error:
            raise ConfigError(f"--rate {rate!r}: write it as 600/minute or 10/second") from error
    return rate
