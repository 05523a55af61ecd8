"""LangGraph publishes no tests for stores: these go through what `BaseStore`'s docstrings promise.

The same class runs against LangGraph's own `InMemoryStore`, which shows that it describes the
contract; what follows it is memagent's own.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
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
from memagent.errors import InvalidInput
from memagent.langgraph import MemagentStore
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
            with Memory.open(None, embedder=HashEmbedder()) as memory:
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


@pytest.fixture
def store(memory: Memory) -> MemagentStore:
    return MemagentStore(memory, scope=APP)


NAMESPACES = st.sampled_from([("a",), ("a", "b"), ("ab",)])
OPERATIONS = st.tuples(
    NAMESPACES,
    st.sampled_from(["1", "2"]),
    st.one_of(st.none(), st.fixed_dictionaries({"n": st.integers(0, 2)})),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(OPERATIONS, max_size=4), max_size=6))
def test_whatever_is_done_it_holds_what_langgraph_s_own_store_holds(
    batches: list[list[tuple[tuple[str, ...], str, dict[str, int] | None]]],
) -> None:
    other = InMemoryStore()  # with an index it fails on two items of one text in one batch
    with Memory.open(None, embedder=HashEmbedder()) as memory:
        own = MemagentStore(memory, scope=APP)
        for batch in batches:
            puts = [PutOp(*operation) for operation in batch]
            own.batch(puts)
            other.batch(puts)
        for prefix in ((), ("a",), ("a", "b"), ("ab",)):
            for condition in (None, {"n": 1}, {"n": {"$gte": 1}}):
                for query in (None, "n"):
                    assert held(own, prefix, condition, query) == held(
                        other, prefix, condition, query
                    )
        assert memory.verify() == ()


def held(
    store: BaseStore, prefix: tuple[str, ...], condition: dict[str, Any] | None, query: str | None
) -> list[tuple[tuple[str, ...], str, int]]:
    found = store.search(prefix, filter=condition, query=query)
    return sorted((item.namespace, item.key, item.value["n"]) for item in found)


def test_a_replaced_item_keeps_when_it_was_created(store: MemagentStore) -> None:
    store.put(ADA, "k", {"n": 1})
    created = store.get(ADA, "k")
    for number in (2, 3):
        store.put(ADA, "k", {"n": number})
    item, (found,), (listed,) = store.get(ADA, "k"), store.search(ADA, query="n"), store.search(ADA)
    assert created is not None
    assert item is not None
    assert item.created_at == found.created_at == listed.created_at == created.created_at
    assert item.updated_at == found.updated_at == listed.updated_at > item.created_at
    store.put(ADA, "k", {"n": 3})
    again = store.get(ADA, "k")
    assert again is not None
    assert again.updated_at > item.updated_at


def test_what_was_put_last_is_listed_first(store: MemagentStore) -> None:
    for key in ("a", "b", "c", "a"):
        store.put(ADA, key, {"n": 1})
    assert keys(store.search(("users",))) == ["a", "c", "b"]


def test_items_that_are_not_indexed_are_paged_after_the_others(store: MemagentStore) -> None:
    for number in range(4):
        store.put(ADA, f"in{number}", {"text": f"note {number}"})
        store.put(ADA, f"out{number}", {"text": f"note {number}"}, index=False)
    pages = [store.search(ADA, query="note", limit=3, offset=at) for at in (0, 3, 6)]
    found = [key for page in pages for key in keys(page)]
    assert sorted(found[:4]) == ["in0", "in1", "in2", "in3"]
    assert found[4:] == ["out3", "out2", "out1", "out0"]


def test_a_recall_shows_items_but_not_those_that_are_not_indexed(
    memory: Memory, store: MemagentStore
) -> None:
    store.put(ADA, "a", {"text": "not indexed, they say"}, index=False)
    assert memory.recall("not indexed", scope=APP).hits == ()
    store.put(ADA, "b", {"text": "not indexed, they say"})
    (hit,) = memory.recall("not indexed", scope=APP).hits
    assert hit.record.value == '{"text": "not indexed, they say"}'


def test_fields_of_the_store_are_what_items_are_found_by(memory: Memory) -> None:
    store = MemagentStore(memory, scope=APP, fields=["title", "tags[*]"])
    store.put(ADA, "a", {"title": "foxes", "text": "wolves", "tags": ["owls", " "]})
    store.put(ADA, "none", {"text": "foxes"})
    (record, *_) = memory.search("foxes", scope=APP, k=1)
    assert record.record.keys == ("foxes", "owls")
    assert [item.score is None for item in store.search(ADA, query="foxes")] == [False, True]


def test_the_past_of_an_item_can_be_asked(memory: Memory, store: MemagentStore) -> None:
    for city in ("Porto", "Lisbon"):
        store.put(ADA, "home", {"city": city})
    (record,) = memory.list(scope=APP)
    first, *_ = memory.history(record.id, scope=APP)
    (hit,) = memory.search("city", scope=APP, as_of=first.at)
    assert hit.record.value == '{"city": "Porto"}'


def test_delete_erases_every_version_from_the_disk(tmp_path: Path) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        store = MemagentStore(memory, scope=APP)
        for pin in ("qzwxvk", "jkqzpx"):
            store.put(("users", "qadaq"), "kqwpin", {"pin": pin})
        store.put(BOB, "k", {"pin": "none"})
        words = (b"qzwxvk", b"jkqzpx", b"qadaq", b"kqwpin")
        assert all(word in on_disk(tmp_path) for word in words)
        store.delete(("users", "qadaq"), "kqwpin")
        assert not [word for word in words if word in on_disk(tmp_path)]
        assert store.list_namespaces() == [BOB]
        assert memory.stats()["records"] == 1


def on_disk(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


def test_scopes_do_not_see_each_other_and_nor_do_other_records(memory: Memory) -> None:
    scopes = [APP, Scope(user="other"), Scope(user="app", agent="planner")]
    stores = [MemagentStore(memory, scope=scope) for scope in scopes]
    for number, store in enumerate(stores):
        store.put(ADA, "k", {"n": number})
    session = Scope(user="app", agent="langgraph", session="langgraph.users.ada")
    memory.add("n is said here", scope=session)
    memory.add("n is said there", scope=APP)
    for number, store in enumerate(stores):
        for query in (None, "n"):
            found = store.search((), query=query)
            assert [item.value for item in found] == [{"n": number}]
        item = store.get(ADA, "k")
        assert item is not None
        assert item.value == {"n": number}
    assert len(memory.search("n", scope=session)) == 2


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"memagent.key": 1}, "a key cannot be 'memagent.key'"),
        ({3: 1}, "a key cannot be 3"),
        ({"when": datetime(2024, 1, 1)}, "the value of 'bad' is not JSON"),
        ({"n": float("nan")}, "the value of 'bad' is not JSON"),
        ({"text": "\ud800"}, "half of a character"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_anything_is_written(
    memory: Memory, store: MemagentStore, value: dict[Any, Any], complaint: str
) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        store.batch([PutOp(ADA, "good", {"n": 1}), PutOp(BOB, "bad", value)])
    assert memory.stats()["records"] == 0


@pytest.mark.parametrize(
    "op",
    [
        SearchOp(ADA, limit=-1),
        SearchOp(ADA, offset=-1),
        ListNamespacesOp(limit=-1),
        SearchOp(ADA, filter={"n": {"$gt": True}}),
        SearchOp(ADA, filter={"n": {"$eq": {"a": 1}}}),
        SearchOp(ADA, filter={'"': 1}),
        "get",
    ],
)
def test_a_malformed_operation_is_refused_before_anything_is_written(
    memory: Memory, store: MemagentStore, op: Any
) -> None:
    store.put(ADA, "there", {"n": 1})
    with pytest.raises(InvalidInput):
        store.batch([PutOp(ADA, "new", {"n": 1}), op])
    for bad in (PutOp((), "k", {}), PutOp(("a.b",), "k", {}), GetOp(("a.b",), "k")):
        with pytest.raises(InvalidNamespaceError):
            store.batch([PutOp(ADA, "new", {"n": 1}), bad])
    with pytest.raises(NotImplementedError, match="takes no ttl"):
        store.batch([PutOp(ADA, "new", {"n": 1}), PutOp(ADA, "k", {}, ttl=1)])
    assert memory.stats()["records"] == 1


def test_it_makes_the_sessions_itself(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="give it none"):
        MemagentStore(memory, scope=Scope(user="app", session="s"))


def test_many_writers_of_one_item_leave_one_with_all_its_versions(
    memory: Memory, store: MemagentStore
) -> None:
    def write(number: int) -> None:
        store.batch([PutOp(ADA, "same", {"n": number}), PutOp(ADA, f"own {number}", {"n": -1})])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(12)))
    assert len(store.search(ADA, limit=50)) == 13
    (item,) = store.search(ADA, filter={"n": {"$gte": 0}})
    got = store.get(ADA, "same")
    assert got is not None
    assert (got.value, got.updated_at) == (item.value, item.updated_at)
    assert memory.stats()["superseded"] == 11
    assert memory.verify() == ()


class Talk(TypedDict):
    said: str
    known: list[str]


async def test_a_graph_remembers_across_its_runs(store: MemagentStore) -> None:
    def node(state: Talk, runtime: Runtime[None]) -> dict[str, Any]:
        assert runtime.store is not None
        known = runtime.store.search(ADA, query=state["said"], limit=1)
        runtime.store.put(ADA, state["said"], {"text": state["said"]})
        return {"known": [item.value["text"] for item in known]}

    async def anode(state: Talk, runtime: Runtime[None]) -> dict[str, Any]:
        assert runtime.store is not None
        known = await runtime.store.asearch(ADA, query=state["said"], limit=1)
        return {"known": [item.value["text"] for item in known]}

    def compiled(step: Any) -> Any:
        builder = StateGraph(Talk)
        builder.add_node("node", step)
        builder.add_edge(START, "node")
        builder.add_edge("node", END)
        return builder.compile(store=store)

    graph = compiled(node)
    assert graph.invoke({"said": "I like green tea.", "known": []})["known"] == []
    answer = graph.invoke({"said": "What tea do I like?", "known": []})
    assert answer["known"] == ["I like green tea."]
    answer = await compiled(anode).ainvoke({"said": "green tea", "known": []})
    assert answer["known"] == ["I like green tea."]
