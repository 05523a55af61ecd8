"""A full disk: an error of one line, nothing half-written, all of it readable, and on it goes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from damaging import ADA, EMBEDDER, everything, facts, fill, within

from memagent import Memory
from memagent.errors import StoreError
from memagent.testing import HashEmbedder

HELPERS = Path(__file__).parents[2] / "helpers"
DISK = 4 << 20
SETUP = """
import json, resource, signal, sys
from damaging import ADA, EMBEDDER, everything
from memagent import Memory
from memagent.cli import app as cli
from memagent.memory import engine as memory_module
from memagent.errors import StoreError
from memagent.testing import HashEmbedder

def limit(size):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
"""
WORKER = """
folder, size = sys.argv[1], int(sys.argv[2])
if size:
    limit(size)
told = {"added": {}, "gone": [], "errors": {}}

def call(name, verb):
    try:
        return verb()
    except StoreError as error:
        told["errors"][name] = str(error)

def work(memory):
    before = len(everything(memory))
    told["added"] |= {"nothing": []}
    for number in range(100):
        texts = [f"batch {number} note {part} " + "x" * 500 for part in range(20)]
        added = call("add", lambda: memory.add_many(texts, scope=ADA))
        if added is None:
            break
        told["added"] |= {one.id: one.text for one in added}
    assert len(everything(memory)) == before + len(told["added"]) - 1
    assert memory.search("cats", scope=ADA), "nothing is found any more"
    oldest = memory.list(scope=ADA, limit=1000)[-1]
    call("update", lambda: told["added"].update(
        {memory.update(oldest.id, "new " * 2000, scope=ADA).id: "new " * 2000}))
    chosen = [one.id for one in memory.list(scope=ADA, limit=3)]
    receipt = call("forget", lambda: memory.forget(chosen, scope=ADA))
    told["gone"] = [*receipt.asked, *receipt.derived] if receipt else []
    call("compact", memory.maintenance.compact)

memory = call("open", lambda: Memory.open(folder, embedder=EMBEDDER))
if memory is not None:
    with memory:
        work(memory)
        with Memory.open(folder, embedder=HashEmbedder(16)) as other:
            call("reembed", other.maintenance.reembed)
            told["moved"] = "reembed" not in told["errors"]
print(json.dumps(told))
"""
FORGET = """
with Memory.open(sys.argv[1], embedder=EMBEDDER) as memory:
    limit(int(sys.argv[2]))
    memory.add_many([f"note {part} " + "x" * 1000 for part in range(30)], scope=ADA)
    record = memory.add("to be forgotten", scope=ADA)
    receipt = memory.forget([record.id], scope=ADA)
    print(receipt.records, receipt.log_emptied)
