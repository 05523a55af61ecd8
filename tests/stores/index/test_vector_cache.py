import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from memagent import Memory, Scope
from memagent.errors import InvalidInput, StoreError
from memagent.stores.database.connection import SqliteStore
from memagent.stores.database.rows import packed
from memagent.stores.index import embedding_cache
from memagent.testing import HashEmbedder
from memagent.types import NewRecord


class Counting(HashEmbedder):
    """Counts the texts it embeds."""

    def __init__(self, dimensions: int = 64) -> None:
        super().__init__(dimensions)
        self.texts: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.texts += texts
        return super().embed_documents(texts)


def told(folder: Path, texts: Sequence[str], user: str = "ada", **more: int) -> list[str]:
    """Tell a memory some texts, and return those it had to embed for it."""
    embedder = Counting()
    with Memory.open(folder, embedder=embedder, **more) as memory:
        memory.add_many(texts, scope=Scope(user=user))
    return [text for text in embedder.texts if text in texts]


def test_a_text_told_again_is_not_embedded_again_and_gets_the_same_vector(tmp_path: Path) -> None:
    assert told(tmp_path, ["one two", "three"]) == ["one two", "three"]
    assert told(tmp_path, ["three", "four", "one two"], user="bob") == ["four"]
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        rows = memory.engine.store.query("SELECT text, vector FROM keys ORDER BY id")
        vectors = {(row["text"], row["vector"]) for row in rows}
        assert (len(rows), len(vectors)) == (5, 3)
        assert memory.search("three", scope=Scope(user="bob"))[0].record.text == "three"


def test_it_holds_no_text_and_nothing_that_was_only_asked_for(tmp_path: Path, ada: Scope) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        memory.add("pelican harbour", scope=ada)
        memory.search("walrus", scope=ada)
    held = (tmp_path / embedding_cache.FILE_NAME).read_bytes()
    assert b"pelican" not in held
    right, asked = packed(np.array(HashEmbedder().embed_documents(["pelican harbour", "walrus"])))
    assert right in held
    assert asked not in held


def left_of(folder: Path, vectors: list[bytes]) -> int:
    """Return how many of some vectors the files of the cache hold bytes of."""
    left = b"".join(file.read_bytes() for file in folder.glob("cache.db*"))
    return sum(vector[:32] in left for vector in vectors)


def test_forgetting_erases_its_vectors_and_leaves_none_of_their_bytes(
    tmp_path: Path, ada: Scope
) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        records = memory.add_many([f"secret {n}" for n in range(300)], scope=ada)
        vectors = [row["vector"] for row in memory.engine.store.query("SELECT vector FROM keys")]
        assert left_of(tmp_path, vectors) == 300
        memory.forget([record.id for record in records[:100]], scope=ada)
        assert left_of(tmp_path, vectors[:100]) == 0
        assert left_of(tmp_path, vectors[100:]) == 200
    assert told(tmp_path, ["secret 5", "secret 200"], user="bob") == ["secret 5"]


def test_forgetting_erases_the_vectors_of_keys_that_leaned_on_it(
    tmp_path: Path, ada: Scope
) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder(), recall="rules") as memory:
        first = memory.add("Zoe went to Xanadu.", scope=ada)
        memory.add("After that she went home.", scope=ada)
        vectors = [row["vector"] for row in memory.engine.store.query("SELECT vector FROM keys")]
        assert left_of(tmp_path, vectors) == 2
        memory.forget([first.id], scope=ada)
        assert left_of(tmp_path, vectors) == 0


def test_what_could_not_be_stored_leaves_no_vector(tmp_path: Path, ada: Scope) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        memory.add("stored", scope=ada)
        with pytest.raises(InvalidInput):
            memory.add_many(
                [NewRecord(text="refused"), NewRecord(text="x", supersedes="none")], scope=ada
            )
    refused, stored = packed(np.array(HashEmbedder().embed_documents(["refused", "stored"])))
    assert left_of(tmp_path, [refused]) == 0
    assert left_of(tmp_path, [stored]) == 1


def test_another_embedder_s_vectors_are_never_taken(tmp_path: Path, ada: Scope) -> None:
    told(tmp_path, ["one"])
    embedder = Counting(32)
    with Memory.open(tmp_path, embedder=embedder) as memory:
        memory.maintenance.reembed()
        assert sqlite3.connect(tmp_path / "cache.db").execute(
            "SELECT count(*) FROM vectors"
        ).fetchone() == (0,)
        embedder.texts.clear()
        memory.add("one", scope=Scope(user="bob"))
    assert "one" in embedder.texts


