"""Damaged, exchanged and outdated index files: a search finds what it would find without them.

Whatever files a store keeps in its folder `index` are damaged in every way, one after the other.
"""

import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memagent import Memory, Scope
from memagent.errors import StoreError
from memagent.stores.index import snapshot, vectors
from memagent.testing import HashEmbedder
from memagent.types import NewRecord

ROUNDS = int(os.environ.get("DAMAGE_ROUNDS", "10"))
SIZE = 300
EMBEDDER = HashEmbedder(32)
ADA, BOB = Scope(user="ada"), Scope(user="bob")
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
Found = list[list[tuple[str, float]]]


@pytest.fixture(autouse=True, params=[100, 10**9], ids=["sketched", "exact"])
def _small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep files of few records, with a sketch of the vectors or without."""
    monkeypatch.setattr(snapshot, "SKETCH_FROM", 100)
    monkeypatch.setattr(vectors, "SKETCH_FROM", request.param)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of two users with everything that an index holds of a record, and its files."""
    with Memory.open(tmp_path / "store", embedder=EMBEDDER) as memory:
        for seed, scope in enumerate((ADA, BOB)):
            notes = [
                NewRecord(
                    id=f"n{n}",
                    text=f"note {n} of {scope.user}",
                    evidence=n % 3 > 0,
                    valid_from=NOON + timedelta(hours=n),
                    valid_to=NOON + timedelta(days=n) if n % 5 == 0 else None,
                )
                for n in range(SIZE)
            ]
            given = np.random.default_rng(seed).standard_normal((SIZE, 32))
            memory.add_many(notes, scope=scope, vectors=given)
            memory.add("in a session", scope=Scope(user=scope.user, session="s"))
            memory.update("n7", "news", scope=scope)
    asked(tmp_path / "store")
    if not files(tmp_path / "store"):
        pytest.skip("no index files are kept")
    return tmp_path / "store"


def files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "index").glob("*") if path.is_file())


def asked(folder: Path) -> Found:
    """What searches of every sort find; files are written when the store is closed."""
    query = np.random.default_rng(99).standard_normal(32)
    with Memory.open(folder, embedder=EMBEDDER) as memory:
        hits = []
        for scope in (ADA, BOB, Scope(user="ada", session="s")):
            hits += [
                memory.search(scope=scope, vector=query, k=3 * SIZE),
                memory.search(scope=scope, vector=query, as_of=NOON + timedelta(days=3)),
                memory.search(scope=scope, vector=query, since=NOON + timedelta(hours=100)),
                memory.search("news", scope=scope),
                memory.search("note 12", scope=scope, k=3),
            ]
    return [[(hit.record.id, round(hit.score, 4)) for hit in some] for some in hits]


def rebuilt(folder: Path) -> Found:
    """What a copy of the database finds that has no index files."""
    copy = folder.parent / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for path in folder.glob("memory.db*"):
        shutil.copy(path, copy)
    return asked(copy)


