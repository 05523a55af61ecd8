"""Languages of keys: detected once, kept with them, and detected in stores of earlier versions."""

import sqlite3
from pathlib import Path

import pytest

from memagent import Memory, Scope
from memagent.stores.database import word_index
from memagent.stores.database.word_index import blocks_amiss, languages_of
from memagent.testing import HashEmbedder
from memagent.text.words import terms

GERMAN = [
    "Die Schlüssel liegen in der Schublade",
    "Meine Schwester wohnt in Köln",
    "Ich habe die Miete bezahlt",
    "Häuser",
    "Der Drucker ist kaputt",
]
RUSSIAN = ["Моя сестра живёт в Казани", "Я купила красный чемодан для поездки"]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_index, "BLOCK", 4)


def languages(memory: Memory) -> list[str | None]:
    return [row[0] for row in memory.engine.store.query("SELECT language FROM keys ORDER BY id")]


def indexed(memory: Memory) -> set[str]:
    return {row[0] for row in memory.engine.store.query("SELECT word FROM postings")}


def made_by_schema_10(folder: Path, ada: Scope) -> None:
    """Make a store of German and Russian notes as the version before made it."""
    with Memory.open(folder, embedder=HashEmbedder()) as memory:
        memory.add_many([*GERMAN, "Lena"], scope=ada)
        memory.add_many(RUSSIAN, scope=Scope(user="bob"))
    old = sqlite3.connect(folder / "memory.db")
    old.executescript(
        "DROP INDEX keys_by_language; ALTER TABLE keys DROP COLUMN language;"
        "UPDATE meta SET value = 'older' WHERE key = 'words'; PRAGMA user_version = 10;"
    )
    old.close()


def test_a_store_of_the_version_before_gets_its_languages_and_words_anew(
    tmp_path: Path, ada: Scope
) -> None:
    made_by_schema_10(tmp_path, ada)
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        assert languages(memory) == ["de"] * 6 + ["ru"] * 2
        assert languages_of(memory.engine.store.query, "u1") == ["de"]
        assert list(blocks_amiss(memory.engine.store)) == []
        assert memory.search("Wo ist das Haus?", scope=ada)[0].why["words"] == 1
        hits = memory.search("красного", scope=Scope(user="bob"))
        assert {hit.record.text for hit in hits if hit.why["words"] == 1} == {RUSSIAN[1]}
        with Memory.open(tmp_path, embedder=HashEmbedder()) as second:
            hits = second.search("Haus", scope=ada)
            assert hits[0].record.text == "Häuser"
            assert second.maintenance.verify() == ()


def test_detecting_goes_on_where_it_was_broken_off(
    tmp_path: Path, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_by_schema_10(tmp_path, ada)
    detect, calls = word_index.detect, iter(range(5))

    def killed(text: str, usual: str | None) -> str | None:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return detect(text, usual)

    with monkeypatch.context() as patch:
        patch.setattr(word_index, "detect", killed)
        with pytest.raises(KeyboardInterrupt):
            Memory.open(tmp_path, embedder=HashEmbedder())
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        assert set(languages(memory)) == {"de", "ru"}
        assert memory.engine.store.meta(word_index.UNDETECTED) is None
        assert memory.maintenance.verify() == ()


def test_languages_are_of_one_user_and_go_with_the_last_key(memory: Memory, ada: Scope) -> None:
    query, bob = memory.engine.store.query, Scope(user="bob")
    records = memory.add_many(["The keys are in the drawer", *RUSSIAN], scope=ada)
    memory.add_many(GERMAN, scope=bob)
    assert languages_of(query, "u1") == ["en", "ru"]
    assert languages_of(query, "u2") == ["de"]
    assert languages_of(query, "u3") == []
    memory.forget([record.id for record in records[1:]], scope=ada)
    assert languages_of(query, "u1") == ["en"]


def test_no_stem_of_a_forgotten_text_is_left_in_its_language(memory: Memory, ada: Scope) -> None:
    forgotten = memory.add_many([*RUSSIAN, *GERMAN], scope=ada)
    memory.add_many([f"The garden number {n} is green" for n in range(9)], scope=ada)
    stems = {stem for text in RUSSIAN for stem in terms(text, "ru")}
    assert stems & indexed(memory)
    memory.forget([record.id for record in forgotten], scope=ada)
    kept = "The garden number is green 0 1 2 3 4 5 6 7 8"  # what cannot be told is the user's usual
    assert indexed(memory) <= {*terms(kept, "en"), *terms(kept, "de")}
    assert memory.maintenance.verify() == ()


def test_a_key_of_a_running_earlier_process_is_found(memory: Memory, ada: Scope) -> None:
    memory.add_many(GERMAN, scope=ada)
    with memory.engine.store.transaction() as db:
        db.execute("UPDATE keys SET language = NULL WHERE id > 4")
    assert memory.search("Drucker", scope=ada)[0].record.text == GERMAN[4]
    assert list(blocks_amiss(memory.engine.store)) == []


def test_languages_are_detected_before_the_write_begins(
    memory: Memory, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing: list[bool] = []

    def detect(text: str, usual: str | None) -> str | None:
        writing.append(memory.engine.store._db.in_transaction)
        return "de"

    monkeypatch.setattr(word_index, "detect", detect)
    memory.add_many(GERMAN, scope=ada)
    assert writing == [False] * len(GERMAN)
    assert languages(memory) == ["de"] * len(GERMAN)
