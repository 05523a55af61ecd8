"""What another process does between the reading and the writing half of a call.

The other process is a second memory on the same folder, which an embedder lets in at the worst
moment: embedders are asked between the two halves, outside of any transaction.
"""

import functools
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from racing import LetsIn, held

from memagent import Memory, Scope
from memagent.errors import EmbedderMismatch, StoreError
from memagent.testing import HashEmbedder

ADA = Scope(user="ada")
OTHER = HashEmbedder(32)
SECRET = "Zoe went to Xanadu."


def reembed(memory: Memory) -> None:
    with Memory.open(
        Path(memory.engine.store.location).parent, embedder=OTHER, recall="rules"
    ) as moved:
        moved.maintenance.reembed()


@pytest.fixture
def leaning(tmp_path: Path) -> Path:
    """A store with a record, and one that is keyed together with it."""
    with Memory.open(tmp_path, embedder=HashEmbedder(), recall="rules") as memory:
        memory.add(SECRET, scope=ADA, id="secret")
        memory.add("After that she went home.", scope=ADA, id="leaning")
    return tmp_path


Made = tuple[Callable[[Memory], object], int, int]
MADE_MEANWHILE: dict[str, Made] = {
    "a new version": (
        lambda other: other.update("secret", "Zoe went to Xanadu twice.", scope=ADA),
        2,
        1,
    ),
    "a record made from it": (
        lambda other: other.add("X. is Xanadu", scope=ADA, sources=["secret"]),
        2,
        1,
    ),
    "a record keyed with it": (lambda other: other.add("There she stayed.", scope=ADA), 1, 2),
}
"""What another process does, how many records then go, and how many are keyed anew."""


@pytest.mark.parametrize("made", MADE_MEANWHILE.values(), ids=MADE_MEANWHILE.keys())
def test_what_is_made_of_a_record_while_it_is_forgotten_goes_with_it(
    leaning: Path, made: Made
) -> None:
    act, records, rekeyed = made
    embedder = LetsIn(leaning, "After that she went home.", act)
    with Memory.open(leaning, embedder=embedder, recall="rules") as memory:
        receipt = memory.forget(["secret"], scope=ADA)
        assert embedder.let_in == 1
        assert (receipt.records, receipt.rekeyed) == (records, rekeyed)
        assert b"Xanadu" not in held(leaning)
        assert memory.search("After that she went home.", scope=ADA)[0].record.id == "leaning"
        assert memory.maintenance.verify() == ()


def test_what_leans_on_a_text_told_twice_is_keyed_anew_when_that_is_forgotten(
    tmp_path: Path,
) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder(), recall="rules") as memory:
        memory.add(SECRET, scope=ADA, id="secret")
        memory.add_many([SECRET, "After that she went home.", "Then she slept."], scope=ADA)
        assert [one.context for one in memory.list(scope=ADA)][1] == ("secret",)
        assert memory.maintenance.verify() == ()
        assert memory.forget(["secret"], scope=ADA).rekeyed == 2
        assert b"Xanadu" not in held(tmp_path)


def test_what_leans_on_a_record_that_is_forgotten_meanwhile_is_refused_whole(leaning: Path) -> None:
    key = f"{SECRET} She slept well."
    embedder = LetsIn(leaning, key, lambda other: other.forget(["secret"], scope=ADA))
    with Memory.open(leaning, embedder=embedder, recall="rules") as memory:
        with pytest.raises(StoreError, match="forgotten just now; nothing was written"):
            memory.add_many(["She slept well.", "an unrelated note"], scope=ADA)
        assert embedder.let_in == 1
        assert b"Xanadu" not in held(leaning)
        assert memory.maintenance.stats()["records"] == 1
        memory.add_many(["She slept well.", "an unrelated note"], scope=ADA)
        assert memory.maintenance.verify() == ()


