"""The configurations in the pages on MCP and hooks: each can be read, and names what there is."""

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

from memagent.cli.app import app
from memagent.cli.serving.hook_settings import with_hooks

HOW_TO = Path(__file__).parents[3] / "docs" / "how-to"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
READERS = {"json": json.loads, "toml": tomllib.loads}
CALL = re.compile(r"(?:^|-- )memagent (mcp|serve|hook \w+)(.*)")


def blocks(page: str) -> list[tuple[str, str]]:
    return BLOCK.findall((HOW_TO / page).read_text())


CONFIGURATIONS = [(kind, text) for kind, text in blocks("mcp.md") if kind]
LINES = [
    line.partition("#")[0]
    for page in ("mcp.md", "hooks.md")
    for kind, text in blocks(page)
    if not kind
    for line in text.splitlines()
]


def options_of(*names: str) -> set[str]:
    command: Any = typer.main.get_command(app)
    for name in names:
        command = command.commands[name]
    return {option for parameter in command.params for option in parameter.opts}


@pytest.mark.parametrize(("kind", "text"), CONFIGURATIONS)
def test_a_configuration_runs_or_calls_memagent(kind: str, text: str) -> None:
    configuration = READERS[kind](text)
    inputs = {one["id"] for one in configuration.pop("inputs", [])}
    (servers,) = configuration.values()
    server = servers["memagent"]
    if "command" in server:
        assert Path(server["command"]).name == "memagent"
        assert server["args"][0] == "mcp"
        given = {argument for argument in server["args"] if argument.startswith("-")}
        assert given <= options_of("mcp")
    else:
        (url,) = [server[name] for name in ("url", "httpUrl", "serverUrl") if name in server]
        assert "/mcp" in url
        named = json.dumps(server)
        assert "MEMORY_KEY" in named or any(f"${{input:{id}}}" in named for id in inputs)
        assert "MEMAGENT_" not in named


def test_every_line_of_a_shell_names_commands_and_options_that_exist() -> None:
    called = [found for line in LINES if (found := CALL.search(line))]
    assert len(called) == 6
    for command, arguments in (found.groups() for found in called):
        given = {word for word in shlex.split(arguments) if word.startswith("-")}
        assert given <= options_of(*command.split()), command


def test_the_hooks_by_hand_are_those_that_are_installed() -> None:
    ((_, text),) = [block for block in blocks("hooks.md") if block[0] == "json"]
    options = ["--url", "http://127.0.0.1:8484"]
    assert json.loads(text) == with_hooks({}, "claude-code", "memagent", options)
