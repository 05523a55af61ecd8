import json
from pathlib import Path

import pytest

from memagent import Memory, Scope
from memagent.errors import EmbedderMismatch, InvalidInput
from memagent.testing import HashEmbedder


def fill(memory: Memory, ada: Scope) -> None:
    old = memory.add("I live in Pörto.", scope=ada, metadata={"page": 3}, who="ada")
    memory.update(old.id, "I live in Lisbon.", scope=ada, why="moved")
    memory.add("tea", scope=Scope(user="ada", session="s"), keys=["drink", "hot"], id="mine")
    memory.add("tea", scope=Scope(user="ada", session="s"), keys=["drink"], id="mine")


@pytest.mark.parametrize("vectors", [True, False])
def test_what_was_exported_and_imported_exports_to_the_same_bytes(
    tmp_path: Path, ada: Scope, vectors: bool
) -> None:
    with Memory.open(tmp_path / "a", embedder=HashEmbedder()) as memory:
        fill(memory, ada)
        lines = list(memory.export(scope=ada, vectors=vectors))
    with Memory.open(tmp_path / "b", embedder=HashEmbedder()) as other:
        assert other.import_(lines) == 3
        assert list(other.export(scope=ada, vectors=vectors)) == lines
        assert other.import_(lines) == 0
        assert list(other.export(scope=ada, vectors=vectors)) == lines
        assert other.verify() == ()
        assert [hit.record.value for hit in other.search("live", scope=ada, k=1)] == [
            "I live in Lisbon."
        ]
        assert other.add("I live in Lisbon.", scope=ada).id not in ("", "mine")


def test_another_embedder_makes_the_vectors_anew(tmp_path: Path, ada: Scope) -> None:
    with Memory.open(tmp_path / "a", embedder=HashEmbedder(64)) as memory:
        fill(memory, ada)
        lines = list(memory.export(scope=ada, vectors=True))
    with Memory.open(tmp_path / "b", embedder=HashEmbedder(32)) as other:
        assert other.import_(lines) == 3
        assert other.search("hot drink", scope=ada)[0].record.id == "mine"


def test_an_export_holds_the_scope_and_nothing_else(memory: Memory, ada: Scope) -> None:
    fill(memory, ada)
    memory.add("bob's", scope=Scope(user="bob"))
    users = {json.loads(line)["user"] for line in list(memory.export(scope=ada))[1:]}
    assert users == {"ada"}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("not json", "line 2: expected a JSON object"),
        ("[]", "line 2: expected a JSON object"),
        ("{}", "line 2: expected a record, but it has no 'affirmed'"),
    ],
)
def test_a_line_that_is_no_record_is_named_and_nothing_of_its_batch_is_kept(
    memory: Memory, ada: Scope, line: str, complaint: str
) -> None:
    fill(memory, ada)
    good = list(memory.export(scope=ada))
    with Memory.open(None, embedder=HashEmbedder()) as other:
        with pytest.raises(InvalidInput, match=complaint):
            other.import_([good[0], line, *good[1:]])
        with pytest.raises(InvalidInput, match="line 1: expected the header"):
            other.import_(["{}"])
        with pytest.raises(InvalidInput, match="line 1: expected a JSON object"):
            other.import_([])
        assert other.stats()["records"] == 0


def test_vectors_are_taken_over_only_by_a_store_of_the_embedder_that_made_them(
    tmp_path: Path, ada: Scope
) -> None:
    class Namesake(HashEmbedder):
        """Another embedder under the same name."""

        def _direction(self, word: str) -> object:
            return super()._direction(f"{word}!")

    with Memory.open(tmp_path / "a", embedder=HashEmbedder(64)) as memory:
        fill(memory, ada)
        lines = list(memory.export(scope=ada, vectors=True))
    with Memory.open(tmp_path / "b", embedder=HashEmbedder(64)) as other:
        assert other.import_(lines) == 3
    with (
        Memory.open(tmp_path / "b", embedder=HashEmbedder(32)) as other,
        pytest.raises(EmbedderMismatch, match="written with the embedder 'hash-64'"),
    ):
        other.search("tea", scope=ada)
    with Memory.open(tmp_path / "c", embedder=HashEmbedder(32)) as other:
        other.add("first", scope=ada)
    with (
        Memory.open(tmp_path / "c", embedder=HashEmbedder(64)) as other,
        pytest.raises(EmbedderMismatch, match="written with the embedder 'hash-32'"),
    ):
        other.import_(lines)
    with Memory.open(tmp_path / "d", embedder=Namesake(64)) as other:
        assert other.import_(lines) == 3
        assert other.search("hot drink", scope=ada, k=1)[0].why["cosine"] > 0.6


@pytest.mark.parametrize("vector", [None, "", "AAAA", "no base64", 7])
def test_a_vector_that_is_none_is_refused(memory: Memory, ada: Scope, vector: object) -> None:
    fill(memory, ada)
    header, *records = memory.export(scope=ada, vectors=True)
    broken = json.loads(records[-1])
    broken["keys"][0]["vector"] = vector
    with Memory.open(None, embedder=HashEmbedder()) as other:
        with pytest.raises(InvalidInput, match="line 4: expected a vector of 128 bytes"):
            other.import_([header, *records[:-1], json.dumps(broken)])
        assert other.stats()["records"] == 0