def test_the_oldest_make_room(tmp_path: Path) -> None:
    row = 2 * 64 + embedding_cache.SUM_BYTES + embedding_cache.ROW_BYTES
    texts = [f"text {n}" for n in range(10)]
    told(tmp_path, texts, cache_bytes=4 * row)
    assert told(tmp_path, texts, user="bob", cache_bytes=4 * row) == texts[:6]


def test_none_is_made_where_none_is_wanted(tmp_path: Path) -> None:
    assert told(tmp_path, ["one"], cache_bytes=0) == ["one"]
    assert told(tmp_path, ["one"], user="bob", cache_bytes=0) == ["one"]
    assert not (tmp_path / "cache.db").exists()


@pytest.mark.parametrize("damage", ["cut", "noise", "empty", "row", "type"])
def test_a_damaged_file_is_done_without_and_made_anew(
    tmp_path: Path, ada: Scope, damage: str
) -> None:
    told(tmp_path, ["one", "two"])
    file = tmp_path / "cache.db"
    whole = file.read_bytes()
    if damage in ("row", "type"):
        with sqlite3.connect(file) as db:
            db.execute(
                "UPDATE vectors SET vector = ?",
                (b"\1" * (2 * 64 + 8) if damage == "row" else "words",),
            )
        db.close()
    else:
        damaged = {"cut": whole[:5000], "noise": b"noise" * 2000, "empty": b""}
        file.write_bytes(damaged[damage])
    assert told(tmp_path, ["one", "two"], user="bob") == ["one", "two"]
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        assert memory.maintenance.verify() == ()
        vectors = {row["vector"] for row in memory.engine.store.query("SELECT vector FROM keys")}
        assert len(vectors) == 2
    again = told(tmp_path, ["one", "two"], user="eve")
    assert again == ([] if damage != "cut" else again)


def test_a_damaged_file_does_not_keep_anything_from_being_forgotten(
    tmp_path: Path, ada: Scope
) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        record = memory.add("one", scope=ada)
    (tmp_path / "cache.db").write_bytes(b"noise" * 2000)
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        assert memory.forget([record.id], scope=ada).records == 1
    assert not (tmp_path / "cache.db").exists()


def test_while_another_process_writes_it_texts_are_embedded_and_nothing_is_forgotten_halfway(
    tmp_path: Path, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding_cache, "WAIT", 0.0)
    monkeypatch.setattr(embedding_cache, "BUSY_TIMEOUT_SECONDS", 0.0)
    told(tmp_path, ["one"])
    other = sqlite3.connect(tmp_path / "cache.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert told(tmp_path, ["one"], user="bob") == ["one"]
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        (record,) = memory.list(scope=ada)
        with pytest.raises(StoreError, match=r"cache.db cannot be emptied"):
            memory.forget([record.id], scope=ada)
        assert memory.list(scope=ada) == [record]
        other.execute("ROLLBACK")
        assert memory.forget([record.id], scope=ada).records == 1
    other.close()


def test_several_processes_share_it(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom memagent import Memory, Scope\n"
        "from memagent.testing import HashEmbedder\n"
        "with Memory.open(sys.argv[1], embedder=HashEmbedder()) as memory:\n"
        "    for n in range(20):\n"
        "        memory.add(f'text {n}', scope=Scope(user=sys.argv[2]))\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), user], env=os.environ)
        for user in ("bob", "eve")
    ]
    assert [one.wait(120) for one in running] == [0, 0]
    assert len(told(tmp_path, [f"text {n}" for n in range(20)])) < 20
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        assert memory.maintenance.verify() == ()
        rows = memory.engine.store.query("SELECT count(DISTINCT vector) AS n FROM keys")
        assert rows[0]["n"] == 20


def test_a_store_in_ram_has_no_file(ada: Scope) -> None:
    store = SqliteStore(None)
    cache = embedding_cache.VectorCache(store)
    rows = cache.documents(["one"], "some embedder", lambda texts: np.ones((len(texts), 2)))
    assert rows.tolist() == [[1, 1]]
    embedding_cache.empty(store)
    store.close()


def test_dated_notes_that_say_the_same_are_embedded_once(tmp_path: Path, ada: Scope) -> None:
    embedder = Counting()
    with Memory.open(tmp_path, embedder=embedder) as memory:
        for _ in range(3):
            note = NewRecord(text="I do not know.", valid_from=memory.maintenance.now(scope=ada))
            memory.add_many([note], scope=ada)
        assert len(memory.list(scope=ada)) == 3
    assert embedder.texts.count("I do not know.") == 1