def ways(raw: bytes) -> Iterator[bytes]:
    """A file damaged in every way that needs no other file."""
    rng = random.Random(4)
    yield from (b"", b"\n", raw[:1], raw[:-1], raw + b"x", raw + raw, bytes(len(raw)))
    yield from (raw[: rng.randrange(len(raw))] for _ in range(ROUNDS // 5))
    for _ in range(ROUNDS):
        at, size = rng.randrange(len(raw)), rng.choice([1, 64, 4096])
        yield raw[:at] + bytes(len(raw[at : at + size])) + raw[at + size :]
        yield raw[:at] + bytes([raw[at] ^ (1 << rng.randrange(8))]) + raw[at + 1 :]
        yield raw[:at] + bytes(byte ^ 1 for byte in raw[at : at + 800]) + raw[at + 800 :]
    for at in range(0, min(len(raw), 600), 600 // ROUNDS):  # its beginning says what it is of
        yield raw[:at] + bytes([raw[at] ^ (1 << rng.randrange(8))]) + raw[at + 1 :]


def test_damaged_files_change_no_search(store: Path) -> None:
    """Each time in a fresh copy, as a store writes a damaged file anew when it is closed."""
    wanted, tried = rebuilt(store), 0
    assert asked(store) == wanted
    copy = store.parent / "damaged"
    for path in files(store):
        for damaged in ways(path.read_bytes()):
            shutil.copytree(store, copy)
            (copy / "index" / path.name).write_bytes(damaged)
            assert asked(copy) == wanted
            shutil.rmtree(copy)
            tried += 1
    print(f"{len(files(store))} index files, {tried} times damaged")
    assert tried > 0


def reworded(raw: bytes, edit: Callable[[dict[str, Any], bytearray], None]) -> bytes:
    """A file with another header or body and the right checksum, as another version may write."""
    _, header, body = raw.split(b"\n", 2)
    parts, rest = json.loads(header), bytearray(body)
    edit(parts, rest)
    whole = json.dumps(parts).encode() + b"\n" + rest
    return hashlib.blake2b(whole).hexdigest().encode() + b"\n" + whole


EDITS: dict[str, Callable[[dict[str, Any], bytearray], None]] = {
    "another format": lambda parts, _: parts["stamp"].update(format=99),
    "another field": lambda parts, _: parts["stamp"].update(colour="red"),
    "no stamp": lambda parts, _: parts.pop("stamp"),
    "no arrays": lambda parts, _: parts.update(arrays=[]),
    "arrays of another sort": lambda parts, _: parts.update(arrays=[["table", "object", [1]]]),
    "a body of zeros": lambda _, body: body.__setitem__(slice(None), bytes(len(body))),
    "no body": lambda _, body: body.clear(),
    "vectors of another sort": lambda _, body: body.__setitem__(
        slice(-40_000, None), b"z" * 40_000
    ),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_files_of_another_version_change_no_search(
    store: Path, edit: Callable[[dict[str, Any], bytearray], None]
) -> None:
    wanted = rebuilt(store)
    for path in files(store):
        raw = path.read_bytes()
        assert reworded(raw, lambda *_: None).split(b"\n", 1)[0] == raw.split(b"\n", 1)[0]
        path.write_bytes(reworded(raw, edit))
    assert asked(store) == wanted


def exchanged(store: Path) -> None:
    one, other, *_ = files(store)
    one_raw, other_raw = one.read_bytes(), other.read_bytes()
    one.write_bytes(other_raw)
    other.write_bytes(one_raw)


def of_another_store(store: Path) -> None:
    twin = store.parent / "twin"
    with Memory.open(twin, embedder=EMBEDDER) as memory:
        for scope in (ADA, BOB):
            notes = [
                NewRecord(id=f"n{n}", text=f"note {n} of another {scope.user}") for n in range(SIZE)
            ]
            memory.add_many(notes, scope=scope)
    asked(twin)
    for path in files(twin):
        shutil.copy(path, store / "index" / path.name)


def a_folder_instead(store: Path) -> None:
    for path in files(store):
        path.unlink()
        path.mkdir()


def a_file_instead_of_the_folder(store: Path) -> None:
    shutil.rmtree(store / "index")
    (store / "index").write_text("no folder")


def with_files_of_others(store: Path) -> None:
    for name in ("u1", "u1.snapshot.bak", "u9.snapshot", "snapshot", ".hidden", "u1.99-99"):
        (store / "index" / name).write_bytes(b"of somebody else")


@pytest.mark.parametrize(
    "how",
    [
        exchanged,
        of_another_store,
        a_folder_instead,
        a_file_instead_of_the_folder,
        with_files_of_others,
    ],
)
def test_files_that_are_not_this_user_s_change_no_search(
    store: Path, how: Callable[[Path], None]
) -> None:
    wanted = rebuilt(store)
    how(store)
    assert asked(store) == wanted
    with Memory.open(store, embedder=EMBEDDER) as memory:
        memory.add_many([f"told afterwards {n}" for n in range(SIZE)], scope=ADA)
        try:
            memory.forget(["n8"], scope=ADA)
        except StoreError as error:
            print(f"{how.__name__}: {error}")
    assert asked(store) == rebuilt(store)


CHANGES: dict[str, Callable[[Memory], object]] = {
    "more": lambda memory: memory.add_many([f"more {n}" for n in range(SIZE)], scope=ADA),
    "a new version": lambda memory: memory.update("n12", "later news", scope=ADA),
    "something forgotten": lambda memory: memory.forget(["n12", "n250"], scope=ADA),
    "all forgotten": lambda memory: memory.forget(scope=ADA, everything=True),
    "compacted": lambda memory: memory.maintenance.compact(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_an_older_copy_of_the_files_put_back_changes_no_search(
    store: Path, change: Callable[[Memory], object]
) -> None:
    shutil.copytree(store / "index", store.parent / "older")
    with Memory.open(store, embedder=EMBEDDER) as memory:
        change(memory)
    wanted = rebuilt(store)
    shutil.rmtree(store / "index", ignore_errors=True)
    shutil.copytree(store.parent / "older", store / "index")
    assert asked(store) == wanted


OTHERWISE: dict[str, tuple[Callable[[Memory], object], Callable[[Memory], object]]] = {
    "nothing": (CHANGES["more"], lambda memory: None),
    "other texts": (
        CHANGES["more"],
        lambda memory: memory.add_many([f"less {n}" for n in range(SIZE)], scope=ADA),
    ),
    "two texts the other way round": (
        CHANGES["more"],
        lambda memory: memory.add_many([f"more {n}" for n in (1, 0, *range(2, SIZE))], scope=ADA),
    ),
    "a new version of another record": (
        lambda memory: (memory.update("n12", "later news", scope=ADA), CHANGES["more"](memory)),
        lambda memory: (memory.update("n13", "later news", scope=ADA), CHANGES["more"](memory)),
    ),
    "another record forgotten": (
        lambda memory: (memory.forget(["n12"], scope=ADA), CHANGES["more"](memory)),
        lambda memory: (memory.forget(["n13"], scope=ADA), CHANGES["more"](memory)),
    ),
}
"""What is done after a copy of the database was made, and what once it was put back."""


@pytest.mark.parametrize(("first", "then"), OTHERWISE.values(), ids=OTHERWISE.keys())
def test_files_of_a_past_that_was_undone_change_no_search(
    store: Path, first: Callable[[Memory], object], then: Callable[[Memory], object]
) -> None:
    """The database is put back from a copy, and goes another way; the numbers are the same."""
    shutil.copy(store / "memory.db", store.parent / "backup.db")
    with Memory.open(store, embedder=EMBEDDER) as memory:
        first(memory)
    asked(store)
    kept = store.parent / "kept"
    shutil.copytree(store / "index", kept)
    shutil.copy(store.parent / "backup.db", store / "memory.db")
    shutil.rmtree(store / "index")
    with Memory.open(store, embedder=EMBEDDER) as memory:
        then(memory)
    shutil.rmtree(store / "index", ignore_errors=True)
    shutil.copytree(kept, store / "index")
    assert asked(store) == rebuilt(store)
