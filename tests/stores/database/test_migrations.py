import hashlib
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from memagent import Memory, Scope
from memagent.stores.database import schema, word_index
from memagent.stores.database.metadata import rewritten
from memagent.stores.database.schema import APPLICATION_ID, STEPS
from memagent.testing import HashEmbedder

ROWS = """
INSERT INTO users(name) VALUES ('ada');
INSERT INTO records(id, user, kind, value, digest, evidence, created, valid_from)
    VALUES ('old', 1, 'episode', 'tea is hot', x'00', 1, 1700000000000000, 1700000000000000);
INSERT INTO history(record, at, action) VALUES (1, 1700000000000000, 'add');
"""
"""Rows as every schema so far could hold them; the key comes with a vector of the embedder."""


@pytest.mark.parametrize("version", range(1, len(STEPS)))
def test_a_store_of_every_older_schema_is_brought_up_and_read(
    tmp_path: Path, ada: Scope, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_index, "BLOCK", 2)
    old = sqlite3.connect(tmp_path / "memory.db")
    old.create_function("half", 1, schema._half)
    old.create_function("with_role", 1, schema._with_role)
    old.create_function("rewritten", 1, rewritten)
    for step in STEPS[:version]:
        old.executescript(step)
    old.executescript(ROWS)
    slim = version >= 4  # half precision, half a hash, and words indexed by the writer
    vector = np.array(HashEmbedder().embed_query("tea"), dtype="<f2" if slim else "<f4").tobytes()
    old.execute(
        "INSERT INTO keys(record, owner, text, vector) VALUES (1, 'u1', 'tea', ?)", [vector]
    )
    if version == 4:  # later, what the indexes do not hold yet is found by the row
        old.execute("INSERT INTO keys_fts(rowid, text, owner) VALUES (1, 'tea', 'u1')")
    content = '[null, null, "episode", true, "tea is hot", null]'
    digest = hashlib.sha256(content.encode()).digest()
    old.execute("UPDATE records SET digest = ?", [digest[:16] if slim else digest])
    old.execute("UPDATE sqlite_sequence SET seq = 7 WHERE name = 'records'")
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        memory.maintenance.warm(scope=ada)
        old.execute(
            "INSERT INTO meta VALUES ('embedder', ?)", [memory.engine.store.meta("embedder")]
        )
    old.commit()
    old.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version};")
    old.close()
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        assert memory.maintenance.verify() == ()
        assert memory.engine.store.query("SELECT word FROM postings")[0]["word"] == "tea"
        assert memory.search("tea", scope=ada)[0].record.text == "tea is hot"
        assert memory.add("tea is hot", scope=ada).id == "old"
        new = memory.update("old", "tea is cold", scope=ada, why="time")
        actions = [event.action for event in memory.history(new.id, scope=ada)]
        assert actions == ["add", "affirm", "supersede", "add"]
        assert new.seq == 8  # 2 to 7 were given once
        assert memory.engine.store.query("PRAGMA user_version")[0][0] == len(STEPS)


def test_a_step_that_fails_leaves_the_store_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ada: Scope
) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        memory.add("tea", scope=ada)
    broken = "CREATE TABLE fine (x); CREATE TABLE users (x);"
    monkeypatch.setattr(schema, "STEPS", (*STEPS, broken))
    with pytest.raises(Exception, match="table users already exists"):
        Memory.open(tmp_path, embedder=HashEmbedder())
    monkeypatch.undo()
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        assert memory.engine.store.query("SELECT * FROM sqlite_master WHERE name = 'fine'") == []
        assert len(memory.list(scope=Scope(user="ada"))) == 1


def test_what_old_records_derive_from_is_linked(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "memory.db")
    old.create_function("half", 1, schema._half)
    old.create_function("with_role", 1, schema._with_role)
    for step in STEPS[:6]:
        old.executescript(step)
    old.executescript("INSERT INTO users(name) VALUES ('ada'), ('bob');")
    rows = [
        ("fact", 1, "episode", None, "[]", "[]", "{}"),
        ("leans", 1, "episode", None, "[]", '["fact"]', '{"quotes": "bob"}'),
        ("second", 1, "episode", "fact", '["book", 3, null]', "[]", "{}"),
        ("broken", 1, "episode", None, "[", "x", "{"),
        ("learnt", 2, "lesson", None, '["fact"]', "[]", '{"quotes": "ada", "a": "\\u00e9"}'),
        ("broken too", 2, "lesson", None, "[", "[]", '{"quotes": "ada"'),
    ]
    old.executemany(
        "INSERT INTO records(id, user, kind, supersedes, sources, context, metadata, value, digest,"
        " evidence, created, valid_from) VALUES (?, ?, ?, ?, ?, ?, ?, 'x', x'00', 1, 0, 0)",
        rows,
    )
    old.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 6;")
    old.close()
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        links = memory.engine.store.query("SELECT * FROM links ORDER BY record, source, user")
        metadata = memory.engine.store.query("SELECT metadata FROM records ORDER BY seq")
    assert [tuple(row) for row in links] == [
        (1, "fact", 2, "context"),
        (1, "book", 3, "source"),
        (1, "fact", 3, "version"),
        (1, "fact", 5, "quote"),
    ]
    assert [row[0] for row in metadata] == [
        "{}", '{"quotes": "bob"}', "{}", "{", '{"a": "é"}', '{"quotes": "ada"'
    ]  # fmt: skip
