import hashlib
from pathlib import Path

import pytest

from memagent import Memory, Scope
from memagent.stores.database import word_index
from memagent.stores.lifecycle import integrity
from memagent.testing import HashEmbedder


def test_a_whole_store_has_no_problems_and_a_damaged_one_names_them(
    memory: Memory, ada: Scope
) -> None:
    record = memory.add("one", scope=ada)
    memory.add("two", scope=ada)
    assert memory.maintenance.verify() == ()
    with memory.engine.store.transaction() as db:
        db.execute("UPDATE keys SET vector = x'00000000' WHERE record = ?", (record.seq,))
    assert "vectors of several sizes" in memory.maintenance.verify()[0]
    with memory.engine.store.transaction() as db:
        db.execute("DELETE FROM keys WHERE record = ?", (record.seq,))
    assert memory.maintenance.verify() == (f"record {record.id} has no key",)


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM postings WHERE word = 'two'",
        "UPDATE postings SET word = 'three' WHERE word = 'two'",
        "UPDATE postings SET keys = x'0000' WHERE word = 'two'",
        "UPDATE postings SET keys = 'text' WHERE word = 'two'",
        "UPDATE postings SET block = 7 WHERE word = 'two'",
        "UPDATE postings SET user = 7 WHERE word = 'two'",
        "UPDATE keys SET text = 'three' WHERE id = 2",
        "INSERT INTO postings VALUES (1, 0, 'three', x'0100')",
    ],
)
def test_a_word_index_that_disagrees_with_the_keys_is_noticed(
    memory: Memory, ada: Scope, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr(word_index, "BLOCK", 4)
    memory.add_many(["one", "two", "two more", "last"], scope=ada)
    assert memory.maintenance.verify() == ()
    with memory.engine.store.transaction() as db:
        db.execute(damage)
    assert any("word index" in problem for problem in memory.maintenance.verify())


def test_compacting_gives_space_back_and_keeps_everything(tmp_path: Path, ada: Scope) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        memory.add("kept", scope=ada)
        many = memory.add_many([f"note number {n}" for n in range(800)], scope=ada)
        memory.forget([one.id for one in many], scope=ada)
        sizes = memory.maintenance.compact()
        assert sizes.after < sizes.before / 2
        assert memory.search("kept", scope=ada)[0].record.text == "kept"
        assert memory.maintenance.verify() == ()


def test_a_record_that_was_superseded_under_an_older_schema_is_as_it_was_written(
    memory: Memory, ada: Scope
) -> None:
    old = memory.add("I live in Porto.", scope=ada)
    memory.update(old.id, "I live in Lisbon.", scope=ada)
    content = '[null, null, "episode", true, "I live in Porto.", null]'
    whole = hashlib.sha256(content.encode()).digest()
    with memory.engine.store.transaction() as db:
        closed = hashlib.sha256(whole + old.id.encode()).digest()[:16]
        db.execute("UPDATE records SET digest = ? WHERE seq = ?", (closed, old.seq))
    assert memory.maintenance.verify() == ()
    with memory.engine.store.transaction() as db:
        db.execute("UPDATE records SET value = 'I live in Faro.' WHERE seq = ?", (old.seq,))
    assert memory.maintenance.verify() == (f"record {old.id!r} is not what was written",)


def test_a_store_is_checked_in_batches(
    memory: Memory, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integrity, "BATCH", 3)
    records = memory.add_many([f"note {n}" for n in range(10)], scope=ada)
    assert memory.maintenance.verify() == ()
    with memory.engine.store.transaction() as db:
        db.execute("UPDATE records SET value = 'x' WHERE seq IN (1, 6, 10)")
        db.execute("UPDATE keys SET vector = zeroblob(length(vector)) WHERE id = 8")
    assert memory.maintenance.verify() == (
        *(f"record {records[n].id!r} is not what was written" for n in (0, 5, 9)),
        "keys: the vector of key 8 has the length 0, not 1",
    )
