import base64
import json
from pathlib import Path

import numpy as np
import pytest
from exporting import exported, fill

from memagent import Memory, Scope
from memagent.errors import EmbedderMismatch
from memagent.testing import HashEmbedder


class Renamed(HashEmbedder):
    """The hashing embedder under another name; with `turned`, other vectors too."""

    def __init__(self, name: str, *, turned: bool) -> None:
        super().__init__()
        self.name, self.turned, self.texts = name, turned, list[str]()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.texts += texts
        return super().embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        vector = super().embed_query(text)
        return vector[::-1] if self.turned else vector


@pytest.mark.parametrize("vectors", [True, False])
def test_what_was_exported_and_imported_exports_to_the_same_bytes(
    tmp_path: Path, ada: Scope, vectors: bool
) -> None:
    with Memory.open(tmp_path / "a", embedder=HashEmbedder()) as memory:
        fill(memory, ada)
        lines = list(memory.maintenance.export(scope=ada, vectors=vectors))
    with Memory.open(tmp_path / "b", embedder=HashEmbedder()) as other:
        assert other.maintenance.import_(lines) == 3
        assert list(other.maintenance.export(scope=ada, vectors=vectors)) == lines
        assert other.maintenance.import_(lines) == 0
        assert list(other.maintenance.export(scope=ada, vectors=vectors)) == lines
        assert other.maintenance.verify() == ()
        assert [hit.record.text for hit in other.search("live", scope=ada, k=1)] == [
            "I live in Lisbon."
        ]
        assert other.add("I live in Lisbon.", scope=ada).id not in ("", "mine")


def test_another_embedder_makes_the_vectors_anew(tmp_path: Path, ada: Scope) -> None:
    with Memory.open(tmp_path / "a", embedder=HashEmbedder(64)) as memory:
        fill(memory, ada)
        lines = list(memory.maintenance.export(scope=ada, vectors=True))
    with Memory.open(tmp_path / "b", embedder=HashEmbedder(32)) as other:
        assert other.maintenance.import_(lines) == 3
        assert other.search("hot drink", scope=ada)[0].record.id == "mine"


def without_probe(lines: list[str]) -> list[str]:
    """Return an export as it was before the header had a probe."""
    header = json.loads(lines[0])
    del header["probe"]
    return [json.dumps(header), *lines[1:]]


@pytest.mark.parametrize("old", [False, True], ids=["with a probe", "an old header"])
@pytest.mark.parametrize("turned", [False, True], ids=["the same space", "another space"])
def test_vectors_are_taken_over_by_what_the_embedder_makes_not_by_its_name(
    ada: Scope, old: bool, turned: bool
) -> None:
    lines = without_probe(exported(ada)) if old else exported(ada)
    embedder = Renamed("hash-64", turned=turned)
    with Memory.in_memory(embedder=embedder) as other:
        assert other.maintenance.import_(lines) == 3
        assert ("drink" in embedder.texts) == turned
        vectors = [json.loads(line)["keys"][0]["vector"] for line in lines[1:]]
        again = list(other.maintenance.export(scope=ada, vectors=True))[1:]
        assert ([json.loads(line)["keys"][0]["vector"] for line in again] == vectors) != turned
        assert other.search("drink hot", scope=ada)[0].record.id == "mine"


def test_vectors_of_an_export_in_full_precision_are_taken_over_too(ada: Scope) -> None:
    lines = exported(ada)
    full = without_probe(lines)
    for n, line in enumerate(lines[1:], start=1):
        record = json.loads(line)
        for key in record["keys"]:
            half = np.frombuffer(base64.b64decode(key["vector"]), dtype="<f2")
            key["vector"] = base64.b64encode(half.astype("<f4").tobytes()).decode()
        full[n] = json.dumps(record)
    embedder = Renamed("hash-64", turned=False)
    with Memory.in_memory(embedder=embedder) as other:
        assert other.maintenance.import_(full) == 3
        assert list(other.maintenance.export(scope=ada, vectors=True)) == lines
    assert "drink" not in embedder.texts


def test_another_name_is_no_other_embedder_but_without_a_probe_nothing_else_tells(
    ada: Scope,
) -> None:
    for lines, anew in ((exported(ada), False), (without_probe(exported(ada)), True)):
        embedder = Renamed("a path of its own", turned=False)
        with Memory.in_memory(embedder=embedder) as other:
            other.maintenance.import_(lines)
            assert ("drink" in embedder.texts) == anew


def test_an_import_of_vectors_leaves_the_store_with_its_embedder_s_fingerprint(
    tmp_path: Path, ada: Scope
) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        memory.maintenance.import_(exported(ada))
    with (
        Memory.open(tmp_path, embedder=HashEmbedder(32)) as memory,
        pytest.raises(EmbedderMismatch, match="hash-64"),
    ):
        memory.search("tea", scope=ada)


def test_the_header_is_the_store_s_own_and_the_same_every_time(tmp_path: Path, ada: Scope) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        fill(memory, ada)
        first = next(memory.maintenance.export(scope=ada, vectors=True))
        plain = next(memory.maintenance.export(scope=ada))
    with Memory.open(tmp_path, embedder=Renamed("another", turned=False)) as memory:
        assert next(memory.maintenance.export(scope=ada, vectors=True)) == first
        assert next(memory.maintenance.export(scope=ada)) == plain
    assert plain == '{"embedder": "hash-64", "memagent": 2, "vectors": false}'
    assert len(json.loads(first)["probe"]) == 64


def test_what_is_pinned_or_archived_stays_so_and_an_old_export_knows_neither(
    memory: Memory, ada: Scope
) -> None:
    fill(memory, ada)
    memory.changes.pin(["mine"], scope=ada)
    assert memory.maintenance.retain(1, scope=ada).archived
    lines = list(memory.maintenance.export(scope=ada))
    old = [json.loads(line) for line in lines]
    for line in old:
        line.pop("pinned", None)
        line.pop("archived", None)
    for told, kept in ((lines, 1), (list(map(json.dumps, old)), 2)):
        with Memory.in_memory(embedder=HashEmbedder()) as other:
            assert other.maintenance.import_(told) == 3
            assert len(other.search("live drink", scope=ada)) == kept
            assert (list(other.maintenance.export(scope=ada)) == lines) == (told is lines)
            assert [one.pinned for one in other.get(["mine"], scope=ada)] == [told is lines]


def test_an_export_holds_the_scope_and_nothing_else(memory: Memory, ada: Scope) -> None:
    fill(memory, ada)
    memory.add("bob's", scope=Scope(user="bob"))
    users = {json.loads(line)["user"] for line in list(memory.maintenance.export(scope=ada))[1:]}
    assert users == {"ada"}


def test_vectors_are_taken_over_only_by_a_store_of_the_embedder_that_made_them(
    tmp_path: Path, ada: Scope
) -> None:
    class Namesake(HashEmbedder):
        """Another embedder under the same name."""

        def _direction(self, word: str) -> object:
            return super()._direction(f"{word}!")

    with Memory.open(tmp_path / "a", embedder=HashEmbedder(64)) as memory:
        fill(memory, ada)
        lines = list(memory.maintenance.export(scope=ada, vectors=True))
    with Memory.open(tmp_path / "b", embedder=HashEmbedder(64)) as other:
        assert other.maintenance.import_(lines) == 3
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
        other.maintenance.import_(lines)
    with Memory.open(tmp_path / "d", embedder=Namesake(64)) as other:
        assert other.maintenance.import_(lines) == 3
        assert other.search("hot drink", scope=ada, k=1)[0].why["cosine"] > 0.6
