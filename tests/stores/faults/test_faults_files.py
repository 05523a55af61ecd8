"""Files that are missing, damaged, of another sort, or not ours to read or write."""

import json
import os
import random
import shutil
import stat
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from damaging import ADA, EMBEDDER, Facts, everything, facts, fill, replaced, within

from memagent import Memory
from memagent.errors import InvalidInput, StoreError

ROUNDS = int(os.environ.get("DAMAGE_ROUNDS", "25"))
HEADER = 32
"""Bytes of the header of a write-ahead log."""
NOBODY = 65534
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Files, list[Facts]]:
    """The files of a store in use, and what it held after each write that is still in its log."""
    folder = tmp_path_factory.mktemp("whole")
    with Memory.open(folder, embedder=EMBEDDER) as memory:
        fill(memory)
        memory.maintenance.compact()
        states = [facts(everything(memory))]
        for number in range(8):
            added = memory.add(f"fact {number} in the log", scope=ADA)
            states.append(facts(everything(memory)))
            memory.update(added.id, f"news {number} in the log", scope=ADA)
            states.append(facts(everything(memory)))
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert len(files["memory.db-wal"]) > 10 * frame(files["memory.db-wal"])
    return files, states


def frame(log: bytes) -> int:
    """Return the bytes of one page in a write-ahead log, with its own header."""
    return 24 + int.from_bytes(log[8:12])


def held_after(folder: Path, files: Files) -> int | str:
    """Return after which write a store says it is, or "refused" or "noticed"."""
    replaced(folder, files)
    try:
        with within(60), Memory.open(folder, embedder=EMBEDDER) as memory:
            found = facts(everything(memory))
            memory.search("log", scope=ADA)
            problems = memory.maintenance.verify()
            memory.add("told afterwards", scope=ADA)
    except (StoreError, InvalidInput):
        return "refused"
    if problems:
        return "noticed"
    assert found in STATES, f"{len(found)} records are told that were never there together"
    return STATES.index(found)


STATES: list[Facts] = []


@pytest.fixture
def files(written: tuple[Files, list[Facts]], monkeypatch: pytest.MonkeyPatch) -> Files:
    monkeypatch.setattr(sys.modules[__name__], "STATES", list(written[1]))
    return dict(written[0])


def test_a_whole_log_is_read_to_its_end(tmp_path: Path, files: Files) -> None:
    assert held_after(tmp_path / "x", files) == len(STATES) - 1
    assert held_after(tmp_path / "x", files | {"memory.db-shm": bytes(32768)}) == len(STATES) - 1
    noise = random.Random(1).randbytes(32768)
    assert held_after(tmp_path / "x", files | {"memory.db-shm": noise}) == len(STATES) - 1


def test_without_its_log_a_store_is_as_it_was_before(tmp_path: Path, files: Files) -> None:
    del files["memory.db-wal"]
    assert held_after(tmp_path / "x", files) == 0
    assert held_after(tmp_path / "x", files | {"memory.db-wal": b""}) == 0
    assert held_after(tmp_path / "x", files | {"memory.db-wal": b"no log at all"}) == 0


def test_the_log_of_another_store_makes_no_mixture(tmp_path: Path, files: Files) -> None:
    """A log does not say whose it is: one that holds a whole store is that store, as it was."""
    STATES.append({})
    with Memory.open(tmp_path / "other", embedder=EMBEDDER) as memory:
        memory.add_many([f"of another store {n}" for n in range(50)], scope=ADA)
        STATES.append(facts(everything(memory)))
        log = (tmp_path / "other" / "memory.db-wal").read_bytes()
    for frames in range(len(log) // frame(log) + 1):
        part = log[: HEADER + frames * frame(log)]
        held = held_after(tmp_path / "x", files | {"memory.db-wal": part})
        assert held in ("refused", "noticed", 0, len(STATES) - 1, len(STATES) - 2)


def test_a_damaged_log_is_read_up_to_the_damage(tmp_path: Path, files: Files) -> None:
    """A commit is there whole or not at all, and none is there without those before it."""
    whole, rng = files["memory.db-wal"], random.Random(2)
    told: Counter[int | str] = Counter()
    for number in range(2 * ROUNDS):
        at, size = rng.randrange(len(whole)), rng.choice([1, 100, 4096])
        damaged = bytearray(whole)
        if number % 3 == 0:
            del damaged[at:]
        elif number % 3 == 1:
            damaged[at : at + size] = bytes(len(damaged[at : at + size]))
        else:
            damaged[at] ^= 1 << rng.randrange(8)
        held = held_after(tmp_path / "x", files | {"memory.db-wal": bytes(damaged)})
        told[held] += 1
        if number % 3 == 2 and at > HEADER and isinstance(held, int):
            assert held < len(STATES) - 1, "a flipped bit was read"
    states = sorted(one for one in told if isinstance(one, int))
    print(f"{told.total()} damaged logs: {len(states)} of {len(STATES)} states told, {dict(told)}")
    assert len(states) > 3


@pytest.mark.parametrize(
    "content",
    [b"hello, I am a text file", b"hello, I am a text file" * 1000, bytes(4096), bytes(100_000)],
    ids=["short text", "long text", "a page of zeros", "many zeros"],
)
def test_a_file_that_is_no_database_is_refused_and_left_alone(
    tmp_path: Path, content: bytes
) -> None:
    replaced(tmp_path / "x", {"memory.db": content})
    with pytest.raises(StoreError, match="not a database") as caught:
        Memory.open(tmp_path / "x", embedder=EMBEDDER)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "x" / "memory.db").read_bytes() == content


