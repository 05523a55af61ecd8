"""Command `mcp`: the memory as a tool of coding agents and editors, over stdin and stdout."""

from typing import Annotated

import typer

from memagent.cli.options import Home, User, memory_of, settings_of
from memagent.errors import ConfigError
from memagent.types import Scope

MISSING = "`memagent mcp` needs the extra `serve`: pip install 'memagent[serve]'"

Agent = Annotated[
    str | None, typer.Option(help="Only what this agent remembered.", show_default=False)
]
OneSession = Annotated[
    str | None,
    typer.Option(help="Only this session, a project's name for example.", show_default=False),
]
ReadOnly = Annotated[bool, typer.Option("--read-only", help="Offer no tool that writes or erases.")]


def mcp(
    home: Home = None,
    user: User = None,
    agent: Agent = None,
    session: OneSession = None,
    read_only: ReadOnly = False,
) -> None:
    """Serve the memory to an MCP client that runs this command.

    Whose memory it is comes from these options and the settings, never from the client's model.
    """
    settings = settings_of(home=home, user=user)
    scope = Scope(user=settings.user, agent=agent, session=session)
    try:
        from memagent.server.mcp.stdio import serve
    except ModuleNotFoundError as error:
        raise ConfigError(MISSING) from error
    serve(lambda stack: memory_of(settings, stack), scope, read_only=read_only)
