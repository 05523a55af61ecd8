"""Pages, counts, users, and ids by prefix or missing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memagent import Memory, Scope
from memagent.errors import InvalidInput
from memagent.stores.database.filters import Filter
from memagent.testing import HashEmbedder

ids = st.text("abé", min_size=1, max_size=4)


def ids_of(memory: Memory, where: Filter, limit: int, before: str | None) -> list[str]:
    return [record.id for record in memory.engine.store.read.newest(where, limit, before)]


@settings(deadline=None)
@given(
    total=st.integers(0, 12), size=st.integers(1, 5), written=st.integers(0, 3), gone=st.booleans()
)
def test_pages_show_every_record_once_while_others_write(
    total: int, size: int, written: int, gone: bool
) -> None:
    ada = Scope(user="ada")
    where = Filter(scope=ada)
    with Memory.in_memory(embedder=HashEmbedder(8)) as memory:
        if total:
            memory.add_many([f"text {n}" for n in range(total)], scope=ada)
        expected = ids_of(memory, where, 99, None)
        seen: list[str] = []
        while page := ids_of(memory, where, size, seen[-1] if seen else None):
            seen += page
            for n in range(written):
                memory.add(f"later {len(seen)} {n}", scope=ada)
            if gone:  # the last record seen is archived: the next page begins where it was
                memory.changes.archive([seen[-1]], scope=ada)
        assert seen == expected


def test_a_page_after_an_unknown_record_is_refused(memory: Memory, ada: Scope) -> None:
    theirs = memory.add("tea", scope=Scope(user="bob"))
    for before in ("none", theirs.id, ""):
        with pytest.raises(InvalidInput, match=f"there is no record '{before}' in this scope"):
            memory.engine.store.read.newest(Filter(scope=ada), 3, before=before)


def test_a_count_is_of_what_passes_and_users_are_those_with_records(
    memory: Memory, ada: Scope
) -> None:
    assert memory.engine.store.read.users() == ()
    memory.add_many(["tea", "coffee"], scope=Scope(user="bob"))
    memory.add("tea", scope=ada, metadata={"page": 3})
    memory.add("milk", scope=ada)
    assert memory.engine.store.read.users() == ("ada", "bob")
    assert memory.engine.store.read.count(Filter(scope=ada)) == 2
    assert memory.engine.store.read.count(Filter(scope=ada, metadata={"page": 3})) == 1
    assert memory.engine.store.read.count(Filter(scope=Scope(user="eve"))) == 0
    memory.forget([record.id for record in memory.list(scope=ada)], scope=ada)
    assert memory.engine.store.read.users() == ("bob",)


@settings(deadline=None)
@given(held=st.lists(ids, unique=True, max_size=6), prefix=st.text("abé", max_size=3))
def test_ids_are_found_by_prefix_in_order_and_three_at_most(held: list[str], prefix: str) -> None:
    ada = Scope(user="ada")
    with Memory.in_memory(embedder=HashEmbedder(8)) as memory:
        for number, id in enumerate(held):
            memory.add(f"text {number}", scope=ada, id=id)
            memory.add(f"text {number}", scope=Scope(user="bob"), id=f"{id}b")
        expected = sorted(id for id in held if id.startswith(prefix))[:3]
        assert memory.engine.store.read.ids_with_prefix(ada, prefix) == expected


@settings(deadline=None)
@given(held=st.lists(ids, unique=True, max_size=6), asked=st.lists(ids, max_size=8))
def test_missing_ids_are_named_in_order_and_once(held: list[str], asked: list[str]) -> None:
    ada = Scope(user="ada", session="1")
    with Memory.in_memory(embedder=HashEmbedder(8)) as memory:
        for number, id in enumerate(held):
            memory.add(f"text {number}", scope=ada, id=id)
        missing = list(dict.fromkeys(id for id in asked if id not in held))
        assert list(memory.engine.store.read.missing_ids(ada, asked)) == missing
        other = Scope(user="ada", session="2")
        assert memory.engine.store.read.missing_ids(other, asked) == tuple(dict.fromkeys(asked))


def test_superseded_and_archived_records_are_not_missing(memory: Memory, ada: Scope) -> None:
    old = memory.add("tea is hot", scope=ada)
    new = memory.update(old.id, "tea is cold", scope=ada)
    memory.changes.archive([new.id], scope=ada)
    assert memory.engine.store.read.missing_ids(ada, ["x", old.id, new.id, "x"]) == ("x",)