def test_a_folder_in_the_file_s_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "memory.db").mkdir()
    with pytest.raises(StoreError, match="unable to open database file"):
        Memory.open(tmp_path, embedder=EMBEDDER)


def test_an_empty_file_is_a_new_store(tmp_path: Path) -> None:
    replaced(tmp_path / "x", {"memory.db": b""})
    assert facts_written(tmp_path / "x") == ["told afterwards"]


def facts_written(folder: Path) -> list[str]:
    with Memory.open(folder, embedder=EMBEDDER) as memory:
        memory.add("told afterwards", scope=ADA)
        assert memory.maintenance.verify() == ()
        return [record.text for record in memory.list(scope=ADA)]


LACKING = """
import json, os, sys
from damaging import ADA, EMBEDDER
from memagent import Memory
from memagent.errors import StoreError

folder, told = sys.argv[1], {}
with Memory.in_memory(embedder=EMBEDDER) as memory:  # loads what is loaded when first needed
    memory.add("tea", scope=ADA)
    memory.search("tea", scope=ADA)
    memory.maintenance.verify()
if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)

def call(name, verb):
    try:
        told[name] = verb()
    except StoreError as error:
        told[name] = str(error)

try:
    with Memory.open(folder, embedder=EMBEDDER) as memory:
        call("list", lambda: [one.text for one in memory.list(scope=ADA)])
        call("search", lambda: [one.record.text for one in memory.search("log", scope=ADA)])
        call("verify", lambda: list(memory.maintenance.verify()))
        call("add", lambda: memory.add("more", scope=ADA).text)
        call("forget", lambda: memory.forget(scope=ADA, everything=True).records)
        call("compact", lambda: str(memory.maintenance.compact()))
except StoreError as error:
    told["open"] = str(error)
print(json.dumps(told))
"""


@pytest.fixture
def shared() -> Iterator[Path]:
    """A closed store in a folder that another account may enter."""
    outer = Path(tempfile.mkdtemp(prefix="memagent-"))
    outer.chmod(0o755)
    with Memory.open(outer / "store", embedder=EMBEDDER) as memory:
        memory.add("in the log", scope=ADA)
    if os.geteuid() == 0:
        for path in (outer / "store", *(outer / "store").iterdir()):
            os.chown(path, NOBODY, NOBODY)
    yield outer / "store"
    (outer / "store").chmod(0o755)
    shutil.rmtree(outer)


def told_to_nobody(folder: Path) -> dict[str, object]:
    """Use a store from a process without a superuser's rights, and return what it was told."""
    ended = subprocess.run(
        [sys.executable, "-c", LACKING, str(folder)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "helpers")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    told = dict(json.loads(ended.stdout))
    assert not [one for one in told.values() if isinstance(one, str) and "\n" in one]
    return told


def test_a_folder_without_permission_is_refused(shared: Path) -> None:
    assert told_to_nobody(shared)["add"] == "more"
    shared.chmod(0)
    assert str(told_to_nobody(shared)["open"]).startswith("cannot open a memory in ")


def test_a_folder_that_cannot_be_made_is_refused(shared: Path) -> None:
    shared.chmod(0o555)
    told = told_to_nobody(shared / "deeper" / "store")
    assert str(told["open"]).endswith("permission denied")


@pytest.mark.parametrize("folder_too", [False, True], ids=["the file", "the file and its folder"])
def test_what_is_read_only_is_read_and_not_written(shared: Path, folder_too: bool) -> None:
    for path in shared.iterdir():
        path.chmod(stat.S_IREAD)
    if folder_too:
        shared.chmod(0o555)
    before = (shared / "memory.db").read_bytes()
    told = told_to_nobody(shared)
    print(f"read-only: {told}")
    assert (shared / "memory.db").read_bytes() == before
    if "open" in told:
        assert str(told["open"]).startswith("cannot open a memory in ")
        return
    assert (told["list"], told["search"]) == (["in the log"], ["in the log"])
    for verb in ("add", "forget", "compact"):
        assert "cannot be used: attempt to write a readonly database" in str(told[verb])
