import json
from pathlib import Path

import pytest

from memagent import Memory, Scope
from memagent.errors import InvalidInput
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
