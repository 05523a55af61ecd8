"""Commands `hook`: recall at each prompt of a coding agent, and remember what was said."""

import hashlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from memagent.cli.options import DryRun, Home, User, settings_of
from memagent.cli.serving import hook_settings
from memagent.cli.serving.hook_events import PROMPT, HookEvent, context_of, read_event
from memagent.cli.serving.hook_memory import HookMemory, ServedMemory, StoredMemory
from memagent.cli.serving.hook_settings import CLIENTS, Client
from memagent.errors import InvalidInput
from memagent.files import make_private_folder, write_atomic
from memagent.terminal import say, say_text
from memagent.transcripts.claude_code import messages_in

hook_app = typer.Typer(
    help="Recall at a coding agent's prompts, and remember its sessions.", no_args_is_help=True
)
BATCH = 200
"""Messages that are remembered in one transaction."""
MAX_TEXT = 100_000
"""Characters of a message that are remembered; what is longer was pasted."""
MAX_LINE = 32 << 20
"""Bytes of a line in a session's log that are read at most."""

Url = Annotated[
    str | None,
    typer.Option(
        help="A running `memagent serve`, asked instead of the store.", show_default=False
    ),
]
KeyFile = Annotated[
    Path | None, typer.Option(help="File with the server's API key.", show_default=False)
]
Program = Annotated[str, typer.Option("--client", help=f"The program: {', '.join(CLIENTS)}.")]
Project = Annotated[bool, typer.Option("--project", help="In this folder's settings, not yours.")]


@hook_app.command()
def recall(home: Home = None, user: User = None, url: Url = None, key_file: KeyFile = None) -> None:
    """Print what is remembered about the prompt on stdin, as Claude Code and Codex read it."""
    event = read_event(sys.stdin.buffer)
    if event.name != PROMPT or not event.prompt:
        return
    lines = _memory(home, user, url, key_file).recall(event.prompt[:MAX_TEXT], event.session)
    if (context := context_of(lines)) is not None:
        say_text(context)


@hook_app.command()
def remember(
    home: Home = None, user: User = None, url: Url = None, key_file: KeyFile = None
) -> None:
    """Remember what was said since the last time in the session that the event on stdin names."""
    event = read_event(sys.stdin.buffer)
    metadata = {"client": event.client, **({"folder": event.folder} if event.folder else {})}
    if event.client == "codex":
        if messages := _of_turn(event):
            _remember(_memory(home, user, url, key_file), messages, event, metadata)
        return
    if event.transcript is None:
        return
    state = _state_file(settings_of(home=home, user=user).home, event)
    memory: HookMemory | None = None
    for messages, read in _unread(event.transcript, _offset(state)):
        if messages:
            memory = memory or _memory(home, user, url, key_file)
            _remember(memory, messages, event, metadata)
        make_private_folder(state.parent)
        write_atomic(state, str(read))


@hook_app.command()
def install(
    client: Program = "claude-code",
    project: Project = False,
    home: Home = None,
    user: User = None,
    url: Url = None,
    key_file: KeyFile = None,
    dry_run: DryRun = False,
) -> None:
    """Put the hooks into a program's settings; what else stands there stays."""
    known, folder = _client(client), Path.cwd() if project else None
    path = hook_settings.settings_path(known, folder)
    given = {"--home": home, "--user": user, "--url": url, "--key-file": key_file}
    options = [
        part
        for name, value in given.items()
        if value is not None
        for part in (name, str(value.absolute()) if isinstance(value, Path) else value)
    ]
    _memory(home, user, url, key_file)  # refuses what no hook could use
    command = hook_settings.executable(folder)
    before = hook_settings.read_settings(path)
    _replace(path, before, hook_settings.with_hooks(before, known, command, options), dry_run)


@hook_app.command()
def remove(
    client: Program = "claude-code", project: Project = False, dry_run: DryRun = False
) -> None:
    """Take the hooks out of a program's settings; what is remembered stays."""
    path = hook_settings.settings_path(_client(client), Path.cwd() if project else None)
    before = hook_settings.read_settings(path)
    _replace(path, before, hook_settings.without_hooks(before), dry_run)


def _replace(path: Path, before: dict[str, Any], after: dict[str, Any], dry_run: bool) -> None:
    if dry_run:
        say(f"{path} would be:", err=True)
        say_text(hook_settings.as_text(after).rstrip("\n"))
    elif before == after:
        say(f"{path} is as it should be already", err=True)
    else:
        hook_settings.write_settings(path, after)
        say(f"{path} is changed; start the program anew", err=True)


def _client(name: str) -> Client:
    for client in CLIENTS:
        if client == name:
            return client
    raise InvalidInput(f"--client is one of {', '.join(CLIENTS)}, not {name!r}")


def _memory(
    home: Path | None, user: str | None, url: str | None, key_file: Path | None
) -> HookMemory:
    if url is None:
        if key_file is not None:
            raise InvalidInput("--key-file goes with --url")
        return StoredMemory(home, user)
    if home is not None:
        raise InvalidInput("--home and --url exclude each other: the server has its own store")
    return ServedMemory(url, user, key_file)


def _remember(
    memory: HookMemory,
    messages: Sequence[dict[str, Any]],
    event: HookEvent,
    metadata: dict[str, str],
) -> None:
    """Remember messages; one that cannot be is left out, or it would stand in the way for ever."""
    try:
        memory.remember(messages, event.session, metadata)
    except InvalidInput:
        for message in messages:
            try:
                memory.remember([message], event.session, metadata)
            except InvalidInput as error:
                say(f"memagent: left out {message['id']}: {error}", err=True)


def _of_turn(event: HookEvent) -> list[dict[str, Any]]:
    """Return the prompt or the reply that an event of Codex holds; it has a turn."""
    role, text = ("user", event.prompt) if event.name == PROMPT else ("assistant", event.reply)
    id = f"codex:{event.session}:{event.turn}:{role}"
    return [{"id": id, "role": role, "content": text[:MAX_TEXT]}] if text else []


def _unread(transcript: Path, offset: int) -> Iterator[tuple[list[dict[str, Any]], int]]:
    """Yield the messages of a session's log from a place on, in batches, and where each ends.

    The last line may be half written: it is read the next time.
    """
    try:
        with transcript.open("rb") as file:
            if offset > transcript.stat().st_size:  # another file by that name
                offset = 0
            file.seek(offset)
            messages, read = list[dict[str, Any]](), offset
            while (line := file.readline(MAX_LINE)).endswith(b"\n") or len(line) == MAX_LINE:
                read += len(line)
                messages += [
                    {
                        "id": f"claude-code:{message.id}",
                        "role": message.role,
                        "content": message.text[:MAX_TEXT],
                        **({"timestamp": message.time.isoformat()} if message.time else {}),
                    }
                    for message in messages_in([line])
                ]
                if len(messages) >= BATCH:
                    yield messages, read
                    messages = []
    except FileNotFoundError:
        return
    if read > offset:
        yield messages, read


def _state_file(home: Path, event: HookEvent) -> Path:
    """Return the file that says how far a session's log is read; its name tells nothing."""
    name = hashlib.sha256(f"{event.session}\0{event.transcript}".encode()).hexdigest()[:32]
    return home.expanduser() / "hooks" / name


def _offset(state: Path) -> int:
    try:
        text = state.read_text(encoding="ascii")
    except (OSError, ValueError):
        return 0
    return int(text) if text.isdigit() else 0
