"""Filters of metadata with any keys and values, against the reference in `helpers/filtering.py`."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from filtering import ODD_KEYS, cases, holds
from hypothesis import given, settings

from memagent import Memory, Scope
from memagent.errors import InvalidInput
from memagent.integrations.vectorstore import MemagentVectorStore
from memagent.testing import HashEmbedder

ADA = Scope(user="ada")


@settings(deadline=None, max_examples=100)
@given(case=cases())
def test_every_verb_filters_as_the_reference_does(
    case: tuple[list[dict[str, Any]], dict[Any, Any]],
) -> None:
    written, where = case
    with Memory.in_memory(embedder=HashEmbedder(8), scope=ADA) as memory:
        for number, metadata in enumerate(written):
            record = memory.add(f"tea {number}", metadata=metadata)
            assert record.metadata == memory.get(record.id)[0].metadata
        expected = {f"tea {n}" for n, metadata in enumerate(written) if holds(metadata, where)}
        assert {record.text for record in memory.list(where=where)} == expected
        assert memory.count(where=where) == len(expected)
        assert {hit.record.text for hit in memory.search("tea", where=where)} == expected
        documents = MemagentVectorStore(memory, scope=ADA)
        found = documents.similarity_search("tea", k=9, filter=where)
        assert {document.page_content for document in found} == expected
        assert memory.forget(where=where).records == len(expected)
        left = {f"tea {number}" for number in range(len(written))} - expected
        assert {record.text for record in memory.list(limit=9)} == left


@pytest.mark.parametrize("key", ODD_KEYS)
def test_a_key_of_any_letters_is_matched_and_ne_is_its_opposite(key: str) -> None:
    with Memory.in_memory(embedder=HashEmbedder(8), scope=ADA) as memory:
        memory.add("tea", metadata={key: 3, "deep": {key: {key: "x"}}})
        places: list[tuple[Any, Any]] = [((key,), 3), (("deep", key, key), "x")]
        for path, value in places:
            assert memory.count(where={path: value}) == 1
            assert memory.count(where={path: {"exists": True}}) == 1
            assert memory.count(where={path: {"ne": value}}) == 0
            assert memory.forget(where={path: {"ne": value}}).records == 0


def test_metadata_that_were_stored_with_escapes_are_rewritten(tmp_path: Path) -> None:
    metadata = {"größe": 3, 'a"b': "\0é", "pair": "👍", "n": 0.1}
    with Memory.open(tmp_path, embedder=HashEmbedder(8), scope=ADA) as memory:
        memory.add("tea", metadata=metadata)
        memory.add("plain", metadata={"a": 1})
    with sqlite3.connect(tmp_path / "memory.db") as old:
        escaped = json.dumps(metadata)
        assert "\\u00f6" in escaped
        old.execute("UPDATE records SET metadata = ? WHERE value = 'tea'", [escaped])
        old.execute("UPDATE records SET metadata = '{damaged' WHERE value = 'plain'")
        old.execute("DROP INDEX keys_by_language")
        old.execute("ALTER TABLE keys DROP COLUMN language")
        old.execute("PRAGMA user_version = 8")
    old.close()
    with Memory.open(tmp_path, embedder=HashEmbedder(8), scope=ADA) as memory:
        rows = memory.engine.store.query("SELECT metadata FROM records ORDER BY seq")
        assert "größe" in rows[0][0]
        assert rows[1][0] == "{damaged"
        with memory.engine.store.transaction() as db:
            db.execute("UPDATE records SET metadata = '{}' WHERE value = 'plain'")
        assert memory.list(where={"größe": 3})[0].metadata == metadata


@pytest.mark.parametrize("where", [{"a": 1}, {"é": 1}])
def test_damaged_metadata_are_told_by_a_filter(where: dict[str, Any]) -> None:
    with Memory.in_memory(embedder=HashEmbedder(8), scope=ADA) as memory:
        memory.add("tea", metadata={"a": 1})
        with memory.engine.store.transaction() as db:
            db.execute("UPDATE records SET metadata = '{damaged'")
        with pytest.raises(Exception, match="malformed JSON"):
            memory.count(where=where)


def nested_filter(depth: int) -> dict[str, Any]:
    where: dict[str, Any] = {"a": 1}
    for level in range(depth - 1):
        where = {"not": where} if level % 2 else {"or": [where, {"b": 2}]}
    return where


def test_a_filter_of_ten_thousand_values_is_linear_and_a_deep_one_is_refused() -> None:
    many = list(range(10_000))
    with Memory.in_memory(embedder=HashEmbedder(8), scope=ADA) as memory:
        memory.add_many(["tea", "cake"])
        memory.add("tea 7", metadata={"a": 7, "tags": ["x"]})
        cases: list[tuple[Any, int]] = [
            ({"a": {"in": many}}, 1),
            ({"a": {"in": [str(number) for number in many]}}, 0),
            ({"or": [{"a": number} for number in many]}, 1),
            ({"and": [{"a": {"ne": number}} for number in many]}, 2),
            ({f"key{number}": {"exists": False} for number in many}, 3),
            ({("a",) * 10_000: {"exists": False}}, 3),
        ]
        for where, expected in cases:
            assert memory.count(where=where) == expected
        for depth in (9, 60, 100):
            assert memory.count(where=nested_filter(depth)) == sum(
                holds(metadata, nested_filter(depth)) for metadata in ({}, {}, {"a": 7})
            )
        endless: dict[str, Any] = {}
        endless["not"] = endless
        for where in (nested_filter(101), nested_filter(100_000), endless):
            with pytest.raises(InvalidInput, match="filter: nested too deeply: at most 100"):
                memory.count(where=where)


def test_metadata_beyond_their_bounds_are_refused_with_the_bound() -> None:
    deep: Any = 1
    for _ in range(99):
        deep = [deep]
    with Memory.in_memory(embedder=HashEmbedder(8), scope=ADA) as memory:
        memory.add("deep", metadata={"a": deep})
        assert memory.count(where={"a": {"eq": deep}}) == 1
        memory.add("wide", metadata={"a": [[]] * 1_000, "b": "[" * 1_000})
        for _ in range(2_000):
            deep = {"k": deep}
        endless: list[Any] = []
        endless.append(endless)
        refused: list[tuple[Any, str]] = [
            ({"a": {"a": deep}}, "at most 100 objects and lists"),
            ({"a": endless}, "cannot be kept as JSON"),
            ({"a": "x" * 16_000_000}, "one record takes 16,000,000"),
            ({"a": ["\ud83d"]}, "holds half of a character"),
            ({"a": {"\udc00": 1}}, "holds half of a character"),
            ({"1": "a", 1: "b"}, "two keys are the same text"),
        ]
        for metadata, complaint in refused:
            with pytest.raises(InvalidInput, match=complaint):
                memory.add("tea", metadata=metadata)
        memory.add("half", metadata={"a": "x" * 9_000_000})
        with pytest.raises(InvalidInput, match="one record takes 16,000,000"):
            memory.add("half", metadata={"b": "x" * 9_000_000})
        memory.add("escaped", metadata={"a": "\\ud83d"})
        assert memory.count() == 4
