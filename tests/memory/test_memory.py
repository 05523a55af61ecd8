import multiprocessing
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memagent import Memory, Record, Scope
from memagent.errors import EmbedderMismatch, InvalidInput, StoreError
from memagent.testing import HashEmbedder
from memagent.types import NewRecord

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def values(records: list[Record]) -> list[str]:
    return [record.text for record in records]


def test_what_was_added_is_found_after_reopening(tmp_path: Path, ada: Scope) -> None:
    with Memory.open(tmp_path / "m", embedder=HashEmbedder()) as memory:
        record = memory.add("Mary moved to the bathroom.", scope=ada, metadata={"page": 3})
    with Memory.open(tmp_path / "m", embedder=HashEmbedder()) as memory:
        (hit,) = memory.search("Mary", scope=ada)
        assert hit.record == record
        assert hit.record.metadata == {"page": 3}
        assert hit.key == "Mary moved to the bathroom."


def test_no_verb_reaches_another_user(memory: Memory, ada: Scope) -> None:
    bob = Scope(user="bob")
    record = memory.add("the code is 1234", scope=ada)
    memory.add("the code is 9999", scope=bob)
    assert values([hit.record for hit in memory.search("code", scope=bob)]) == ["the code is 9999"]
    assert memory.get([record.id], scope=bob) == []
    assert memory.forget([record.id], scope=bob).records == 0
    assert values(memory.list(scope=ada)) == ["the code is 1234"]
    assert memory.recall("What is the code?", scope=Scope(user="eve")).hits == ()


def test_a_session_narrows_what_is_seen(memory: Memory) -> None:
    one, two = Scope(user="ada", session="1"), Scope(user="ada", session="2")
    memory.add("tea in one", scope=one)
    memory.add("tea in two", scope=two)
    assert [hit.record.text for hit in memory.search("tea", scope=one)] == ["tea in one"]
    assert len(memory.search("tea", scope=Scope(user="ada"))) == 2


def test_the_same_undated_text_is_the_same_record_told_again(memory: Memory, ada: Scope) -> None:
    first = memory.add("I live in Lisbon.", scope=ada)
    memory.add("I live in Porto.", scope=ada)
    again = memory.add("I live in Lisbon.", scope=ada)
    assert again.id == first.id
    assert memory.maintenance.stats()["records"] == 2
    assert again.affirmed is not None
    *_, hit = memory.recall("Where do I live?", scope=ada).hits  # the newest is shown last
    assert hit.record.text == "I live in Lisbon."


def test_the_same_text_at_two_times_is_two_facts(memory: Memory, ada: Scope) -> None:
    for day in (0, 1, 1):
        memory.add("It rained.", scope=ada, valid_from=NOON + timedelta(days=day))
    assert len(memory.list(scope=ada)) == 2


def test_a_bad_note_leaves_nothing_of_its_batch(memory: Memory, ada: Scope) -> None:
    with pytest.raises(InvalidInput, match="empty"):
        memory.add_many(["good", " "], scope=ada)
    assert memory.list(scope=ada) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        ("x" * 1_000_001, "1,000,001 characters"),
        ("a\0b", "NUL"),
        ("\ud800", "surrogate"),
        (b"bytes", "not b'bytes'"),
    ],
)
def test_what_is_not_text_is_refused(memory: Memory, ada: Scope, text: str, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        memory.add(text, scope=ada)


@pytest.mark.parametrize("value", [NOON, float("nan"), {1, 2}])
def test_metadata_that_is_not_json_is_refused(memory: Memory, ada: Scope, value: object) -> None:
    with pytest.raises(InvalidInput, match="cannot be kept as JSON"):
        memory.add("text", scope=ada, metadata={"key": value})
    assert memory.list(scope=ada) == []


def test_a_long_text_is_found_by_its_last_words(memory: Memory, ada: Scope) -> None:
    text = " ".join(f"Filler sentence number {n}." for n in range(300)) + " The vault code is 77."
    record = memory.add(text, scope=ada)
    memory.add("Something else.", scope=ada)
    hit = memory.search("vault code", scope=ada)[0]
    assert hit.record.text == text
    assert hit.key.endswith("The vault code is 77.")
    assert " ".join(record.keys) == text


def test_a_caller_can_give_the_keys(memory: Memory, ada: Scope) -> None:
    memory.add("42", scope=ada, keys=["the answer to everything", "life and the universe"])
    hit = memory.search("universe", scope=ada)[0]
    assert (hit.record.text, hit.key) == ("42", "life and the universe")


def test_forgetting_erases_the_bytes_and_adding_again_works(tmp_path: Path, ada: Scope) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        memory.add("keep this", scope=ada)
        record = memory.add("the secret is xyzzy", scope=ada)
        assert memory.forget([record.id, "unknown"], scope=ada).records == 1
        assert memory.search("xyzzy", scope=ada)[0].record.text == "keep this"
    held = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"keep this" in held
    assert b"xyzzy" not in held
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        assert memory.add("the secret is xyzzy", scope=ada).id != record.id


def test_another_embedder_is_refused(tmp_path: Path, ada: Scope) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder(64)) as memory:
        memory.add("hello", scope=ada)
    with (
        Memory.open(tmp_path, embedder=HashEmbedder(32)) as memory,
        pytest.raises(EmbedderMismatch, match="written with the embedder 'hash-64'"),
    ):
        memory.add("world", scope=ada)


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot open a memory"):
        Memory.open(tmp_path / "file", embedder=HashEmbedder())


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "memory.db")
    other.execute("CREATE TABLE mine (x)")
    other.close()
    before = (tmp_path / "memory.db").read_bytes()
    with pytest.raises(StoreError, match="another program"):
        Memory.open(tmp_path, embedder=HashEmbedder())
    assert (tmp_path / "memory.db").read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "memory.db").write_text("hello, I am a text file, not a database at all")
    with pytest.raises(StoreError, match="not a database"):
        Memory.open(tmp_path, embedder=HashEmbedder())


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    Memory.open(tmp_path, embedder=HashEmbedder()).close()
    newer = sqlite3.connect(tmp_path / "memory.db")
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(StoreError, match="newer memagent: schema 99"):
        Memory.open(tmp_path, embedder=HashEmbedder())


