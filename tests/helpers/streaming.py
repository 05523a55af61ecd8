"""Every command of the command line, run in forks of this process under streams that fail.

Prints one JSON object a run: the command, the condition, the exit code and standard error.
"""

import importlib
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import typer

from memagent import Memory, Scope
from memagent import __main__ as program
from memagent.cli.app import app
from memagent.memory import engine
from memagent.models import open_chat
from memagent.testing import HashEmbedder, ScriptedChat

WARM = (
    "memagent.agent.conversation",
    "memagent.evals.metrics.statistics",
    "memagent.evals.registry",
    "memagent.evals.report.html",
    "memagent.evals.runs.saved",
    "memagent.memory.memory",
    "memagent.learning",
    "memagent.compression",
    "langchain_core.messages",
    "tomlkit",
    "rich.console",
)
"""Modules to load before the forks, so that each of them does not."""
TEXT = "\u00c4rger \U0001f468\u200d\U0001f469\u200d\U0001f467 in Porto."
SLOW = {"mcp", "serve", "serve-model", "simulate", "train"}
"""Commands that start other programs, or work for minutes."""


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[list[str]]:
    """Yield every command with a value for each argument that it must have."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        elif name not in SLOW:
            needed = [one for one in command.params if one.required]
            yield [*path, name, *(word for one in needed for word in _filled(one))]


VALUES = {"outcome": "helped"}
"""Arguments that do not take just any text."""


def _filled(parameter: Any) -> list[str]:
    value = VALUES.get(parameter.name, "Porto")
    options = [one for one in parameter.opts if one.startswith("-")]
    return [options[0], value] if options else [value]


def broken(condition: str, home: Path) -> None:
    """Make the streams, or the settings, of this process as a condition says."""
    if condition in ("stdin", "stdout", "stderr"):
        os.close(("stdin", "stdout", "stderr").index(condition))
        setattr(sys, condition, None)
    elif condition == "full":
        os.close(0)
        sys.stdin = None  # type: ignore[assignment]
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
    elif condition == "pipe":
        read, write = os.pipe()
        os.close(read)
        os.dup2(write, 1)
    elif condition == "cp1252":
        sys.stdout = io.TextIOWrapper(os.fdopen(os.dup(1), "wb"), encoding="cp1252")
    else:
        os.environ["MEMAGENT_CONFIG"] = str(home / condition)


def run(command: list[str], condition: str, home: Path) -> dict[str, Any]:
    """Run a command in a fork; return what became of it."""
    with TemporaryFile() as errors:
        child = os.fork()
        if not child:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(errors.fileno(), 2)
            sys.argv = ["memagent", *command]
            code: Any = 70
            try:
                broken(condition, home)
                program.main()
            except SystemExit as stop:
                code = stop.code
            except BaseException:
                import traceback

                os.write(errors.fileno(), traceback.format_exc().encode())
            os._exit(int(code or 0))
        _, status = os.waitpid(child, 0)
        errors.seek(0)
        told = errors.read().decode("utf-8", "replace")
    code = os.waitstatus_to_exitcode(status)
    return {"command": command, "condition": condition, "code": code, "stderr": told}


CONDITIONS = ("full", "cp1252", "folder")
"""A full output with a closed input, an output of another encoding, settings that are a folder."""
FURTHER = ("stdin", "stdout", "stderr", "pipe", "utf16", "binary", "huge", "loop")
"""Closed streams, a pipe that nobody reads, and settings files that are none; for a few commands.
"""
FEW = (["add", "Porto"], ["list"], ["export"], ["config", "show"])


def main() -> None:
    """Run everything in a folder, which is given."""
    home = Path(sys.argv[1])
    engine.open_embedder = lambda _: HashEmbedder()
    open_chat.chat_of = lambda _: ScriptedChat([TEXT] * 9)
    os.environ |= {"MEMAGENT_HOME": str(home / "memory"), "HF_HUB_OFFLINE": "1"}
    with Memory.open(home / "memory", embedder=HashEmbedder()) as memory:
        memory.add(TEXT, scope=Scope(user="me"))
    (home / "folder").mkdir()
    (home / "utf16").write_bytes('user = "bob"'.encode("utf-16"))
    (home / "binary").write_bytes(bytes(range(256)))
    (home / "huge").write_bytes(b"# x\n" * 500_000)
    (home / "loop").symlink_to(home / "loop")
    for name in WARM:
        importlib.import_module(name)
    group = typer.main.get_command(app)
    every = list(commands(group))
    runs = [(command, condition) for command in every for condition in CONDITIONS]
    runs += [(command, condition) for command in FEW for condition in FURTHER]
    for command, condition in runs:
        print(json.dumps(run(command, condition, home)), flush=True)


if __name__ == "__main__":
    main()