"""
COMMAND = """
limit(int(sys.argv.pop(1)))
memory_module.open_embedder = lambda _: EMBEDDER
cli.main()
"""


def run(code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if name != "MEMAGENT_HOME"}
    return subprocess.run(
        [sys.executable, "-P", "-c", SETUP + code, *arguments],
        env=environment | {"PYTHONPATH": str(HELPERS)},
        capture_output=True,
        text=True,
        check=False,
    )


def filled(folder: Path) -> int:
    """Fill a store, and return the bytes of its largest file."""
    with Memory.open(folder, embedder=EMBEDDER) as memory:
        fill(memory)
    return (folder / "memory.db").stat().st_size


def check(folder: Path, before: dict[str, Any], told: dict[str, Any]) -> None:
    """What was acknowledged is there and nothing else; the store is whole and takes more."""
    added = {one: value for one, value in told["added"].items() if one != "nothing"}
    assert not [error for error in told["errors"].values() if "\n" in error]
    embedder = HashEmbedder(16) if told.get("moved") else EMBEDDER
    with within(60), Memory.open(folder, embedder=embedder) as memory:
        records = {one.id: one.text for one in everything(memory)}
        gone = set(told["gone"])
        assert records.keys() == (before.keys() | added.keys()) - gone
        assert {one: records[one] for one in added if one not in gone} == {
            one: value for one, value in added.items() if one not in gone
        }
        assert memory.maintenance.verify() == ()
        more = memory.add("there is room again", scope=ADA)
        assert memory.search("there is room again", scope=ADA)[0].record == more
        memory.forget([more.id], scope=ADA)
        memory.maintenance.compact()
        assert memory.maintenance.verify() == ()


@pytest.mark.parametrize("room", [1_000, 30_000, 100_000, 300_000])
def test_a_file_that_may_not_grow(tmp_path: Path, room: int) -> None:
    size = filled(tmp_path / "m")
    with Memory.open(tmp_path / "m", embedder=EMBEDDER) as memory:
        before = facts(everything(memory))
    ended = run(WORKER, str(tmp_path / "m"), str(size + room))
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    print(f"{room:,} bytes of room: {len(told['added']) - 1} added; {told['errors']}")
    assert "disk" in told["errors"]["add"]
    check(tmp_path / "m", before, told)


def test_what_was_forgotten_is_told_though_the_log_cannot_be_emptied(tmp_path: Path) -> None:
    """The transaction fits into the log; the database may not grow by what was added before."""
    with Memory.open(tmp_path / "m", embedder=EMBEDDER) as memory:
        memory.add_many([f"note {n} " + "x" * 2000 for n in range(500)], scope=ADA)
    size = (tmp_path / "m" / "memory.db").stat().st_size
    ended = run(FORGET, str(tmp_path / "m"), str(size))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "1 False\n"
    with Memory.open(tmp_path / "m", embedder=EMBEDDER) as memory:
        assert "to be forgotten" not in [record.text for record in everything(memory)]
        assert memory.maintenance.compact().log_emptied
        assert memory.maintenance.verify() == ()
    assert b"to be forgotten" not in (tmp_path / "m" / "memory.db").read_bytes()


@pytest.mark.parametrize("size", [0, 1_000, 40_000])
def test_a_store_for_which_there_is_no_room_is_refused_and_made_later(
    tmp_path: Path, size: int
) -> None:
    code = "limit(int(sys.argv[2]))\nMemory.open(sys.argv[1], embedder=EMBEDDER)"
    ended = run(code, str(tmp_path / "m"), str(size))
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("memagent.errors.StoreError: cannot open a ")
    assert filled(tmp_path / "m") > 0


def test_a_command_says_it_in_one_line(tmp_path: Path) -> None:
    filled(tmp_path / "m")
    with Memory.open(tmp_path / "m", embedder=EMBEDDER) as memory:
        memory.add_many([f"text {n} " + "x" * 400 for n in range(300)], scope=ADA)
    home = ("--home", str(tmp_path / "m"), "--user", "ada")
    (tmp_path / "texts").write_text("\n".join(f"news {n} " + "x" * 400 for n in range(300)))
    commands = (
        ("add", "--file", str(tmp_path / "texts"), *home),
        ("export", "--file", str(tmp_path / "out"), "--vectors", *home),
    )
    for command in commands:
        ended = run(COMMAND, "100000", *command)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr.count("\n") == 1
        assert ended.stderr.startswith("memagent: ")
        print(ended.stderr.strip())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "texts"]
    with Memory.open(tmp_path / "m", embedder=EMBEDDER) as memory:
        assert memory.maintenance.verify() == ()
        assert not memory.search("news 7", scope=ADA)[0].record.text.startswith("news")


VERBS: dict[str, Callable[[Memory], object]] = {
    "add": lambda memory: memory.add("x" * 100_000, scope=ADA),
    "add many": lambda memory: memory.add_many([f"text {n}" for n in range(500)], scope=ADA),
    "update": lambda memory: memory.update(memory.list(scope=ADA)[-1].id, "x" * 100_000, scope=ADA),
    "import": lambda memory: memory.maintenance.import_(exported()),
}


def exported() -> list[str]:
    with Memory.in_memory(embedder=EMBEDDER) as other:
        other.add_many([f"imported {n}" for n in range(500)], scope=ADA)
        return list(other.maintenance.export(scope=ADA))


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS.keys())
def test_a_database_that_may_take_no_more_pages(
    tmp_path: Path, verb: Callable[[Memory], object]
) -> None:
    filled(tmp_path)
    with Memory.open(tmp_path, embedder=EMBEDDER) as memory:
        before, stats = facts(everything(memory)), memory.maintenance.stats()
        (pages,) = memory.engine.store.query("PRAGMA page_count")
        memory.engine.store.query(f"PRAGMA max_page_count = {pages[0] + 2}")
        with pytest.raises(StoreError, match="cannot be used: database or disk is full") as caught:
            verb(memory)
        assert "\n" not in str(caught.value)
        assert facts(everything(memory)) == before
        assert memory.maintenance.stats() == stats
        assert memory.search("cats", scope=ADA)
        assert memory.maintenance.verify() == ()
        memory.engine.store.query("PRAGMA max_page_count = 1000000")
        verb(memory)
        assert len(everything(memory)) > len(before)
        assert memory.maintenance.verify() == ()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="tmpfs is a Linux file system")
@pytest.mark.parametrize("room", [0, 40_000, 400_000])
def test_a_disk_that_is_full(disk: Path, room: int) -> None:
    filled(disk / "m")
    with Memory.open(disk / "m", embedder=EMBEDDER) as memory:
        before = facts(everything(memory))
    left = os.statvfs(disk)
    (disk / "filler").write_bytes(bytes(max(left.f_bavail * left.f_frsize - room, 0)))
    ended = run(WORKER, str(disk / "m"), "0")
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    print(f"{room:,} bytes of room on the disk: {len(told['added']) - 1} added; {told['errors']}")
    assert "disk" in str(told["errors"].get("open", told["errors"].get("add")))
    (disk / "filler").unlink()
    check(disk / "m", before, told)
