"""Streams that fail, settings that are no file, and Ctrl-C: one line each, never a traceback."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HELPER = Path(__file__).parent.parent / "helpers" / "streaming.py"
PROGRAM = [sys.executable, "-m", "memagent"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Return every command under every condition."""
    home = tmp_path_factory.mktemp("streams")
    done = subprocess.run([sys.executable, HELPER, home], capture_output=True, timeout=280)
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.split(b"\n") if line]


def test_no_command_ends_in_a_traceback(runs: list[dict[str, Any]]) -> None:
    assert len(runs) > 150
    wrong = [
        run
        for run in runs
        if "Traceback" in run["stderr"]
        or "Exception ignored" in run["stderr"]
        or run["code"] not in (0, 1, 2)
    ]
    assert wrong == []


def test_what_cannot_be_printed_is_told(runs: list[dict[str, Any]]) -> None:
    codes = {(" ".join(run["command"]), run["condition"]): run["code"] for run in runs}
    for command in ("list", "export", "stats", "search Porto"):
        assert codes[command, "full"] == 1
        assert codes[command, "cp1252"] == 0
    (full,) = [run for run in runs if (run["command"], run["condition"]) == (["list"], "full")]
    assert full["stderr"] == "memagent: the output cannot be written: no space left on device\n"


def test_settings_that_are_no_file_are_named(runs: list[dict[str, Any]]) -> None:
    for run in runs:
        if run["command"] == ["list"] and run["condition"] in ("folder", "utf16", "huge", "loop"):
            assert run["code"] == 1
            assert run["stderr"].count("\n") == 1
            assert run["condition"] in run["stderr"]


def shell(line: str, home: Path, **more: str) -> subprocess.CompletedProcess[bytes]:
    environment = {name: text for name, text in os.environ.items() if "MEMAGENT" not in name}
    environment |= {"MEMAGENT_HOME": str(home), "M": " ".join(PROGRAM), **more}
    return subprocess.run(["bash", "-c", line], env=environment, capture_output=True, timeout=120)


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("$M config show >/dev/full", 1, "memagent: the output cannot be written"),
        ("$M config show >&-", 1, "memagent: the output cannot be written"),
        ("set -o pipefail; $M config show | true", 1, ""),
        ("$M add <&-", 1, "memagent: standard input is empty"),
        ("printf '\\xff' | $M add", 1, "memagent: standard input is not UTF-8 text (byte 0)"),
        ("$M add --file /dev/zero", 1, "memagent: /dev/zero holds binary data"),
        ("$M search $'\\xff'", 1, "memagent: the query holds half of a character"),
        ("$M list --user $'\\xff'", 1, "memagent: "),
        ("$M add --file $'/tmp/\\xff'", 1, "cannot be read: no such file or directory"),
        ("$M add --file /", 1, "memagent: / cannot be read: is a directory"),
    ],
)
def test_a_whole_program_says_it_in_one_line(
    tmp_path: Path, line: str, code: int, told: str
) -> None:
    done = shell(line, tmp_path)
    assert done.returncode == code
    err = done.stderr.decode()
    assert told in err
    assert err.count("memagent: ") == bool(told)
    assert "Traceback" not in err
    assert "Exception ignored" not in err


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_characters_that_the_output_lacks_are_replaced(tmp_path: Path, encoding: str) -> None:
    done = shell("$M config show", tmp_path / "\U0001f468", PYTHONIOENCODING=encoding)
    assert done.returncode == 0
    assert b"?" in done.stdout


def test_ctrl_c_is_one_line_and_130(tmp_path: Path) -> None:
    pipe = subprocess.Popen(
        [*PROGRAM, "add", "--file", "/dev/stdin"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "MEMAGENT_HOME": str(tmp_path)},
    )
    assert pipe.stdin is not None
    pipe.stdin.write(b"x\n" * 40_000)  # more than a pipe holds: it is reading once this is written
    pipe.stdin.flush()
    pipe.send_signal(signal.SIGINT)
    _, err = pipe.communicate(timeout=60)
    assert pipe.returncode == 130
    assert err == b"memagent: interrupted\n"
