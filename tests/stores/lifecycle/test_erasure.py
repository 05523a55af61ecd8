from pathlib import Path

import pytest
from erasing import held, secret_words

from memagent import Memory, Scope
from memagent.errors import InvalidInput
from memagent.testing import HashEmbedder
from memagent.types import NewRecord


def test_none_of_the_forgotten_bytes_is_left_while_the_store_is_open(
    tmp_path: Path, ada: Scope
) -> None:
    words = secret_words(40)
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        memory.add_many([f"harmless note number {n}" for n in range(100)], scope=ada)
        secrets = memory.add_many(
            [NewRecord(text=f"the {word} is secret") for word in words], scope=ada
        )
        vector = memory.engine.store.query("SELECT vector FROM keys ORDER BY id DESC LIMIT 1")[0][0]
        memory.add_many([f"harmless note number {n}" for n in range(100, 200)], scope=ada)
        assert vector in held(tmp_path)
        receipt = memory.forget([one.id for one in secrets], scope=ada)
        assert (receipt.records, receipt.keys, receipt.history) == (40, 40, 40)
        assert receipt.log_emptied
        left = held(tmp_path)
        assert b"harmless note number 199" in left
        assert not [word for word in words if word.encode() in left]
        assert not [word for word in words if word[2:].encode() in left]
        assert not [one.id for one in secrets if one.id.encode() in left]
        assert vector not in left
        assert memory.maintenance.verify() == ()
        assert memory.search(words[0], scope=ada)[0].why["words"] == 0
        memory.add(f"the {words[0]} is secret", scope=ada)
        assert memory.search(words[0], scope=ada)[0].why["words"] == 1


def test_all_versions_and_what_was_made_from_them_go_along(memory: Memory, ada: Scope) -> None:
    old = memory.add("my code is 1", scope=ada)
    new = memory.update(old.id, "my code is 2", scope=ada)
    note = memory.add("summary: code 1", scope=ada, sources=[old.id])
    answer = memory.add("as the summary says", scope=ada, sources=[note.id])
    kept = memory.add("unrelated", scope=ada, sources=["document-7"])
    receipt = memory.forget([new.id], scope=ada)
    assert receipt.asked == (new.id,)
    assert receipt.derived == (old.id, note.id, answer.id)
    assert [one.id for one in memory.list(scope=ada, everything=True)] == [kept.id]


def test_a_record_keyed_with_a_forgotten_one_stays_under_its_own_key(
    tmp_path: Path, ada: Scope
) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder(), recall="rules") as memory:
        first = memory.add("Zoe went to Xanadu.", scope=ada)
        second = memory.add("After that she went home.", scope=ada)
        assert "Xanadu" in second.keys[0]
        assert memory.forget([first.id], scope=ada).rekeyed == 1
        (left,) = memory.get([second.id], scope=ada)
        assert (left.keys, left.context) == (("After that she went home.",), ())
        assert [event.action for event in memory.history(second.id, scope=ada)] == ["add", "rekey"]
        assert b"Xanadu" not in held(tmp_path)
        assert memory.search("home", scope=ada)[0].record.id == second.id


def test_a_dry_run_says_what_would_go_and_erases_nothing(memory: Memory, ada: Scope) -> None:
    record = memory.add("my code is 1", scope=ada)
    memory.add("summary", scope=ada, sources=[record.id])
    receipt = memory.forget([record.id, "unknown"], scope=ada, dry_run=True)
    assert (receipt.dry_run, receipt.records, len(receipt.derived)) == (True, 2, 1)
    assert len(memory.list(scope=ada)) == 2


def test_a_source_a_filter_and_a_whole_scope_can_be_forgotten(memory: Memory, ada: Scope) -> None:
    memory.add("from the letter", scope=ada, sources=["letter"])
    memory.add("a draft", scope=ada, metadata={"draft": True})
    memory.add("in a session", scope=Scope(user="ada", session="s"))
    memory.add("plain", scope=ada)
    bob = memory.add("bob's", scope=Scope(user="bob"), sources=["letter"])
    assert memory.forget(scope=ada, source="letter").records == 1
    assert memory.forget(scope=ada, where={"draft": True}).records == 1
    assert memory.forget(scope=Scope(user="ada", session="s"), everything=True).records == 1
    assert [one.text for one in memory.list(scope=ada)] == ["plain"]
    assert memory.forget(scope=ada, everything=True).records == 1
    assert memory.list(scope=Scope(user="bob")) == [bob]
    with pytest.raises(InvalidInput, match="say what to forget"):
        memory.forget(scope=ada)


def test_a_lost_link_is_found_by_the_check(memory: Memory, ada: Scope) -> None:
    memory.add("a note", scope=ada, sources=[memory.add("a fact", scope=ada).id])
    with memory.engine.store.transaction() as db:
        db.execute("DELETE FROM links")
    assert memory.maintenance.verify() == ("table links: 1 rows are missing",)
    with memory.engine.store.transaction() as db:
        db.execute("INSERT INTO links VALUES (1, 'x', 1, 'source'), (1, 'x', 1, 'prompt')")
    assert "table links: 1 rows are too many" in memory.maintenance.verify()