def test_a_record_that_is_keyed_anew_gets_no_vector_of_an_embedder_left_behind(
    leaning: Path,
) -> None:
    embedder = LetsIn(leaning, "After that she went home.", reembed)
    with Memory.open(leaning, embedder=embedder, recall="rules") as memory:
        with pytest.raises(EmbedderMismatch):
            memory.forget(["secret"], scope=ADA)
        assert embedder.let_in == 1
    with Memory.open(leaning, embedder=OTHER, recall="rules") as memory:
        assert memory.maintenance.verify() == ()
        assert memory.forget(["secret"], scope=ADA).rekeyed == 1
        assert memory.maintenance.verify() == ()


def test_an_import_that_a_move_overtakes_is_refused_whole(leaning: Path, tmp_path: Path) -> None:
    with Memory.in_memory(embedder=HashEmbedder(), recall="rules") as source:
        source.add("imported", scope=ADA)
        lines = list(source.maintenance.export(scope=ADA))
    embedder = LetsIn(leaning, "imported", reembed)
    with Memory.open(leaning, embedder=embedder, recall="rules") as memory:
        with pytest.raises(EmbedderMismatch, match="nothing was written"):
            memory.maintenance.import_(lines)
        assert embedder.let_in == 1
    with Memory.open(leaning, embedder=OTHER, recall="rules") as memory:
        assert memory.maintenance.stats()["records"] == 2
        assert memory.maintenance.verify() == ()


@pytest.mark.parametrize("dimensions", [32, 64])
def test_a_search_that_a_move_overtakes_is_refused(leaning: Path, dimensions: int) -> None:
    class Moved(HashEmbedder):
        """Another embedder, of as many dimensions or fewer."""

        def _direction(self, word: str) -> object:
            return super()._direction(f"{word}!")

    def move(other: Memory) -> None:
        with Memory.open(leaning, embedder=Moved(dimensions), recall="rules") as moved:
            moved.maintenance.reembed()

    embedder = LetsIn(leaning, "Where is Zoe?", move)
    with Memory.open(leaning, embedder=embedder, recall="rules") as memory:
        assert memory.search("home", scope=ADA)
        with pytest.raises(EmbedderMismatch):
            memory.search("Where is Zoe?", scope=ADA)
        assert embedder.let_in == 1


def test_of_two_embedders_on_a_new_store_the_second_is_refused(tmp_path: Path) -> None:
    probe = "The quick brown fox jumps over the lazy dog."

    def first(_: Memory) -> None:
        with Memory.open(tmp_path, embedder=OTHER, recall="rules") as other:
            other.add("told by the other", scope=ADA)

    embedder = LetsIn(tmp_path, probe, first)
    with Memory.open(tmp_path, embedder=embedder, recall="rules") as memory:
        with pytest.raises(EmbedderMismatch, match="written with the embedder 'hash-32'"):
            memory.add("told by the second", scope=ADA)
        assert embedder.let_in == 1
        assert memory.maintenance.verify() == ()


@pytest.mark.parametrize(
    ("code", "refusals", "opens"),
    [(sqlite3.SQLITE_BUSY, 3, True), (sqlite3.SQLITE_FULL, 1, False)],
    ids=["another process is at it", "the disk is full"],
)
def test_a_store_that_another_process_is_making_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, refusals: int, opens: bool
) -> None:
    """SQLite refuses to switch to its log at once, whatever patience it was told to have."""
    refused: list[str] = []

    class Refusing(sqlite3.Connection):
        def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
            if sql == "PRAGMA journal_mode = WAL" and len(refused) < refusals:
                refused.append(sql)
                error = sqlite3.OperationalError("refused")
                error.sqlite_errorcode = code
                raise error
            return super().execute(sql, *values)

    monkeypatch.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=Refusing))
    if opens:
        Memory.open(tmp_path, embedder=OTHER, recall="rules").close()
    else:
        with pytest.raises(StoreError, match="refused"):
            Memory.open(tmp_path, embedder=OTHER, recall="rules")
    assert len(refused) == refusals
