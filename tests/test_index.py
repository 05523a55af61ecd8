from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from memagent.stores import flat
from memagent.stores import index as index_module
from memagent.stores.episodic import EpisodicBank
from memagent.stores.filter import Filter
from memagent.stores.index import VectorIndex
from memagent.stores.sqlite import SqliteStore
from memagent.testing import HashEmbedder
from memagent.types import Note, Scope

EMBEDDER = HashEmbedder(16)
WORDS = ["ant", "bee", "cat", "dog", "eel", "fox"]


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    return np.array(EMBEDDER.embed_documents(list(texts)), dtype=np.float32)


def reference(store: SqliteStore, where: Filter, query: NDArray[np.float32], n: int) -> list[int]:
    """What exact numpy search over the rows of the database finds."""
    condition, values = where.condition()
    rows = store.query(
        "SELECT k.id, k.vector FROM keys k JOIN records r ON r.seq = k.record"
        f" JOIN users u ON u.id = r.user WHERE {condition} ORDER BY k.id",
        values,
    )
    if not rows:
        return []
    vectors = np.array([np.frombuffer(row["vector"], dtype=np.float32) for row in rows])
    return [rows[row]["id"] for row, _ in flat.nearest(vectors, query, n)]


operation = st.one_of(
    st.tuples(
        st.just("add"),
        st.sampled_from(["ada", "bob"]),
        st.sampled_from([None, "s1", "s2"]),
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join),
        st.booleans(),
    ),
    st.tuples(st.just("forget"), st.sampled_from(["ada", "bob"]), st.integers(0, 5)),
    st.tuples(st.just("damage"), st.sampled_from(["ada", "bob"])),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(operation, max_size=25), st.sampled_from(WORDS))
def test_the_index_finds_what_exact_search_over_the_database_finds(
    operations: list[tuple[object, ...]], word: str
) -> None:
    store = SqliteStore(None)
    bank, index = EpisodicBank(store), VectorIndex(store)
    query = embed([word])[0]
    for name, user, *rest in operations:
        scope = Scope(user=str(user))
        if name == "add":
            session, text, evidence = rest
            where = Scope(user=str(user), session=session)
            bank.write([Note(text=str(text), evidence=bool(evidence))], where, embed)
        elif name == "forget":
            newest = store.newest(Filter(scope=scope), 6)
            store.forget(scope, [one.id for one in newest[rest[0] : rest[0] + 1]])
        elif scope.user in index._partitions:
            index._partitions[scope.user].key_ids.append(999)
        for where in (
            Filter(scope=scope),
            Filter(scope=scope, evidence=True),
            Filter(scope=Scope(user=scope.user, session="s1"), kind="episode"),
        ):
            found = [key_id for key_id, _ in index.search(where, query, 4)]
            exact = reference(store, where, query, 4)
            assert _products(store, found, query) == pytest.approx(
                _products(store, exact, query), abs=1e-6
            )
            assert set(found) <= set(reference(store, where, query, 100))
    store.close()


def _products(store: SqliteStore, ids: list[int], query: NDArray[np.float32]) -> list[float]:
    """The products of the keys found; ties may come in any order, so ids are not compared."""
    vectors = {row["id"]: np.frombuffer(row["vector"], np.float32) for row in store.keys(ids)}
    return [float(vectors[one] @ query) for one in ids]


def test_another_connection_sees_what_was_added_and_removed(tmp_path: object) -> None:
    folder = tmp_path
    one, two = SqliteStore(folder), SqliteStore(folder)
    scope, query = Scope(user="ada"), embed(["cat"])[0]
    reader = VectorIndex(two)
    assert reader.search(Filter(scope=scope), query, 5) == []
    (record,) = EpisodicBank(one).write([Note(text="cat")], scope, embed)
    assert len(reader.search(Filter(scope=scope), query, 5)) == 1
    one.forget(scope, [record.id])
    assert reader.search(Filter(scope=scope), query, 5) == []
    one.close()
    two.close()


def test_idle_partitions_are_dropped_and_filled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "MAX_PARTITIONS", 2)
    store = SqliteStore(None)
    bank, index = EpisodicBank(store), VectorIndex(store)
    for user in ("a", "b", "c"):
        bank.write([Note(text="cat")], Scope(user=user), embed)
    for user in ("a", "b", "c", "a"):
        assert len(index.search(Filter(scope=Scope(user=user)), embed(["cat"])[0], 5)) == 1
    assert list(index._partitions) == ["c", "a"]
    store.close()
