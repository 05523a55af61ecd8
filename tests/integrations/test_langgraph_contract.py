"""LangGraph publishes no tests for stores: these go through what `BaseStore`'s docstrings promise.

The same class runs against LangGraph's own `InMemoryStore`, which shows that it describes the
contract.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from langgraph.store.base import (
    BaseStore,
    GetOp,
    InvalidNamespaceError,
    Item,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchItem,
    SearchOp,
)
from langgraph.store.memory import InMemoryStore

from memagent import Memory, Scope
from memagent.integrations.langgraph import MemagentStore
from memagent.testing import HashEmbedder

ADA, BOB = ("users", "ada"), ("users", "bob")
APP = Scope(user="app")


def reference() -> InMemoryStore:
    return InMemoryStore(index={"dims": 64, "embed": HashEmbedder()})


def keys(items: Any) -> list[str]:
    return [item.key for item in items]


class TestContract:
    @pytest.fixture(params=["langgraph", "memagent"])
    def store(self, request: pytest.FixtureRequest) -> Iterator[BaseStore]:
        if request.param == "langgraph":
            yield reference()
        else:
            with Memory.in_memory(embedder=HashEmbedder()) as memory:
                yield MemagentStore(memory, scope=APP)

    def test_what_was_put_is_got_with_its_times(self, store: BaseStore) -> None:
        value = {"text": "tea", "n": 3, "nested": {"a": [1, None, True, 2.5]}, "é": "ü"}
        before = datetime.now(UTC)
        store.put(ADA, "k", value)
        item = store.get(ADA, "k")
        assert isinstance(item, Item)
        assert (item.namespace, item.key, item.value) == (ADA, "k", value)
        assert before <= item.created_at <= item.updated_at <= datetime.now(UTC)
        assert store.get(ADA, "other") is None
        assert store.get(("users",), "k") is None

    def test_put_replaces_and_delete_removes(self, store: BaseStore) -> None:
        store.put(ADA, "k", {"a": 1, "b": 2})
        first = store.get(ADA, "k")
        store.put(ADA, "k", {"a": 3})
        second = store.get(ADA, "k")
        assert first is not None
        assert second is not None
        assert second.value == {"a": 3}
        assert second.updated_at > first.updated_at
        assert len(store.search(ADA)) == 1
        store.delete(ADA, "k")
        store.delete(ADA, "never there")
        assert store.get(ADA, "k") is None
        assert store.search(ADA) == []
        store.put(ADA, "k", {"a": 4})
        assert [item.value for item in store.search(ADA)] == [{"a": 4}]

    def test_one_value_under_two_keys_and_namespaces_is_four_items(self, store: BaseStore) -> None:
        for namespace in (ADA, BOB):
            for key in ("1", "2"):
                store.put(namespace, key, {"text": "same"})
        assert len(store.search(("users",))) == 4
        store.delete(ADA, "1")
        assert sorted(keys(store.search(BOB, query="same"))) == ["1", "2"]
        assert keys(store.search(ADA, query="same")) == ["2"]

    @pytest.mark.parametrize("query", [None, "tea"])
    def test_a_search_sees_its_prefix_and_nothing_beside(
        self, store: BaseStore, query: str | None
    ) -> None:
        places = [("a",), ("a", "b"), ("a", "b", "c"), ("ab",), ("a-b",), ("a/b",), ("b", "a")]
        for place in places:
            store.put(place, ".".join(place), {"text": "tea"})

        def seen(*prefix: str) -> set[str]:
            return set(keys(store.search(prefix, query=query)))

        assert seen() == {".".join(place) for place in places}
        assert seen("a") == {"a", "a.b", "a.b.c"}
        assert seen("a", "b") == {"a.b", "a.b.c"}
        assert seen("a", "b", "c") == {"a.b.c"}
        assert seen("b") == {"b.a"}
        assert seen("c") == set()
        assert seen("a", "b", "c", "d") == set()

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            ({"color": "red"}, "ac"),
            ({"color": "red", "n": 1}, "a"),
            ({"n": {"$eq": 2}}, "b"),
            ({"n": {"$ne": 2}}, "acd"),
            ({"color": {"$ne": "red"}}, "bd"),
            ({"n": {"$gt": 2}}, "cd"),
            ({"n": {"$gte": 2}}, "bcd"),
            ({"n": {"$lt": 10}}, "abc"),
            ({"n": {"$lte": 2.5}}, "abc"),
            ({"n": {"$gt": 1, "$lt": 10}}, "bc"),
            ({"meta": {"lang": "en"}}, "a"),
            ({"meta": {"lang": {"$ne": "en"}}}, "b"),
            ({"meta": {"lang": "fr", "deep": {"x": 1}}}, "b"),
            ({"tags": ["x", "y"]}, "a"),
            ({"tags": ["y", "x"]}, ""),
            ({"done": True}, "a"),
            ({"and": 1}, "b"),
            ({"missing": "x"}, ""),
            ({}, "abcd"),
        ],
    )
    @pytest.mark.parametrize("query", [None, "item"])
    def test_a_filter_lets_through_what_it_says(
        self, store: BaseStore, query: str | None, condition: dict[str, Any], expected: str
    ) -> None:
        english = {"lang": "en"}
        french = {"lang": "fr", "deep": {"x": 1, "y": 2}}
        a = {"color": "red", "n": 1, "meta": english, "tags": ["x", "y"], "done": True}
        b = {"color": "blue", "n": 2, "meta": french, "done": False, "and": 1}
        store.put(ADA, "a", a)
        store.put(BOB, "b", b)
        store.put(ADA, "c", {"color": "red", "n": 2.5})
        store.put(ADA, "d", {"color": "Red", "n": 10})
        found = store.search(("users",), query=query, filter=condition)
        assert "".join(sorted(keys(found))) == expected

    def test_limit_and_offset_page_through_everything_once(self, store: BaseStore) -> None:
        for number in range(25):
            store.put(ADA, str(number), {"text": f"note {number}"})
        for query in (None, "note"):
            assert len(store.search(ADA, query=query)) == 10
            pages = [store.search(ADA, query=query, limit=7, offset=at) for at in range(0, 28, 7)]
            assert [len(page) for page in pages] == [7, 7, 7, 4]
            assert {key for page in pages for key in keys(page)} == set(map(str, range(25)))
            assert store.search(ADA, query=query, limit=0) == []
            assert store.search(ADA, query=query, offset=25) == []

    def test_a_query_ranks_by_meaning_with_scores(self, store: BaseStore) -> None:
        store.put(ADA, "tea", {"text": "green tea from a garden"})
        store.put(BOB, "sea", {"text": "blue sea and a boat"})
        store.put(ADA, "pea", {"text": "soup of yellow peas"})
        found = store.search(("users",), query="a boat on the blue sea")
        assert keys(found)[0] == "sea"
        assert all(isinstance(item, SearchItem) for item in found)
        scores = [item.score or 0.0 for item in found]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] > scores[1]
        assert found[0].namespace == BOB
        assert found[0].value == {"text": "blue sea and a boat"}
        assert [item.score for item in store.search(("users",))] == [None] * 3

    def test_index_says_by_what_an_item_is_found(self, store: BaseStore) -> None:
        chapters = [{"content": "wolves"}, {"content": "owls"}]
        store.put(ADA, "no", {"text": "wolves"}, index=False)
        store.put(ADA, "title", {"title": "foxes", "text": "wolves"}, index=["title"])
        store.put(ADA, "each", {"chapters": chapters}, index=["chapters[*].content"])
        store.put(ADA, "deep", {"meta": {"names": ["bears", "owls"]}}, index=["meta.names[0]"])

        def best(query: str) -> str:
            return keys(store.search(ADA, query=query, limit=1))[0]

        assert best("wolves") == "each"
        assert best("owls") == "each"
        assert best("foxes") == "title"
        assert best("bears") == "deep"
        assert store.get(ADA, "no") is not None
        found = store.search(ADA, query="wolves")
        assert keys(found)[-1] == "no"
        assert [item.score is None for item in found] == [False, False, False, True]
        assert len(store.search(ADA)) == 4

    def test_an_item_may_be_indexed_anew(self, store: BaseStore) -> None:
        store.put(ADA, "a", {"text": "wolves"})
        store.put(ADA, "b", {"text": "foxes"})
        store.put(ADA, "a", {"text": "bears"})
        (best, *_) = store.search(ADA, query="bears")
        assert (best.key, best.value) == ("a", {"text": "bears"})
        assert len(store.search(ADA, query="wolves")) == 2

    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            ({}, ["a.b.c", "a.b.d.e", "a.b.d.i", "a.b.f", "a.c.f", "b.a"]),
            ({"prefix": ("a", "b"), "max_depth": 3}, ["a.b.c", "a.b.d", "a.b.f"]),
            ({"prefix": ("a", "*", "f")}, ["a.b.f", "a.c.f"]),
            ({"suffix": ("f",)}, ["a.b.f", "a.c.f"]),
            ({"suffix": ("d", "*")}, ["a.b.d.e", "a.b.d.i"]),
            ({"prefix": ("a",), "suffix": ("c", "f")}, ["a.c.f"]),
            ({"max_depth": 1}, ["a", "b"]),
            ({"limit": 2, "offset": 1}, ["a.b.d.e", "a.b.d.i"]),
            ({"prefix": ("x",)}, []),
            ({"prefix": ("a", "b", "c", "d", "e", "f")}, []),
        ],
    )
    def test_namespaces_are_listed(
        self, store: BaseStore, arguments: dict[str, Any], expected: list[str]
    ) -> None:
        for path in ("a.b.c", "a.b.d.e", "a.b.d.i", "a.b.f", "a.c.f", "b.a"):
            store.put(tuple(path.split(".")), "k", {"n": 1})
            store.put(tuple(path.split(".")), "k2", {"n": 1})
        assert [".".join(one) for one in store.list_namespaces(**arguments)] == expected

    def test_a_batch_answers_in_order_and_reads_what_was_there_before(
        self, store: BaseStore
    ) -> None:
        store.put(ADA, "old", {"n": 1})
        results = store.batch(
            [
                PutOp(ADA, "new", {"n": 2}),
                GetOp(ADA, "old"),
                GetOp(ADA, "new"),
                PutOp(ADA, "old", None),
                SearchOp(("users",), filter={"n": 1}),
                PutOp(BOB, "twice", {"n": 3}),
                PutOp(BOB, "twice", {"n": 4}),
                ListNamespacesOp((MatchCondition("prefix", ("users",)),)),
                PutOp(BOB, "gone", {"n": 5}),
                PutOp(BOB, "gone", None),
            ]
        )
        assert [results[place] for place in (0, 2, 3, 5, 6, 8, 9)] == [None] * 7
        got, found, listed = results[1], results[4], results[7]
        assert isinstance(got, Item)
        assert got.value == {"n": 1}
        assert keys(found) == ["old"]
        assert listed == [ADA]
        assert store.get(ADA, "old") is None
        assert {item.key: item.value["n"] for item in store.search(())} == {"new": 2, "twice": 4}
        assert store.batch([]) == []

    @pytest.mark.parametrize("namespace", [(), ("a.b",), ("a", ""), ("langgraph",), ("a", 3)])
    def test_a_malformed_namespace_is_refused(self, store: BaseStore, namespace: Any) -> None:
        with pytest.raises(InvalidNamespaceError):
            store.put(namespace, "k", {"n": 1})
        assert store.search(()) == []

    def test_a_ttl_and_an_unknown_operator_are_refused(self, store: BaseStore) -> None:
        with pytest.raises(NotImplementedError):
            store.put(ADA, "k", {"n": 1}, ttl=5)
        store.put(ADA, "k", {"n": 1}, ttl=None)
        with pytest.raises(ValueError, match="operator"):
            store.search(ADA, filter={"n": {"$near": 1}})

    async def test_the_async_verbs_do_the_same(self, store: BaseStore) -> None:
        await store.aput(ADA, "k", {"text": "tea"})
        await store.aput(BOB, "k", {"text": "sea"}, index=False)
        item = await store.aget(ADA, "k")
        assert item is not None
        assert item.value == {"text": "tea"}
        assert keys(await store.asearch(ADA, query="tea")) == ["k"]
        assert len(await store.asearch(("users",), filter={"text": {"$ne": "x"}})) == 2
        assert await store.alist_namespaces(suffix=("bob",)) == [BOB]
        await store.adelete(ADA, "k")
        assert await store.aget(ADA, "k") is None
        got = await store.abatch([GetOp(BOB, "k"), GetOp(ADA, "k")])
        assert [one is None for one in got] == [False, True]
