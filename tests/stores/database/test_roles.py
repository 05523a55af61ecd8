"""The role of a record: filtered by, brought up from stores and exports of 0.1."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memagent import Memory, Scope
from memagent.errors import InvalidInput
from memagent.stores.database import schema
from memagent.stores.database.filters import Filter
from memagent.stores.database.schema import APPLICATION_ID, STEPS, with_role
from memagent.stores.ranking import Ranking
from memagent.testing import HashEmbedder

OLD: dict[str, dict[str, Any]] = {
    "said": {"page": 1, "author": "user", "é": "ü"},
    "replied": {"author": "agent", "steps": [{"author": "agent"}]},
    "named": {"author": "agent", "role": "tool"},
    "a book": {"author": "Ada"},
    "a list": {"author": ["user"]},
    "nothing": {},
}
NEW = OLD | {
    "said": {"page": 1, "role": "user", "é": "ü"},
    "replied": {"role": "assistant", "steps": [{"author": "agent"}]},
}


def metadata_of(memory: Memory, scope: Scope) -> dict[str, dict[str, Any]]:
    return {record.text: dict(record.metadata) for record in memory.list(scope=scope)}


@pytest.mark.parametrize(
    ("roles", "texts"),
    [
        (("user",), ["asked"]),
        (("user", "assistant"), ["asked", "replied"]),
        (("tool",), []),
        (None, ["asked", "replied", "told"]),
    ],
)
def test_roles_are_filtered_in_every_ranking(
    memory: Memory, ada: Scope, roles: tuple[str, ...] | None, texts: list[str]
) -> None:
    for text, role in (("asked", "user"), ("replied", "assistant"), ("told", None)):
        memory.add(text, scope=ada, keys=["tea"], metadata={"role": role} if role else {})
    where = Filter(scope=ada, roles=roles)
    records = memory.engine.store.read.newest(where, 9)
    assert sorted(record.text for record in records) == texts
    assert memory.engine.store.read.count(where) == len(texts)
    vector = memory.engine.encoder.query("tea")
    for query in ("tea", None):  # words and meaning, and meaning alone
        hits = memory.engine.bank.search(query, vector, where, Ranking())
        assert sorted(hit.record.text for hit in hits) == texts


@pytest.mark.parametrize("roles", [(), "user", ("user", 3), ("\ud800",)])
def test_roles_that_are_no_texts_are_refused(ada: Scope, roles: Any) -> None:
    with pytest.raises(InvalidInput, match="filter"):
        Filter(scope=ada, roles=roles)


def test_a_store_of_before_names_roles_and_keeps_what_is_no_author(
    tmp_path: Path, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = sqlite3.connect(tmp_path / "memory.db")
    old.create_function("half", 1, schema._half)
    for step in STEPS[:5]:
        old.executescript(step)
    old.execute("INSERT INTO users(name) VALUES ('ada')")
    old.executemany(
        "INSERT INTO records(id, user, kind, value, digest, evidence, created, valid_from,"
        " metadata)"
        " VALUES (?1, 1, 'episode', ?1, x'00', 1, 0, 0, ?2)",
        [(text, json.dumps(metadata)) for text, metadata in OLD.items()],
    )
    old.execute("""UPDATE records SET metadata = '{"author": "user"' WHERE value = 'nothing'""")
    old.commit()
    old.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 5")
    old.close()
    monkeypatch.setattr(schema, "STEPS", schema.STEPS[:6])
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        rows = memory.engine.store.query("SELECT value, metadata FROM records")
        held = {row["value"]: row["metadata"] for row in rows}
        assert held.pop("nothing") == '{"author": "user"'  # damaged, and left alone
        assert held == {text: json.dumps(NEW[text], ensure_ascii=False) for text in held}


def test_an_export_of_before_is_imported_with_roles_and_one_of_now_as_it_is(ada: Scope) -> None:
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        for text, metadata in OLD.items():
            memory.add(text, scope=ada, metadata=metadata)
        lines = list(memory.maintenance.export(scope=ada))
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        assert memory.maintenance.import_(lines) == len(OLD)
        assert metadata_of(memory, ada) == OLD
        assert list(memory.maintenance.export(scope=ada)) == lines
    first = lines[0].replace('"memagent": 2', '"memagent": 1')
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        assert memory.maintenance.import_([first, *lines[1:]]) == len(OLD)
        assert metadata_of(memory, ada) == NEW
        assert memory.maintenance.verify() == ()


names = st.sampled_from(["author", "role", "page"])
values = st.sampled_from(["user", "agent", "Ada", 1, None]) | st.lists(st.integers(), max_size=2)


@given(metadata=st.dictionaries(names, values))
def test_a_role_is_given_once_and_nothing_else_is_changed(metadata: dict[str, Any]) -> None:
    named = with_role(metadata)
    assert with_role(named) == named
    if "role" in metadata or metadata.get("author") not in ("user", "agent"):
        assert named is metadata
    else:
        assert "author" not in named
        assert len(named) == len(metadata)
        assert named.get("page") == metadata.get("page")
