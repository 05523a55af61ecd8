"""What is stored, named or answered never steers the terminal of the command line."""

import ast
import io
import os
import pty
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from memagent import Memory, Scope
from memagent.cli import app
from memagent.memory import engine
from memagent.models import open_chat
from memagent.terminal import GuardedStream, Plain, say, say_data, say_text
from memagent.testing import HashEmbedder, ScriptedChat

ROOT = Path(__file__).parents[2]
EVIL = (
    "evil \x1b]0;pwned\x07\x1b]52;c;cHduZWQ=\x07\x1b]8;;http://evil/\x07click\x1b[31m\x9b2J"
    "\rover\b\x7f\u202egnol\nand a second line"
)
Run = Callable[..., bytes]


@pytest.fixture
def at_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run the command line with a terminal as stdout and stderr; returns what reached it."""
    monkeypatch.setattr(engine, "open_embedder", lambda _: HashEmbedder())
    monkeypatch.setattr(open_chat, "chat_of", lambda _: ScriptedChat([EVIL] * 9))
    monkeypatch.setenv("TERM", "xterm")

    def run(*arguments: str, stdin: str = "") -> bytes:
        master, slave = pty.openpty()
        with monkeypatch.context() as patch, os.fdopen(slave, "w", encoding="utf-8") as stream:
            patch.setattr(sys, "argv", ["memagent", *arguments])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8"))
            patch.setattr(sys, "stdout", stream)
            patch.setattr(sys, "stderr", stream)
            with pytest.raises(SystemExit):
                app.main()
            stream.flush()
            os.set_blocking(master, False)
            shown = b""
            while piece := _read(master):
                shown += piece
        os.close(master)
        return shown

    return run


def _read(number: int) -> bytes:
    try:
        return os.read(number, 65536)
    except BlockingIOError:
        return b""


def steering(shown: bytes) -> list[str]:
    """The characters that steer a terminal, but line ends as a terminal writes them."""
    text = shown.decode().replace("\r\n", "\n")
    return [
        char
        for char in text
        if (char < " " and char != "\n") or "\x7f" <= char <= "\x9f" or char in "\u202e\u2028"
    ]


@pytest.fixture
def stored(tmp_path: Path) -> str:
    """A store whose every name and text is hostile; returns a record's id."""
    home = Path(os.environ["MEMAGENT_HOME"])
    with Memory.open(home, embedder=HashEmbedder()) as memory:
        record = memory.add(
            EVIL,
            scope=Scope(user="me", session=EVIL),
            metadata={"name": EVIL, EVIL: EVIL},
            who=EVIL,
            why=EVIL,
        )
        memory.add(EVIL, scope=Scope(user=EVIL))
    return record.id


COMMANDS = (
    ("list", "--user", "me"),
    ("search", "evil", "--user", "me"),
    ("search", "evil", "--explain", "--user", "me"),
    ("recall", "evil", "--user", "me"),
    ("show", "ID", "--user", "me"),
    ("history", "ID", "--user", "me"),
    ("users",),
    ("sessions", "--user", "me"),
    ("export", "--user", "me"),
    ("list", "--json", "--user", "me"),
    ("ask", "who is evil?", "--user", "me"),
    ("show", EVIL, "--user", "me"),
    ("forget", EVIL, "--user", "me"),
    ("import", EVIL),
    ("-v", "ask", "who is evil?", "--user", "me"),
    ("verify",),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command)[:16])
def test_no_command_lets_what_is_stored_steer(
    at_terminal: Run, stored: str, command: tuple[str, ...]
) -> None:
    shown = at_terminal(*(stored if part == "ID" else part for part in command))
    assert shown
    assert steering(shown) == [], shown


@pytest.mark.parametrize(
    "arguments", [(EVIL,), ("stats", "--x", EVIL), ("list", EVIL), ("list", f"--{EVIL}"), ("add",)]
)
def test_errors_of_the_parser_are_drawn_in_colours_at_most(
    at_terminal: Run, arguments: tuple[str, ...]
) -> None:
    shown = at_terminal(*arguments)
    for sequence in (b"\x1b]", b"\x07", b"\x08", b"\x9b", "\u202e".encode()):
        assert sequence not in shown


def test_a_chat_does_not_steer(at_terminal: Run, stored: str) -> None:
    lines = f"/memories\nwho is evil?\n/why\n/sessions\n/changes\n/nothing{EVIL}\n/model\n"
    shown = at_terminal("chat", "--user", "me", stdin=lines)
    assert b"evil" in shown
    assert steering(shown) == []


class _Stream(io.StringIO):
    def isatty(self) -> bool:
        return True


texts = st.text() | st.lists(st.sampled_from([EVIL, "\x1b", "]0;x\x07", "\x9b", "\r"])).map("".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=texts)
def test_whatever_is_printed_is_text(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    stream = _Stream()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        for write in (say, say_text, say_data):
            write(text)
        console = Console(file=stream, force_terminal=True, color_system=None)
        table = Table(title=text.replace("[", "("))
        table.add_row(text.replace("[", "("))
        console.print(Plain(table))
    shown = stream.getvalue().encode("utf-8", "replace")
    assert steering(shown) == []


def test_data_in_a_pipe_is_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    say_data(EVIL)
    assert capsys.readouterr().out == f"{EVIL}\n"


def test_a_guarded_stream_passes_colours_only() -> None:
    stream = _Stream()
    guarded: Any = GuardedStream(stream)
    guarded.writelines(["\x1b[1mbold\x1b[0m", "\x1b]0;x\x07"])
    assert guarded.isatty()
    assert stream.getvalue() == "\x1b[1mbold\x1b[0m\ufffd]0;x\ufffd"


def test_nothing_else_of_the_command_line_prints() -> None:
    found = set()
    for path in sorted((ROOT / "memagent" / "cli").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                if name in ("print", "typer.echo", "typer.secho", "sys.stdout.write"):
                    found.add(path.name)
                if name == "console.print":
                    assert ast.unparse(node.args[0]).startswith("Plain(")
    assert found == set()
