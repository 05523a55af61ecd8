"""Unfinished snapshot files: those of the dead are swept away, those being written stay."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from memagent import Memory, Scope
from memagent.stores.index import snapshot, vectors
from memagent.testing import HashEmbedder

EMBEDDER = HashEmbedder(32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Memory.open(tmp_path, embedder=EMBEDDER) as memory:
        memory.add("tea", scope=Scope(user="ada"))
    (tmp_path / "index").mkdir()
    return tmp_path


@pytest.fixture
def dead() -> int:
    """The number of a process that was and is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


@pytest.fixture
def alive() -> Iterator[int]:
    """The number of another process, which waits."""
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        yield process.pid
        process.communicate(b"\n")


def left(folder: Path, *names: str) -> set[str]:
    """Return which of the files are still there once the store was opened and closed."""
    for name in names:
        (folder / "index" / name).write_bytes(b"of the words of a user")
    Memory.open(folder, embedder=EMBEDDER).close()
    return {path.name for path in (folder / "index").iterdir()}


def test_what_a_killed_process_left_is_gone_when_the_store_is_opened(
    folder: Path, dead: int
) -> None:
    assert left(folder, f"u1.{dead}-140", f"u2.{dead}-7", f"u1.{2**70}-7") == set()


def test_what_another_living_process_writes_is_left_alone(folder: Path, alive: int) -> None:
    assert left(folder, f"u1.{alive}-140") == {f"u1.{alive}-140"}


def test_what_an_earlier_process_of_our_number_left_is_gone(folder: Path) -> None:
    """In a container the program has the same number every time it is started."""
    assert left(folder, f"u1.{os.getpid()}-{threading.get_ident()}") == set()


def test_what_is_no_unfinished_snapshot_is_left_alone(folder: Path, dead: int) -> None:
    others = {"u1.snapshot", "notes.txt", f"u1.{dead}", f"copy of u1.{dead}-140", "u1.x-140"}
    assert left(folder, *others) == others


def test_what_this_process_is_writing_just_now_is_left_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (vectors, snapshot):
        monkeypatch.setattr(module, "SKETCH_FROM", 20)
    ada, write, seen = Scope(user="ada"), snapshot._write, list[set[str]]()

    def opened_meanwhile(path: Path, *rest: object) -> None:
        write(path, *rest)  # type: ignore[arg-type]
        seen.append(left(folder))
        assert path.exists()

    monkeypatch.setattr(snapshot, "_write", opened_meanwhile)
    with Memory.open(folder, embedder=EMBEDDER) as memory:
        rows = np.random.default_rng(1).standard_normal((30, 32))
        memory.add_many([f"note {n}" for n in range(30)], scope=ada, vectors=rows)
        memory.search("note", scope=ada)
    assert seen == [{f"u1.{os.getpid()}-{threading.get_ident()}"}]
    assert left(folder) == {"u1.snapshot"}


def test_a_file_that_cannot_be_swept_does_not_keep_the_store_closed(
    folder: Path, dead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refused)
        assert left(folder, f"u1.{dead}-140") == {f"u1.{dead}-140"}
    assert left(folder) == set()
