from pathlib import Path

import pytest

from memagent import Memory, Scope
from memagent.errors import EmbedderMismatch
from memagent.stores.transfer import reembed
from memagent.testing import HashEmbedder

OLD, NEW = HashEmbedder(64), HashEmbedder(32)


@pytest.fixture
def folder(tmp_path: Path, ada: Scope) -> Path:
    """A store of 30 records written with the old embedder."""
    with Memory.open(tmp_path, embedder=OLD) as memory:
        memory.add_many([f"note {n} of many" for n in range(30)], scope=ada)
    return tmp_path


class CutOff(HashEmbedder):
    """An embedder that fails after some batches."""

    def __init__(self, batches: int) -> None:
        super().__init__(32)
        self.batches = batches

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.batches -= 1
        if self.batches < 0:
            raise RuntimeError("cut off")
        return super().embed_documents(texts)


def test_a_store_is_moved_to_the_embedder_it_is_opened_with(folder: Path, ada: Scope) -> None:
    with Memory.open(folder, embedder=NEW) as memory:
        with pytest.raises(EmbedderMismatch, match="run `memagent reembed`"):
            memory.search("note", scope=ada)
        assert memory.maintenance.reembed().keys == 30
        assert memory.search("note 7", scope=ada, k=1)[0].record.text == "note 7 of many"
        assert memory.maintenance.verify() == ()
    with (
        Memory.open(folder, embedder=OLD) as memory,
        pytest.raises(EmbedderMismatch, match="written with the embedder 'hash-32'"),
    ):
        memory.add("x", scope=ada)


def test_a_dry_run_tells_the_cost_and_the_likeness_and_changes_nothing(
    folder: Path, ada: Scope
) -> None:
    with Memory.open(folder, embedder=OLD) as memory:
        same = memory.maintenance.reembed(dry_run=True).compatibility
        assert same is not None
        assert (same.neighbours, same.ac, same.bc, same.fc) == (1.0, 1, 0.0, 0.0)
    with Memory.open(folder, embedder=NEW) as memory:
        told = memory.maintenance.reembed(dry_run=True)
        assert (told.keys, told.already, told.dry_run) == (30, 0, True)
        assert told.compatibility is not None
        assert 0.0 < told.compatibility.neighbours < 1.0
        assert (told.compatibility.ac, told.compatibility.bc) == (0, -1.0)
    with Memory.open(folder, embedder=OLD) as memory:
        assert len(memory.search("note", scope=ada)) == 10


def test_what_was_cut_off_goes_on_and_the_old_vectors_answer_meanwhile(
    folder: Path, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reembed, "BATCH", 10)
    with (
        Memory.open(folder, embedder=CutOff(4)) as memory,
        pytest.raises(RuntimeError, match="cut off"),
    ):
        memory.maintenance.reembed()
    with Memory.open(folder, embedder=OLD) as memory:
        assert memory.search("note 7", scope=ada, k=1)[0].record.text == "note 7 of many"
        memory.add("told meanwhile", scope=ada)
    told: list[tuple[int, int]] = []
    with Memory.open(folder, embedder=NEW) as memory:
        # The embedder is the same but for its name's class, so what was collected counts.
        assert memory.maintenance.reembed(progress=lambda *step: told.append(step)).already == 20
        assert told == [(30, 31), (31, 31)]
        assert memory.search("told meanwhile", scope=ada, k=1)[0].why["words"] == 1.0


def test_a_process_that_reads_with_the_old_embedder_is_told(folder: Path, ada: Scope) -> None:
    with Memory.open(folder, embedder=OLD) as reader, Memory.open(folder, embedder=NEW) as memory:
        assert len(reader.search("note", scope=ada)) == 10
        memory.maintenance.reembed()
        with pytest.raises(EmbedderMismatch, match="hash-32"):
            reader.search("note", scope=ada)
        with pytest.raises(EmbedderMismatch, match="hash-32"):
            reader.add("more", scope=ada)


def test_a_write_that_the_move_overtakes_is_refused_whole(folder: Path, ada: Scope) -> None:
    class Overtaken(HashEmbedder):
        """An embedder during whose work another process moves the store."""

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            if texts == ["late"]:
                with Memory.open(folder, embedder=NEW) as memory:
                    memory.maintenance.reembed()
            return super().embed_documents(texts)

    with Memory.open(folder, embedder=Overtaken(64)) as memory:
        with pytest.raises(EmbedderMismatch, match="moved to another embedder just now"):
            memory.add("late", scope=ada)
        assert len(memory.list(scope=ada)) == 30


def test_an_empty_store_is_moved_too(tmp_path: Path, ada: Scope) -> None:
    with Memory.open(tmp_path, embedder=NEW) as memory:
        assert memory.maintenance.reembed().compatibility is None
        assert memory.add("x", scope=ada).text == "x"
