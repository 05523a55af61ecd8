"""Writers wait in the order they come, with a bound, and for nobody who is gone."""

import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from forking import FORKED, Child, in_child

from memagent import Memory, Scope
from memagent.errors import StoreBusy
from memagent.stores.database import connection, opening, writer_queue
from memagent.stores.database.writer_queue import WriterQueue
from memagent.testing import HashEmbedder

pytestmark = [
    pytest.mark.skipif(not Path("/proc/locks").exists(), reason="tells who waits"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]
ADA = Scope(user="ada")
HOLDS = """
import sys
from pathlib import Path
from memagent.stores.database.writer_queue import WriterQueue
with WriterQueue(Path(sys.argv[1])).turn():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / writer_queue.FILE_NAME


def waiting(file: Path) -> int:
    """Return how many wait for the lock of a file."""
    lines = Path("/proc/locks").read_text().splitlines()
    return sum("->" in line and f":{file.stat().st_ino} " in line for line in lines)


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)


@contextmanager
def held_elsewhere(file: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", HOLDS, str(file)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_threads_and_processes_have_their_turns_in_the_order_they_come(file: Path) -> None:
    queues, order = [WriterQueue(file), WriterQueue(file)], list[int]()

    def take(number: int) -> None:
        with queues[number % 2].turn():
            order.append(number)

    reading, writing = os.pipe()

    def take_in_child(wait: Callable[[], None]) -> None:
        wait()
        with WriterQueue(file).turn():
            os.write(writing, b"c")

    child = Child(take_in_child)
    with queues[0].turn():
        threads = [threading.Thread(target=take, args=(number,)) for number in range(8)]
        for number, thread in enumerate(threads[:4], start=1):
            thread.start()
            until(lambda number=number: waiting(file) == number)
        child.go()
        until(lambda: waiting(file) == 5)
        threads[4].start()
        until(lambda: waiting(file) == 6)
    assert os.read(reading, 1) == b"c"
    assert order[:4] == [0, 1, 2, 3]
    child.result()
    for thread in threads[:5]:
        thread.join()
    assert order == [0, 1, 2, 3, 4]


def test_turns_within_a_turn_are_one(file: Path) -> None:
    queue = WriterQueue(file)
    with queue.turn():
        with queue.turn():
            pass
        assert not free(file)
    assert free(file)


def free(file: Path) -> bool:
    with file.open("rb") as other:
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_a_writer_waits_with_a_bound_and_is_told_why(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_queue, "WAIT_SECONDS", 0.05)
    queue = WriterQueue(file)
    turn = queue.turn()
    with held_elsewhere(file), pytest.raises(StoreBusy, match="others have been") as caught:
        turn.__enter__()
    assert "\n" not in str(caught.value)
    until(lambda: free(file))  # nobody who gave up keeps it
    with queue.turn():
        pass


def test_a_process_that_is_killed_gives_its_turn_away(file: Path) -> None:
    with held_elsewhere(file) as process:
        turn = threading.Thread(target=lambda: WriterQueue(file).turn().__enter__())
        turn.start()
        until(lambda: waiting(file) == 1)
        process.send_signal(signal.SIGKILL)
        turn.join(20)
        assert not turn.is_alive()


def test_a_child_does_not_keep_the_turn_of_its_parent_that_is_killed(file: Path) -> None:
    """A lock belongs to the open file, which a child shares."""
    reading, writing = os.pipe()

    def parent(_: Callable[[], None]) -> None:
        queue = WriterQueue(file)
        with queue.turn():
            if os.fork() == 0:
                os.write(writing, b"f")
                signal.alarm(60)
                signal.pause()
            os.read(reading, 1)
            os.kill(os.getpid(), signal.SIGKILL)

    killed = Child(parent)
    os.waitpid(killed.pid, 0)
    until(lambda: free(file))


def test_a_fork_beside_a_writer_gives_neither_anothers_turn(tmp_path: Path, file: Path) -> None:
    queue, done = WriterQueue(file), threading.Event()
    begun = threading.Event()

    def hold() -> None:
        with queue.turn():
            begun.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait()

    def child(wait: Callable[[], None]) -> bool:
        before = free(file)
        wait()
        with queue.turn():
            return before

    forked = Child(child)
    forked.go()
    until(lambda: waiting(file) == 1)
    done.set()
    thread.join()
    assert forked.result() is False
    assert in_child(lambda: free(file)) is True


@pytest.mark.parametrize("trouble", ["no locks here", "read-only"])
def test_without_locks_on_files_the_database_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    def fail(*_: object) -> int:
        raise OSError(38, trouble)

    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        if trouble == "read-only":
            monkeypatch.setattr(os, "open", fail)
        else:
            monkeypatch.setattr(fcntl, "flock", fail)
        memory.add("one", scope=ADA)
        memory.add("two", scope=ADA)
        assert memory.count(scope=ADA) == 2
        monkeypatch.undo()


def test_a_program_that_holds_the_database_itself_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "BUSY_TIMEOUT_SECONDS", 0.05)
    with (
        Memory.open(tmp_path, embedder=HashEmbedder()) as memory,
        closing(sqlite3.connect(tmp_path / "memory.db", isolation_level=None)) as other,
    ):
        memory.add("before", scope=ADA)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match="another program holds the memory"):
            memory.add("now", scope=ADA)
        assert memory.search("before", scope=ADA)
        other.execute("ROLLBACK")
        memory.add("now", scope=ADA)


class Watches(HashEmbedder):
    """An embedder that looks whether somebody waits for it with the turn to write."""

    def __init__(self, file: Path, dimensions: int = 64) -> None:
        super().__init__(dimensions)
        self.file, self.calls = file, 0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.calls += 1
        assert not self.file.exists() or free(self.file), "an embedder was asked within a turn"
        return super().embed_documents(texts)


def test_nobody_has_the_turn_while_an_embedder_is_asked(file: Path) -> None:
    folder, embedder = file.parent, Watches(file)
    with Memory.open(folder, embedder=embedder, cache_bytes=0) as memory:
        john = memory.add("John went to the garden.", scope=ADA)
        memory.add_many(["He took the apple there.", "Then he left it."], scope=ADA)
        mary = memory.add("Mary went to the office.", scope=ADA)
        moved = memory.update(mary.id, "Mary went to the bathroom.", scope=ADA)
        memory.search("Where is Mary?", scope=ADA)
        memory.recall("Where is the apple?", scope=ADA)
        memory.changes.separate("Where is Mary?", wanted=moved.id, found=john.id, scope=ADA)
        memory.notes.compress(scope=ADA)
        lines = list(memory.maintenance.export(scope=ADA))
        memory.maintenance.import_(lines, user="bob")
        assert memory.forget(john.id, scope=ADA).records
        memory.maintenance.verify()
        memory.maintenance.compact()
    assert embedder.calls > 5
    with Memory.open(folder, embedder=Watches(file, 32), cache_bytes=0) as memory:
        assert memory.maintenance.reembed().keys


def test_a_forget_that_cannot_empty_the_log_lets_others_write_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CHECKPOINT_WAIT_MS", 800)
    with (
        Memory.open(tmp_path, embedder=HashEmbedder()) as memory,
        Memory.open(tmp_path, embedder=HashEmbedder()) as other,
        closing(sqlite3.connect(tmp_path / "memory.db", isolation_level=None)) as reader,
    ):
        record = memory.add("secret", scope=ADA)
        other.add("before", scope=ADA)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM records").fetchone()
        receipts = []
        forgetting = threading.Thread(
            target=lambda: receipts.append(memory.forget(record.id, scope=ADA))
        )
        forgetting.start()
        until(lambda: not other.get(record.id, scope=ADA))
        added = 0
        while forgetting.is_alive():
            other.add(f"meanwhile {added}", scope=ADA)
            added += 1
        forgetting.join()
        assert not receipts[0].log_emptied
        assert added > 5


def write(folder: Path, number: int, count: int) -> float:
    longest = 0.0
    with Memory.open(folder, embedder=HashEmbedder(16)) as memory:
        for n in range(count):
            started = time.perf_counter()
            memory.add(f"note {n} of writer {number}", scope=ADA)
            longest = max(longest, time.perf_counter() - started)
            if n == count // 2:
                memory.forget(memory.list(scope=ADA, limit=1)[0].id, scope=ADA)
    return longest


def test_sixteen_processes_that_make_and_write_one_store_are_never_refused(
    tmp_path: Path,
) -> None:
    with FORKED.Pool(16) as pool:
        longest = pool.starmap(write, [(tmp_path / "new", number, 6) for number in range(16)], 1)
    assert len(longest) == 16
    with Memory.open(tmp_path / "new", embedder=HashEmbedder(16)) as memory:
        assert memory.maintenance.verify() == ()
        wal = tmp_path / "new" / "memory.db-wal"
        assert not wal.exists() or wal.stat().st_size < 40 * 2**20
