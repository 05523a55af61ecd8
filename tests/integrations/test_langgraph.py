"""What a memory gives a LangGraph store beyond the contract (`test_langgraph_contract.py`)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import pytest
from filtering import holds, keys_of_any_letters, scalars
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.store.base import (
    BaseStore,
    GetOp,
    InvalidNamespaceError,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchOp,
)
from langgraph.store.memory import InMemoryStore

from memagent import Memory, Scope
from memagent.errors import InvalidInput
from memagent.integrations.langgraph import MemagentStore
from memagent.testing import HashEmbedder

ADA, BOB = ("users", "ada"), ("users", "bob")
APP = Scope(user="app")


def keys(items: Any) -> list[str]:
    return [item.key for item in items]


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
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
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
        assert memory.maintenance.verify() == ()


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
    assert hit.record.text == '{"text": "not indexed, they say"}'


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
    assert hit.record.text == '{"city": "Porto"}'


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
        assert memory.maintenance.stats()["records"] == 1


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


def nested(depth: int) -> dict[str, Any]:
    value: Any = 1
    for _ in range(depth):
        value = {"n": value}
    whole: dict[str, Any] = value
    return whole


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"memagent.key": 1}, "a key cannot be 'memagent.key'"),
        ({3: 1}, "a key cannot be 3"),
        ({"when": datetime(2024, 1, 1)}, "the value of 'bad' cannot be kept as JSON"),
        ({"n": float("nan")}, "the value of 'bad' cannot be kept as JSON"),
        ({"text": "\ud800"}, "half of a character"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_anything_is_written(
    memory: Memory, store: MemagentStore, value: dict[Any, Any], complaint: str
) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        store.batch([PutOp(ADA, "good", {"n": 1}), PutOp(BOB, "bad", value)])
    assert memory.maintenance.stats()["records"] == 0


@pytest.mark.parametrize(
    "op",
    [
        SearchOp(ADA, limit=-1),
        SearchOp(ADA, offset=-1),
        ListNamespacesOp(limit=-1),
        SearchOp(ADA, filter={"n": {"$gt": True}}),
        SearchOp(ADA, filter={"n": {"$eq": {1: 1}}}),
        SearchOp(ADA, filter={"n": {"$near": 1}}),
        SearchOp(ADA, filter={"$gt": 1}),
        SearchOp(ADA, filter={"n": {1, 2}}),
        SearchOp(ADA, filter={3: 1}),
        SearchOp(ADA, filter=[("n", 1)]),  # type: ignore[arg-type]
        SearchOp(ADA, filter=nested(1_500)),
        SearchOp(ADA, query=3),  # type: ignore[arg-type]
        SearchOp(ADA, limit=None),  # type: ignore[arg-type]
        SearchOp(ADA, limit=True),
        SearchOp(ADA, offset=1.5),  # type: ignore[arg-type]
        ListNamespacesOp(max_depth=0),
        ListNamespacesOp(match_conditions=(MatchCondition("infix", ("a",)),)),  # type: ignore[arg-type]
        GetOp(ADA, 3),  # type: ignore[arg-type]
        PutOp(ADA, None, {}),  # type: ignore[arg-type]
        PutOp(ADA, "k", "text"),  # type: ignore[arg-type]
        PutOp(ADA, "k", nested(1_500)),
        PutOp(ADA, "k", {}, index=True),  # type: ignore[arg-type]
        PutOp(ADA, "k", {}, index="n"),  # type: ignore[arg-type]
        PutOp(ADA, "k", {}, index=[3]),  # type: ignore[list-item]
        "get",
    ],
)
def test_a_malformed_operation_is_refused_before_anything_is_written(
    memory: Memory, store: MemagentStore, op: Any
) -> None:
    store.put(ADA, "there", {"n": 1})
    with pytest.raises(InvalidInput):
        store.batch([PutOp(ADA, "new", {"n": 1}), op])
    bare: Any = "ada"
    for bad in (
        *(PutOp((), "k", {}), PutOp(("a.b",), "k", {}), GetOp(("a.b",), "k")),
        *(GetOp(bare, "k"), SearchOp(bare), PutOp(bare, "k", {}), GetOp((3,), "k")),  # type: ignore[arg-type]
    ):
        with pytest.raises(InvalidNamespaceError):
            store.batch([PutOp(ADA, "new", {"n": 1}), bad])
    with pytest.raises(NotImplementedError, match="takes no ttl"):
        store.batch([PutOp(ADA, "new", {"n": 1}), PutOp(ADA, "k", {}, ttl=1)])
    assert memory.maintenance.stats()["records"] == 1


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
    assert memory.maintenance.stats()["superseded"] == 11
    assert memory.maintenance.verify() == ()


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


def test_a_name_with_periods_is_a_key_or_else_a_path(store: MemagentStore) -> None:
    store.put(ADA, "path", {"user": {"access-level": "x", "größe": 1}, "123abc": [{"a": 1}]})
    store.put(ADA, "key", {"user.access-level": "x", "user": {"access-level": "y"}})
    store.put(ADA, "neither", {"user": "x"})

    def found(where: dict[str, Any]) -> set[str]:
        return {item.key for item in store.search(ADA, filter=where)}

    assert found({"user.access-level": "x"}) == {"path", "key"}
    assert found({"user.access-level": {"$eq": "y"}}) == set()
    assert found({"user.access-level": {"$ne": "x"}}) == {"neither"}
    assert found({"user": {"access-level": "y"}}) == {"key"}
    assert found({"user.größe": {"$gte": 1, "$lt": float("inf")}}) == {"path"}
    assert found({"user.größe": {"$lt": 10**100}}) == {"path"}
    assert found({"user.größe": float("nan")}) == set()
    assert found({"user.größe": {"$ne": float("nan")}}) == {"path", "key", "neither"}
    assert found({"123abc": [{"a": 1}]}) == {"path"}
    assert found({}) == {"path", "key", "neither"}


def test_the_paths_of_an_item_decide_what_it_is_found_by() -> None:
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        store = MemagentStore(memory, scope=APP, fields=["title", "chapters[*].text", "meta.topic"])
        value = {"title": "tea", "chapters": [{"text": "green"}, {"text": "black"}], "note": "red"}
        store.put(ADA, "default", {**value, "meta": {"topic": "drinks"}})
        store.put(ADA, "named", value, index=["note", "chapters[-1].text"])
        store.put(ADA, "not", value, index=False)

        def scores(query: str) -> dict[str, float | None]:
            return {item.key: item.score for item in store.search(ADA, query=query)}

        for query, exact in (
            *(("tea", {"default"}), ("green", {"default"}), ("black", {"default", "named"})),
            *(("red", {"named"}), ("drinks", {"default"}), ("chapters", set[str]())),
        ):
            found = scores(query)
            assert found["not"] is None
            assert {key for key, score in found.items() if score and score > 0.99} == exact


def test_a_score_is_the_cosine_whatever_its_sign(store: MemagentStore) -> None:
    store.put(ADA, "k", {"text": "tea"}, index=["text"])
    embedder = store.memory.engine.encoder.embeddings
    for query in ("tea", "green tea", "cake", "a", "b", "c"):
        (item,) = store.search(ADA, query=query)
        one, other = embedder.embed_documents(["tea", query])
        assert item.score == pytest.approx(float(np.dot(one, other)), abs=2e-3)


OPERATORS = {"$eq": "eq", "$ne": "ne", "$gt": "gt", "$gte": "gte", "$lt": "lt", "$lte": "lte"}
FIELDS = st.dictionaries(keys_of_any_letters, scalars, min_size=1, max_size=3)


@settings(deadline=None, max_examples=40)
@given(values=st.lists(FIELDS, min_size=1, max_size=3), data=st.data())
def test_filters_say_what_the_reference_says(
    values: list[dict[str, Any]], data: st.DataObject
) -> None:
    known = [key for value in values for key in value if not key.startswith("$")]
    key = data.draw(st.sampled_from(known or ["a"]))
    wanted = data.draw(st.sampled_from([value.get(key, 1) for value in values]) | scalars)
    operator = data.draw(st.sampled_from(list(OPERATORS)))
    if wanted is None or isinstance(wanted, bool):
        operator = "$ne" if operator == "$ne" else "$eq"
    with Memory.in_memory(embedder=HashEmbedder(8)) as memory:
        store = MemagentStore(memory, scope=APP)
        for number, value in enumerate(values):
            store.put(ADA, str(number), {"outer": value})
        found = store.search(ADA, filter={"outer": {key: {operator: wanted}}})
        where = {("outer", key): {OPERATORS[operator]: wanted}}
        expected = [n for n, value in enumerate(values) if holds({"outer": value}, where)]
        assert sorted(int(item.key) for item in found) == expected
