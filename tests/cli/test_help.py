import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import typer.main
from typer.core import TyperGroup

from memagent.cli.app import PANELS, app
from memagent.memory import memory as memory_module

Command = Callable[..., tuple[int, str, str]]


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, inner in (command.commands if isinstance(command, TyperGroup) else {}).items():
        yield from commands(inner, (*path, name))


PATHS = list(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_every_command_has_a_short_help_that_opens_with_a_verb(
    memagent: Command, path: tuple[str, ...]
) -> None:
    code, out, err = memagent(*path, "-h")
    assert (code, err) == (0, "")
    assert out == memagent(*path, "--help")[1]
    assert "Usage: " in out
    command: Any = typer.main.get_command(app)
    for name in path:
        assert isinstance(command, TyperGroup)
        command = command.commands[name]
    assert command.help
    assert command.help.split()[0] not in {"The", "A", "What", "How", "Which"} or not path


def test_the_commands_stand_in_groups(memagent: Command) -> None:
    out = memagent("--help")[1]
    places = [out.index(f"─ {panel} ─") for panel in PANELS]
    assert places == sorted(places)
    assert "─ Commands ─" not in out


def test_what_is_done_is_logged_if_asked_for(memagent: Command) -> None:
    memagent("add", "tea")
    again = ["add", "tea", "--metadata", '{"page": 3}']
    assert memagent("-v", *again)[2].startswith("INFO memagent.stores.database.writer: ")
    assert memagent("-vv", "search", "tea")[0] == 0
    assert memagent(*again)[2] == "already known\n"
    assert logging.getLogger("memagent").level == logging.NOTSET


@pytest.mark.parametrize("path", [["search", "tea"], ["recall", "tea"], ["list"]], ids=" ".join)
def test_ctrl_c_ends_a_command_with_code_130(
    memagent: Command, monkeypatch: pytest.MonkeyPatch, path: list[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(memory_module.Memory, path[0], interrupt)
    code, out, err = memagent(*path)
    assert (code, out) == (130, "")
    assert err.count("\n") <= 1
