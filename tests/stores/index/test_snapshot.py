import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from memagent import Memory, NewRecord, Scope
from memagent.stores.index import snapshot, vectors
from memagent.testing import HashEmbedder

SIZE = 400
EMBEDDER = HashEmbedder(32)
OTHER = HashEmbedder(16)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (vectors, snapshot):
        monkeypatch.setattr(module, "SKETCH_FROM", 200)


def fill(folder: Path, scope: Scope, start: int = 0, count: int = SIZE) -> None:
    rng = np.random.default_rng(start)
    with Memory.open(folder, embedder=EMBEDDER) as memory:
        notes = [NewRecord(id=f"n{n}", text=f"note {n}") for n in range(start, start + count)]
        memory.add_many(notes, scope=scope, vectors=rng.standard_normal((count, 32)))
        asked(memory, scope)


def asked(memory: Memory, scope: Scope) -> list[tuple[str, float]]:
    query = np.random.default_rng(99).standard_normal(32)
    hits = memory.search(scope=scope, vector=query, k=20)
    return [(hit.record.id, round(hit.score, 5)) for hit in hits]


def rebuilt(folder: Path, scope: Scope, tmp_path: Path) -> list[tuple[str, float]]:
    """What is found by a copy of the database that has no snapshots."""
    copy = tmp_path / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for path in folder.glob("memory.db*"):
        shutil.copy(path, copy)
    with Memory.open(copy, embedder=EMBEDDER) as memory:
        return asked(memory, scope)


def taken(memory: Memory) -> int:
    """How many keys of the partition in memory came from a file."""
    (partition,) = memory.engine.bank.vectors._partitions.values()
    return partition.saved


@pytest.fixture
def folder(tmp_path: Path, ada: Scope) -> Path:
    fill(tmp_path / "store", ada)
    return tmp_path / "store"


def the_file(folder: Path) -> Path:
    (path,) = (folder / "index").iterdir()
    return path


def test_a_large_partition_is_kept_and_taken_up_again(
    folder: Path, tmp_path: Path, ada: Scope
) -> None:
    assert the_file(folder).name == "u1.snapshot"
    with Memory.open(folder, embedder=EMBEDDER) as memory:
        assert asked(memory, ada) == rebuilt(folder, ada, tmp_path)
        assert taken(memory) == SIZE


def test_what_came_after_the_snapshot_is_followed(folder: Path, tmp_path: Path, ada: Scope) -> None:
    with Memory.open(folder, embedder=EMBEDDER) as memory:
        first = memory.search(scope=ada, vector=np.ones(32))[0].record
        memory.update(first.id, "something else", scope=ada)
    with Memory.open(folder, embedder=EMBEDDER) as memory:
        again = memory.search(scope=ada, vector=np.ones(32))
        assert first.id not in [hit.record.id for hit in again]
        assert taken(memory) == SIZE
        assert asked(memory, ada) == rebuilt(folder, ada, tmp_path)


def test_a_snapshot_grows_with_its_partition(folder: Path, ada: Scope) -> None:
    before = the_file(folder).stat().st_size
    fill(folder, ada, SIZE, 10)
    assert the_file(folder).stat().st_size == before
    fill(folder, ada, SIZE + 10, 100)
    assert the_file(folder).stat().st_size > before


def cut(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


def flip(place: float) -> Callable[[bytes], bytes]:
    def flipped(raw: bytes) -> bytes:
        at = int(place * (len(raw) - 1))
        return raw[:at] + bytes([raw[at] ^ 4]) + raw[at + 1 :]

    return flipped


@pytest.mark.parametrize(
    "damage",
    [cut, bytes.upper, lambda raw: b"", lambda raw: bytes(len(raw)), lambda raw: raw + b"x"]
    + [flip(place / 20) for place in range(21)],
)
def test_a_damaged_snapshot_is_as_if_it_were_not_there(
    folder: Path, tmp_path: Path, ada: Scope, damage: Callable[[bytes], bytes]
) -> None:
    path = the_file(folder)
    path.write_bytes(damage(path.read_bytes()))
    with Memory.open(folder, embedder=EMBEDDER) as memory:
        assert asked(memory, ada) == rebuilt(folder, ada, tmp_path)
        assert taken(memory) == 0


def test_the_snapshot_of_another_user_or_store_is_not_taken(
    folder: Path, tmp_path: Path, ada: Scope
) -> None:
    bob = Scope(user="bob")
    with Memory.open(folder, embedder=EMBEDDER) as memory:
        memory.add_many([f"bob {n}" for n in range(SIZE)], scope=bob)
    shutil.copy(the_file(folder), folder / "index" / "u2.snapshot")
    with Memory.open(folder, embedder=EMBEDDER) as memory:
        assert asked(memory, bob) == rebuilt(folder, bob, tmp_path)
        assert taken(memory) == 0
    fill(tmp_path / "twin", ada)
    shutil.copy(the_file(tmp_path / "twin"), folder / "index" / "u1.snapshot")
    with Memory.open(folder, embedder=EMBEDDER) as memory:
        asked(memory, ada)
        assert taken(memory) == 0


def test_a_snapshot_newer_than_a_restored_database_is_not_taken(
    folder: Path, tmp_path: Path, ada: Scope
) -> None:
    shutil.copytree(folder, tmp_path / "backup", ignore=shutil.ignore_patterns("index"))
    fill(folder, ada, SIZE, 100)
    shutil.copy(tmp_path / "backup" / "memory.db", folder)
    with Memory.open(folder, embedder=EMBEDDER) as memory:
        assert asked(memory, ada) == rebuilt(folder, ada, tmp_path)
        assert taken(memory) == 0
        memory.add_many(
            [NewRecord(id=f"m{n}", text=f"other {n}") for n in range(100)],
            scope=ada,
            vectors=np.random.default_rng(5).standard_normal((100, 32)),
        )
        memory.engine.bank.vectors.clear()
        assert asked(memory, ada) == rebuilt(folder, ada, tmp_path)
        assert taken(memory) == 0


def test_forgetting_takes_the_snapshot_with_it(folder: Path, ada: Scope) -> None:
    with Memory.open(folder, embedder=EMBEDDER) as memory:
        (folder / "index" / "u1.77-77").write_bytes(b"of a process that was killed")
        memory.forget(["n3"], scope=ada)
        assert list((folder / "index").iterdir()) == []
        assert "n3" not in [one for one, _ in asked(memory, ada)]
    assert the_file(folder).name == "u1.snapshot"


def test_a_snapshot_taken_before_something_was_forgotten_is_not_written(
    folder: Path, ada: Scope
) -> None:
    with (
        Memory.open(folder, embedder=EMBEDDER) as reader,
        Memory.open(folder, embedder=EMBEDDER) as writer,
    ):
        the_file(folder).unlink()
        asked(reader, ada)
        writer.forget(["n3"], scope=ada)
        assert reader.engine.bank.vectors.save() == 0
        assert list((folder / "index").iterdir()) == []


def test_moving_to_another_embedder_takes_the_snapshots_with_it(folder: Path) -> None:
    with Memory.open(folder, embedder=OTHER) as memory:
        memory.maintenance.reembed()
        assert list((folder / "index").iterdir()) == []


def test_a_full_disk_costs_a_snapshot_and_nothing_else(
    folder: Path, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    the_file(folder).unlink()
    with Memory.open(folder, embedder=EMBEDDER) as memory:
        found = asked(memory, ada)
        monkeypatch.setattr(snapshot, "_write", full)
    assert list((folder / "index").iterdir()) == []
    with Memory.open(folder, embedder=EMBEDDER) as memory:
        assert asked(memory, ada) == found
