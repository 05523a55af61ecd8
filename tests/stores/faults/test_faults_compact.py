"""`compact` beside readers: both go on, and it says what it could not do."""

import functools
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from memagent import Memory, Scope
from memagent.cli import app
from memagent.memory import engine as engine_module
from memagent.stores.database import connection as sqlite_module
from memagent.testing import HashEmbedder

ROUNDS = int(os.environ.get("COMPACT_ROUNDS", "10"))
BOB = Scope(user="bob")
EMBEDDER = HashEmbedder(16)
READER = """
import sys
from memagent import Memory, Scope
from memagent.testing import HashEmbedder

wanted = {f"cat number {n}" for n in range(10)}
with Memory.open(sys.argv[1], embedder=HashEmbedder(16)) as memory:
    for _ in sys.stdin:
        found = {hit.record.text for hit in memory.search("cat", scope=Scope(user="ada"), k=20)}
        sys.stdout.write("right\\n" if found == wanted else f"wrong {sorted(found)}\\n")
        sys.stdout.flush()
"""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no connection wait for a lock, so that what cannot be done is told at once."""
    patient = sqlite3.connect
    monkeypatch.setattr(
        sqlite3,
        "connect",
        lambda *args, **options: patient(*args, **(options | {"timeout": 0})),
    )


@pytest.fixture
def folder(tmp_path: Path, ada: Scope) -> Path:
    """A store with ten records of ada's, and a thousand of bob's of which few are left."""
    with Memory.open(tmp_path, embedder=EMBEDDER) as memory:
        memory.add_many([f"cat number {n}" for n in range(10)], scope=ada)
        many = memory.add_many([f"note number {n}" for n in range(300)], scope=BOB)
        memory.forget([record.id for record in many[:250]], scope=BOB)
    return tmp_path


@contextmanager
def reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """Hold a read transaction, as a backup tool does."""
    with closing(sqlite3.connect(folder / "memory.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM records").fetchone()
        yield reader


def values(memory: Memory, scope: Scope) -> list[str]:
    return [hit.record.text for hit in memory.search("cat number", scope=scope, k=20)]


@pytest.mark.usefixtures("impatient")
def test_a_reader_keeps_its_state_and_compact_says_that_the_log_stays(
    folder: Path, ada: Scope
) -> None:
    with Memory.open(folder, embedder=EMBEDDER) as memory:
        before = values(memory, ada)
        with reading(folder) as reader:
            memory.forget([memory.list(scope=BOB)[0].id], scope=BOB)
            held = memory.maintenance.compact()
            assert not held.log_emptied
            assert reader.execute("SELECT count(*) FROM records").fetchone() == (60,)
            assert values(memory, ada) == before
            memory.add("told meanwhile", scope=BOB)
            assert reader.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        done = memory.maintenance.compact()
        assert done.log_emptied
        assert done.after < held.after / 2
        assert values(memory, ada) == before
        assert len(memory.list(scope=BOB)) == 50
        assert memory.maintenance.verify() == ()
    print(f"compact beside a reader: {held.after:,} bytes; after it: {done.after:,}")


@pytest.mark.usefixtures("impatient")
def test_the_command_says_so_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engine_module, "open_embedder", lambda _: EMBEDDER)
    monkeypatch.setattr(sys, "argv", ["memagent", "compact", "--home", str(folder)])
    with reading(folder), pytest.raises(SystemExit) as caught:
        app.main()
    out, err = capsys.readouterr()
    assert (caught.value.code, out.count("\n")) == (0, 1)
    assert (
        err == "another process is still reading: the log keeps its pages until the next compact\n"
    )
    with pytest.raises(SystemExit):
        app.main()
    assert capsys.readouterr().err == ""


def test_emptying_the_log_waits_for_readers_only_shortly(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can write during a try; a write itself waits as long as before."""
    monkeypatch.setattr(sqlite_module, "CHECKPOINT_TRY_MS", 5)
    monkeypatch.setattr(sqlite_module, "CHECKPOINT_WAIT_MS", 50)
    with Memory.open(folder, embedder=EMBEDDER) as memory, reading(folder):
        store, waits = memory.engine.store, list[int]()
        patience = store.query("PRAGMA busy_timeout")[0][0]

        def told(statement: str) -> None:
            if statement.startswith("PRAGMA busy_timeout ="):
                waits.append(int(statement.rpartition(" ")[2]))

        store._db.set_trace_callback(told)
        assert not memory.forget([memory.list(scope=BOB)[0].id], scope=BOB).log_emptied
        store._db.set_trace_callback(None)
        assert len(waits) > 2  # between the tries others may write
        assert waits[:2] * (len(waits) // 2) == waits
        assert waits[:2] == [5, patience]
        assert patience >= 10_000


def test_a_process_that_searches_meanwhile_always_finds_the_truth(folder: Path) -> None:
    """The reader is asked before each step and must have answered after it."""
    command = [sys.executable, "-P", "-c", READER, str(folder)]
    pipes = functools.partial(subprocess.Popen, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    compacted = 0
    with pipes(command, text=True) as reader, Memory.open(folder, embedder=EMBEDDER) as memory:
        assert reader.stdin is not None
        assert reader.stdout is not None
        for number in range(ROUNDS):
            for step in (
                lambda number=number: memory.add(f"note told in round {number}", scope=BOB),
                lambda: memory.forget([memory.list(scope=BOB)[0].id], scope=BOB),
                memory.maintenance.compact,
            ):
                reader.stdin.write("search\n" * 5)
                reader.stdin.flush()
                done = step()
                assert [reader.stdout.readline() for _ in range(5)] == ["right\n"] * 5
            compacted += done.log_emptied
        assert memory.maintenance.verify() == ()
        assert memory.maintenance.compact().log_emptied
    assert reader.returncode == 0
    print(f"{ROUNDS} compacts beside {15 * ROUNDS} searches; {compacted} emptied the log at once")
