"""What users said is for the owner of the store alone, whatever the umask."""

import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memagent import Memory, Scope
from memagent.files import private, write_atomic
from memagent.stores.index import snapshot, vectors
from memagent.testing import HashEmbedder

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
ADA = Scope(user="ada")
UMASKS = [0o000, 0o002, 0o022, 0o027, 0o077]


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def modes(folder: Path) -> dict[str, int]:
    return {path.relative_to(folder).as_posix(): mode(path) for path in folder.rglob("*")}


@pytest.mark.parametrize("mask", UMASKS)
def test_a_new_store_is_its_owners_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mask: int
) -> None:
    monkeypatch.setattr(vectors, "SKETCH_FROM", 8)
    monkeypatch.setattr(snapshot, "SKETCH_FROM", 8)
    home = tmp_path / "a" / "home"
    with umask(mask):
        with Memory.open(home, embedder=HashEmbedder()) as memory:
            memory.add_many([f"secret {n}" for n in range(20)], scope=ADA)
            memory.search("secret", scope=ADA)
            memory.forget(memory.list(scope=ADA)[0].id, scope=ADA)
            memory.search("secret", scope=ADA)
            memory.engine.bank.vectors.save()
            held = modes(home)
        held |= modes(home)
    assert {"memory.db", "memory.db-wal", "memory.lock", "cache.db", "index/u1.snapshot"} <= {*held}
    assert mode(home) == held.pop("index") == 0o700
    assert set(held.values()) == {0o600}


@pytest.mark.parametrize("mask", UMASKS)
def test_no_file_is_ever_open_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mask: int
) -> None:
    """A file is made with its mode: there is no moment before it is changed."""
    seen = list[int]()
    fsync, replace = os.fsync, Path.replace

    def look(file: int) -> None:
        seen.extend(modes(tmp_path).values())
        fsync(file)

    def look_again(path: Path, target: Path) -> Path:
        seen.extend(modes(tmp_path).values())
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", look)
    monkeypatch.setattr(Path, "replace", look_again)
    with umask(mask):
        write_atomic(tmp_path / "export.jsonl", "secret\n")
        with open(tmp_path / "log", "a", opener=private) as log:
            log.write("secret")
    assert set(seen) == set(modes(tmp_path).values()) == {0o600}


def test_the_files_of_an_older_store_are_taken_from_others_when_it_is_opened(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tmp_path.chmod(0o755)
    with umask(0o022):
        with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
            memory.add("secret", scope=ADA)
        (tmp_path / "index").mkdir(exist_ok=True)
        (tmp_path / "index" / "u1.snapshot").write_text("old")
        (tmp_path / "notes.txt").write_text("the user's own")
    for path in tmp_path.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    with (
        caplog.at_level(logging.INFO, "memagent"),
        Memory.open(tmp_path, embedder=HashEmbedder()) as memory,
    ):
        memory.add("another", scope=ADA)
        held = modes(tmp_path)
    assert mode(tmp_path) == 0o755, "the folder was not ours to change"
    assert held.pop("notes.txt") == 0o644
    assert held.pop("index") == 0o700
    assert set(held.values()) == {0o600}
    assert "other users of this machine could use" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.INFO, "memagent"):
        Memory.open(tmp_path, embedder=HashEmbedder()).close()
    assert "other users" not in caplog.text


def test_what_another_user_owns_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Memory.open(tmp_path, embedder=HashEmbedder()).close()
    (tmp_path / "memory.db").chmod(0o660)
    monkeypatch.setattr(os, "geteuid", lambda: (tmp_path / "memory.db").stat().st_uid + 1)
    Memory.open(tmp_path, embedder=HashEmbedder()).close()
    assert mode(tmp_path / "memory.db") == 0o660