def _add_from_another_process(folder: Path, number: int) -> None:
    with Memory.open(folder, embedder=HashEmbedder()) as memory:
        for position in range(20):
            memory.add(f"note {position} of {number}", scope=Scope(user="ada"))


def test_processes_that_open_and_write_at_once_lose_nothing(tmp_path: Path, ada: Scope) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_add_from_another_process, args=(tmp_path, number))
        for number in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        assert len(memory.list(scope=ada, limit=100)) == 60


def test_an_empty_query_is_refused(memory: Memory, ada: Scope) -> None:
    with pytest.raises(InvalidInput, match="query is empty"):
        memory.search(" ", scope=ada)


def test_notes_keep_their_order_in_a_batch(memory: Memory, ada: Scope) -> None:
    records = memory.add_many(["one", NewRecord(text="two"), "three"], scope=ada)
    assert values(records) == ["one", "two", "three"]
    assert values(memory.list(scope=ada)) == ["three", "two", "one"]


def test_an_id_that_is_taken_by_another_text_is_refused(memory: Memory, ada: Scope) -> None:
    memory.add("tea", id="drink", scope=ada)
    assert memory.add("tea", id="drink", scope=ada).text == "tea"
    with pytest.raises(InvalidInput, match="'drink' is there already and says something else"):
        memory.add("coffee", id="drink", scope=ada)
    with pytest.raises(InvalidInput, match="'food' is there already"):
        memory.add_many(
            [NewRecord(id="food", text="bread"), NewRecord(id="food", text="cheese")], scope=ada
        )
    assert memory.add("coffee", id="drink", scope=Scope(user="bob")).text == "coffee"
    assert [record.text for record in memory.list(scope=ada)] == ["tea"]


def test_records_with_many_keys_do_not_crowd_others_out(memory: Memory, ada: Scope) -> None:
    for n in range(6):
        keys = tuple(f"cat {n} {place}" for place in range(50))
        memory.add(f"record {n}", keys=keys, scope=ada)
    hits = memory.search(scope=ada, vector=memory.engine.encoder.query("cat 3"), k=5)
    assert len({hit.record.id for hit in hits}) == 5


def test_many_versions_are_followed_both_ways(memory: Memory, ada: Scope) -> None:
    first = memory.add("version 0", scope=ada)
    newest = first
    for n in range(1, 30):
        newest = memory.update(newest.id, f"version {n}", scope=ada)
    for one in (first, newest):
        events = memory.history(one.id, scope=ada)
        assert [event.action for event in events].count("add") == 30


def test_what_a_refused_write_had_looked_up_is_not_remembered(memory: Memory) -> None:
    nobody = Scope(user="nobody")
    with pytest.raises(InvalidInput, match="there is no record 'gone' to supersede"):
        memory.add_many([NewRecord(text="tea", supersedes="gone")], scope=nobody)
    assert memory.engine.store.user("nobody") is None
    assert memory.engine.store.state("nobody") is None
