"""Options that commands share, and what they name: the settings, the memory, a scope, records.

Modules of the command line import heavy modules inside their functions, so that `--help` is quick;
the settings are among these (pydantic).
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memagent.errors import InvalidInput
from memagent.redaction.redactor import summary
from memagent.terminal import say
from memagent.types import Scope

if TYPE_CHECKING:
    from memagent.config import Settings
    from memagent.memory.memory import Memory

MEMORY, STORE = "Memory", "Store"
CHAT, LEARNING, EVALUATION = "Chat and agent", "Learning", "Evaluation"
SERVING, SETTINGS = "Models and serving", "Settings"
"""Groups of commands in `memagent --help`."""
MIN_PREFIX = 4
"""Characters of an id that must be given at least."""


def time_of(text: str) -> datetime:
    """Read a time; one without a zone is local time.

    Raises:
        BadParameter: it is not ISO 8601.
    """
    try:
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(
            f"{text!r} is not a time: write it as 2026-05-01, 2026-05-01T14:30 or"
            " 2026-05-01T14:30+02:00"
        ) from error


def time_option(help: str) -> Any:
    """Return an option that takes a time."""
    return typer.Option(parser=time_of, metavar="TIME", help=help, show_default=False)


Home = Annotated[Path | None, typer.Option(help="Folder of the memory.", show_default=False)]
User = Annotated[str | None, typer.Option(help="Whose memory.", show_default=False)]
Session = Annotated[str | None, typer.Option(help="Only this session.", show_default=False)]
Model = Annotated[
    str | None,
    typer.Option(help="The chat model: 'local', 'local:<GGUF path>' or a URL.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Where = Annotated[
    str | None,
    typer.Option(help='Filter by metadata, as JSON: \'{"page": {"gte": 3}}\'.', show_default=False),
]
Why = Annotated[
    str | None, typer.Option("--why", help="Reason, for the history.", show_default=False)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask first.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Records at most.", show_default=False)]
AsOf = Annotated[datetime | None, time_option("What held at this time.")]
ID = "Id of a record, or its first characters."
Id = Annotated[str, typer.Argument(help=ID, show_default=False)]
Ids = Annotated[
    list[str], typer.Argument(help="Ids of records, or their first characters.", show_default=False)
]


def settings_of(**arguments: Any) -> "Settings":
    """Return the settings; arguments that are None are ignored.

    Raises:
        ConfigError: a setting is unknown, or its value does not fit.
    """
    from memagent.config import load_settings

    return load_settings(**arguments)


def memory_of(settings: "Settings", stack: ExitStack) -> "Memory":
    """Open the memory that the settings name, for as long as the stack.

    What it takes out of what is stored is told on stderr.
    """
    from memagent.memory.memory import Memory

    memory = stack.enter_context(
        Memory.open(
            settings.home,
            embedder=settings.embedder,
            index_bytes=settings.index_mb * 1024 * 1024,
            cache_bytes=settings.cache_mb * 1024 * 1024,
            recall=settings.recall,
            reranker=settings.reranker,
            redaction=settings.redaction,
        )
    )
    if memory.engine.redactor is not None:
        memory.engine.redactor.report = lambda counts: say(
            f"memagent: {summary(counts)} removed before this was stored", err=True
        )
    return memory


@contextmanager
def opened(
    home: Path | None, user: str | None, session: str | None = None
) -> "Iterator[tuple[Memory, Scope]]":
    """Open the memory and the scope that a command's options name."""
    settings = settings_of(home=home, user=user)
    with ExitStack() as stack:
        scope = Scope(user=settings.user, session=session)
        yield memory_of(settings, stack), scope


def json_object(text: str | None, option: str) -> dict[str, Any] | None:
    """Return the JSON object that an option spells, None if it is not given.

    Raises:
        InvalidInput: it is not a JSON object.
    """
    if text is None:
        return None
    try:
        parsed = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"{option} is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise InvalidInput(f"{option}: expected a JSON object, found {text!r}")
    return parsed


def filter_of(where: str | None) -> dict[str, Any] | None:
    """Return the metadata filter of --where.

    Raises:
        InvalidInput: it is not a JSON object.
    """
    return json_object(where, "--where")


def full_id(memory: "Memory", scope: Scope, prefix: str, noun: str = "record") -> str:
    """Return the id of a scope's record from its first characters.

    Raises:
        InvalidInput: no record's id begins so, or several do.
    """
    return full_ids(memory, scope, [prefix], noun)[0]


def full_ids(
    memory: "Memory", scope: Scope, prefixes: Sequence[str], noun: str = "record"
) -> list[str]:
    """Return ids of a scope's records from their first characters, in order and each once.

    An id as a whole wins over longer ones that begin with it.

    Raises:
        InvalidInput: no record's id begins as one of them does, or several do.
    """
    found, missing = dict[str, None](), []
    for prefix in prefixes:
        ids = memory.engine.store.read.ids_with_prefix(scope, prefix) if prefix else []
        if prefix in ids[:1] or (len(ids) == 1 and len(prefix) >= MIN_PREFIX):
            found[ids[0]] = None
        elif len(ids) > 1 and len(prefix) >= MIN_PREFIX:
            several = ", ".join(ids) + (", ..." if len(ids) > 2 else "")  # the store names three
            raise InvalidInput(f"the ids of several {noun}s begin with {prefix!r}: {several}")
        else:
            missing.append(prefix)
    if missing:
        named = ", ".join(map(repr, missing))
        what = f"is no {noun}" if len(missing) == 1 else f"are no {noun}s"
        where = f" in session {scope.session!r}" if scope.session else ""
        raise InvalidInput(f"there {what} {named} of user {scope.user!r}{where}")
    return list(found)


def short_ids(memory: "Memory", scope: Scope, ids: Sequence[str]) -> dict[str, str]:
    """Return the first characters of ids, long enough to name one record, and alike in length."""
    read, whose, length = memory.engine.store.read, scope.across_sessions(), MIN_PREFIX * 2
    for id in ids:
        while length < len(id) and len(read.ids_with_prefix(whose, id[:length])) > 1:
            length += 2
    return {id: id[:length] for id in ids}
