"""Doctor: which model servers it names, and what it says of the built-in model."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from memagent import Memory
from memagent.cli import maintenance
from memagent.cli.chat.greeting import greeting
from memagent.cli.discover import FoundServer
from memagent.config import load_settings

Command = Callable[..., tuple[int, str, str]]
OLLAMA = FoundServer(
    program="Ollama", url="http://127.0.0.1:11434/v1", models=("qwen3:8b", *"abcdef")
)
JAN = FoundServer(program="Jan", url="http://127.0.0.1:1337/v1", needs_key=True)
EMPTY = FoundServer(program="LM Studio", url="http://127.0.0.1:1234/v1")
ODD = FoundServer(program="vLLM", url="http://127.0.0.1:8000/v1", models=("a b\x1b[31m",))


def found(monkeypatch: pytest.MonkeyPatch, *servers: FoundServer) -> None:
    monkeypatch.setattr(maintenance, "discover", lambda: servers)


def test_each_server_comes_with_the_line_that_sets_it(
    memagent: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found(monkeypatch, OLLAMA, JAN, EMPTY, ODD)
    code, out, _ = memagent("doctor")
    assert code == 0
    assert "Ollama at http://127.0.0.1:11434/v1: qwen3:8b, a, b, c, d and 2 more\n" in out
    assert "Jan at http://127.0.0.1:1337/v1: it wants a key\n" in out
    assert "LM Studio at http://127.0.0.1:1234/v1: it has no model loaded\n" in out
    assert "model_name 'a b\ufffd[31m'" in out.replace("\\x1b", "\ufffd")
    assert "\x1b" not in out
    lines = [line.partition("to use it: ")[2] for line in out.splitlines() if "to use it" in line]
    assert "memagent config set api_key KEY" in lines[1]
    for command in lines[0].split(" && "):
        assert memagent(*command.split()[1:])[0] == 0
    shown = memagent("config", "show")[1]
    assert "http://127.0.0.1:11434/v1" in shown
    assert "qwen3:8b" in shown


def test_without_a_server_it_says_how_to_start_one(memagent: Command) -> None:
    out = memagent("doctor")[1]
    assert "servers   none on this machine: start one (`ollama serve`" in out
    assert "model     local (a toy)" in out
    assert "redaction off" in out


def test_json_names_them_too(memagent: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, OLLAMA)
    told = json.loads(memagent("doctor", "--json")[1])
    (server,) = told["servers"]
    assert (server["program"], server["url"], server["models"][0], server["needs_key"]) == (
        *("Ollama", OLLAMA.url, "qwen3:8b", False),
    )


def test_the_greeting_warns_of_the_built_in_model_once(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert " ".join(greeting(load_settings(), memory)).count("is a toy") == 1
    monkeypatch.setenv("MEMAGENT_MODEL", OLLAMA.url)
    assert "is a toy" not in " ".join(greeting(load_settings(), memory))
