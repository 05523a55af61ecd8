"""Known texts told again with other metadata or sources."""

import logging
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memagent import Memory, Scope
from memagent.errors import InvalidInput
from memagent.stores.database.filters import Filter
from memagent.testing import HashEmbedder
from memagent.types import NewRecord

values = st.sampled_from([1, 1.0, True, None, "x"]) | st.lists(st.integers(), max_size=2)
metadata = st.dictionaries(st.sampled_from("abc"), values, max_size=3)
sources = st.lists(st.sampled_from("xyz"), max_size=3).map(tuple)


def rows(memory: Memory) -> list[tuple[Any, ...]]:
    found = memory.engine.store.query("SELECT id, value, metadata, sources, created FROM records")
    return [tuple(row) for row in found]


def actions(memory: Memory, record_id: str, scope: Scope) -> list[str]:
    return [event.action for event in memory.history(record_id, scope=scope)]


@settings(deadline=None)
@given(told=st.lists(st.tuples(metadata, sources), min_size=1, max_size=4), batched=st.booleans())
def test_new_values_win_and_sources_are_united_in_order(
    told: list[tuple[dict[str, Any], tuple[str, ...]]], batched: bool
) -> None:
    ada = Scope(user="ada")
    with Memory.in_memory(embedder=HashEmbedder(8)) as memory:
        notes = [NewRecord(text="tea", metadata=held, sources=named) for held, named in told]
        if batched:
            record = memory.add_many(notes, scope=ada)[-1]
        else:
            record = [memory.add_many([note], scope=ada)[0] for note in notes][-1]
        expected, united = dict(told[0][0]), list(told[0][1])
        merges = 0
        for held, named in told[1:]:
            before = repr(sorted(expected.items())), list(united)
            expected |= held
            if united:  # what stands by itself gets no sources
                united += [name for name in dict.fromkeys(named) if name not in united]
            merges += before != (repr(sorted(expected.items())), united)
        assert repr(dict(record.metadata)) == repr(expected)
        assert list(record.sources) == united
        assert [record] == memory.get([record.id], scope=ada)
        assert actions(memory, record.id, ada).count("merge") == merges
        assert memory.maintenance.verify() == ()


@pytest.mark.parametrize(
    "again",
    [
        NewRecord(text="tea"),
        NewRecord(text="tea", metadata={"page": 3}),
        NewRecord(text="tea", sources=("book",)),
        NewRecord(text="tea", id="t", metadata={"page": 3}, sources=("book",)),
    ],
)
def test_what_brings_nothing_new_leaves_every_byte(
    memory: Memory, ada: Scope, again: NewRecord
) -> None:
    memory.add("tea", scope=ada, id="t", metadata={"page": 3, "é": [1]}, sources=["book"])
    before = rows(memory)
    memory.add_many([again], scope=ada)
    assert rows(memory) == before
    assert "merge" not in actions(memory, "t", ada)


def test_a_known_id_with_the_same_text_merges_and_is_logged(
    memory: Memory, ada: Scope, caplog: pytest.LogCaptureFixture
) -> None:
    memory.add("tea", scope=ada, id="t", metadata={"page": 3}, sources=["r"])
    caplog.set_level(logging.INFO, "memagent")
    again = memory.add("tea", scope=ada, id="t", metadata={"page": 4}, sources=["s"], who="ada")
    assert (again.metadata, again.sources) == ({"page": 4}, ("r", "s"))
    (event,) = [one for one in memory.history("t", scope=ada) if one.action == "merge"]
    assert event.who == "ada"
    assert "merged" in caplog.text
    assert "tea" not in caplog.text


def test_what_stands_by_itself_is_not_forgotten_with_a_later_source(
    memory: Memory, ada: Scope
) -> None:
    book = memory.add("a book on tea", scope=ada)
    tea = memory.add("tea is hot", scope=ada)
    assert memory.add("tea is hot", scope=ada, sources=[book.id]).sources == ()
    assert memory.forget([book.id], scope=ada).derived == ()
    assert [one.id for one in memory.list(scope=ada)] == [tea.id]


def test_a_record_of_another_session_is_left_alone(memory: Memory) -> None:
    one, other = Scope(user="ada", session="1"), Scope(user="ada", session="2")
    memory.add("tea", scope=one, id="t", metadata={"page": 3})
    with pytest.raises(InvalidInput, match="the id 't' is taken"):
        memory.add("tea", scope=other, id="t", metadata={"page": 4})
    assert [dict(record.metadata) for record in memory.list(scope=one)] == [{"page": 3}]


def test_another_process_searches_by_the_merged_metadata(tmp_path: Path, ada: Scope) -> None:
    with (
        Memory.open(tmp_path, embedder=HashEmbedder()) as one,
        Memory.open(tmp_path, embedder=HashEmbedder()) as other,
    ):
        one.add("tea", scope=ada)
        assert not other.search("tea", scope=ada, where={"page": 3})
        state = other.engine.store.state("ada")
        one.add("tea", scope=ada, metadata={"page": 3})
        assert other.search("tea", scope=ada, where={"page": 3})[0].record.metadata == {"page": 3}
        assert other.engine.store.state("ada") != state


def test_a_new_record_costs_no_more_statements_with_metadata_than_without(
    memory: Memory, ada: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.add("the first", scope=ada)
    statements: list[str] = []
    memory.engine.store._db.set_trace_callback(statements.append)
    counts = []
    for notes in ([NewRecord(text="a")], [NewRecord(text="b", metadata={"x": 1}, sources=("s",))]):
        statements.clear()
        memory.add_many(notes, scope=ada)
        counts.append(len(list(groupby(statements))))  # a trigger is traced as what fires it
    assert counts[0] == counts[1]
    assert memory.engine.store.read.count(Filter(scope=ada)) == 3
