"""The samples follow what mem0 2.2.1 and langgraph-checkpoint 4.3.2 hand out, field by field."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from langgraph.store.memory import InMemoryStore

from memagent import Memory, Scope
from memagent.errors import InvalidInput
from memagent.stores.transfer import importing
from memagent.testing import HashEmbedder

TEA = {
    "id": "0bbb1cdb-79f2-4373-81eb-2a9cc8d9eacb",
    "memory": "Likes green tea.",
    "hash": "ac0473b205d2dd9bde5ab4623437f498",
    "metadata": {"page": 3},
    "created_at": "2026-01-02T03:04:05.964741+00:00",
    "updated_at": "2026-01-02T03:04:05.964741+00:00",
    "user_id": "ada",
    "agent_id": "cook",
    "run_id": "r1",
    "role": "user",
}
LISBON = {
    "id": "ade2f3e3-3e8d-4ec6-b110-0541f107fc90",
    "memory": "I live in Lisbon.",
    "hash": "6109ecee87f865b222d6757d1e0dcbb3",
    "metadata": None,
    "score": 0.712779741177368,
    "created_at": "2026-01-01T00:00:00-08:00",
    "updated_at": "2026-02-03T04:05:06.024671+00:00",
    "user_id": "ada",
    "actor_id": "Ada",
    "expiration_date": "2130-01-31",
}
ITEM = {
    "namespace": ["ada", "facts"],
    "key": "k1",
    "value": {"text": "Likes green tea.", "page": 3},
    "created_at": "2026-01-02T03:04:05.542119+00:00",
    "updated_at": "2026-01-03T03:04:05.542120+00:00",
}


def only(memory: Memory, user: str = "ada") -> Any:
    (record,) = memory.list(scope=Scope(user=user), everything=True)
    return record


def test_a_mem0_result_becomes_records_with_their_ids_times_and_scopes(
    memory: Memory, ada: Scope
) -> None:
    assert memory.maintenance.import_([json.dumps({"results": [TEA, LISBON]})]) == 2
    tea, lisbon = memory.get([TEA["id"], LISBON["id"]], scope=ada)
    assert tea.scope == Scope(user="ada", agent="cook", session="r1")
    assert (tea.text, tea.keys, tea.sources) == (TEA["memory"], (TEA["memory"],), ("mem0",))
    assert tea.created == tea.valid_from == datetime(2026, 1, 2, 3, 4, 5, 964741, UTC)
    assert (tea.affirmed, tea.valid_to) == (None, None)
    assert tea.metadata == {"page": 3, "hash": TEA["hash"], "role": "user"}
    assert lisbon.valid_from == datetime(2026, 1, 1, 8, tzinfo=UTC)
    assert lisbon.affirmed == datetime(2026, 2, 3, 4, 5, 6, 24671, UTC)
    assert lisbon.valid_to == datetime(2130, 2, 1, tzinfo=UTC)
    assert lisbon.metadata == {"hash": LISBON["hash"], "actor_id": "Ada"}
    added, imported = memory.history(tea.id, scope=ada)
    assert (added.action, added.at) == ("add", tea.created)
    assert (imported.action, imported.why) == ("import", "from mem0")
    assert memory.search("tea", scope=ada, where={"page": 3})[0].record.id == tea.id
    assert memory.maintenance.verify() == ()


@pytest.mark.parametrize(
    "lines",
    [
        [json.dumps({"results": [TEA, LISBON]})],
        json.dumps({"count": 2, "next": None, "results": [TEA, LISBON]}, indent=1).split("\n"),
        json.dumps([TEA, LISBON], indent=1).split("\n"),
        ["", json.dumps(TEA), "", json.dumps(LISBON) + "\n"],
        [json.dumps({"results": [TEA]}), json.dumps({"results": [LISBON, TEA]})],
    ],
    ids=["a result", "a page, indented", "a list, indented", "lines", "pages, one a line"],
)
def test_every_layout_says_the_same_and_says_it_once(
    memory: Memory, ada: Scope, lines: list[str]
) -> None:
    assert memory.maintenance.import_(lines) == 2
    before = list(memory.maintenance.export(scope=ada, vectors=True))
    assert memory.maintenance.import_(lines, format="mem0") == 0
    assert list(memory.maintenance.export(scope=ada, vectors=True)) == before


def test_what_was_imported_is_exported_and_imported_like_any_other(
    memory: Memory, ada: Scope
) -> None:
    memory.maintenance.import_([json.dumps(TEA), json.dumps(LISBON)])
    lines = list(memory.maintenance.export(scope=ada))
    with Memory.in_memory(embedder=HashEmbedder()) as other:
        assert other.maintenance.import_(lines) == 2
        assert list(other.maintenance.export(scope=ada)) == lines


def test_an_assistant_s_words_are_not_evidence_as_anywhere_else(memory: Memory) -> None:
    memory.maintenance.import_([json.dumps(TEA | {"role": "assistant"})])
    assert not only(memory).evidence


def test_langgraph_items_keep_namespace_key_and_the_rest_of_their_value(
    memory: Memory, ada: Scope
) -> None:
    assert memory.maintenance.import_([json.dumps([ITEM | {"score": None}])]) == 1
    record = only(memory)
    assert (record.id, record.text) == ("ada/facts/k1", "Likes green tea.")
    assert record.metadata == {
        "page": 3,
        "langgraph_namespace": ["ada", "facts"],
        "langgraph_key": "k1",
    }
    assert record.created == record.valid_from == datetime(2026, 1, 2, 3, 4, 5, 542119, UTC)
    assert record.affirmed == datetime(2026, 1, 3, 3, 4, 5, 542120, UTC)
    assert record.sources == ("langgraph",)
    assert memory.maintenance.import_([json.dumps({"items": [ITEM]})]) == 0


def test_what_langgraph_itself_hands_out_is_read(memory: Memory, ada: Scope) -> None:
    store = InMemoryStore()
    store.put(("ada", "facts"), "k1", {"text": "Likes tea.", "page": 3})
    store.put(("ada", "facts"), "k1", {"text": "Likes green tea.", "page": 3})
    store.put(("ada",), "k/2", {"kind": "Memory", "content": {"content": "Lives in Porto."}})
    items = store.search((), limit=10)
    assert memory.maintenance.import_([json.dumps(item.dict()) for item in items]) == 2
    for item in items:
        name = "/".join([*item.namespace, item.key.replace("/", "%2F")])
        (record,) = memory.get([name], scope=ada)
        assert record.created == item.created_at
        assert record.moment[0] == item.updated_at
        assert record.text in ("Likes green tea.", "Lives in Porto.")


def test_the_same_key_in_two_namespaces_is_two_records(memory: Memory, ada: Scope) -> None:
    spots = [(["a", "b"], "c"), (["a"], "b/c"), (["a", "b/c"], "d"), (["a", "b"], "c/d")]
    items = [
        ITEM | {"namespace": where, "key": key, "value": {"text": f"fact {n}"}}
        for n, (where, key) in enumerate(spots)
    ]
    assert memory.maintenance.import_([json.dumps(items)]) == 4
    assert len({record.id for record in memory.list(scope=Scope(user="a"))}) == 4


def test_a_namespace_that_does_not_begin_with_the_user_is_told_whose_it_is(
    memory: Memory, ada: Scope
) -> None:
    item = ITEM | {"namespace": ["memories", "ada"]}
    assert memory.maintenance.import_([json.dumps(item)], user="ada") == 1
    assert only(memory).metadata["langgraph_namespace"] == ["memories", "ada"]


def test_the_same_text_of_the_same_time_is_one_fact_whatever_it_is_filed_under(
    memory: Memory,
) -> None:
    assert memory.maintenance.import_([json.dumps([ITEM, ITEM | {"key": "k2"}])]) == 1
    assert memory.maintenance.import_(
        [json.dumps(ITEM | {"created_at": "2026-01-04T00:00:00Z", "key": "3"})]
    )


@pytest.mark.parametrize(
    ("value", "text", "rest"),
    [
        ({"memory": "b", "content": "a"}, "a", {"memory": "b"}),
        ({"text": " ", "data": "d"}, "d", {"text": " "}),
        ({"kind": "Memory", "content": {"content": "c"}}, "c", {"kind": "Memory"}),
        ({"content": {"content": "c", "n": 1}}, "c", {"content": {"n": 1}}),
        ({"n": 2, "é": [1]}, '{"n": 2, "é": [1]}', {"n": 2, "é": [1]}),
        ({"text": 5, "a": 1}, '{"a": 1, "text": 5}', {"text": 5, "a": 1}),
    ],
)
def test_a_value_s_text_is_the_first_field_that_holds_one(
    memory: Memory, value: dict[str, Any], text: str, rest: dict[str, Any]
) -> None:
    memory.maintenance.import_([json.dumps(ITEM | {"value": value})])
    record = only(memory)
    assert record.text == text
    assert {k: v for k, v in record.metadata.items() if not k.startswith("langgraph_")} == rest


def test_the_caller_says_whose_memory_it_becomes(memory: Memory, ada: Scope) -> None:
    nobody = {name: TEA[name] for name in TEA if name not in ("user_id", "agent_id", "run_id")}
    with pytest.raises(InvalidInput, match="line 1: the memory has no 'user_id': say whose it is"):
        memory.maintenance.import_([json.dumps(nobody)])
    assert memory.maintenance.import_([json.dumps(nobody)], user="bob") == 1
    assert only(memory, "bob").scope == Scope(user="bob")
    assert (
        memory.maintenance.import_(
            list(memory.maintenance.export(scope=Scope(user="bob"))), user="eve"
        )
        == 1
    )
    assert only(memory, "eve").id == TEA["id"]


def test_an_item_without_times_holds_from_its_import(memory: Memory) -> None:
    before = datetime.now(UTC)
    memory.maintenance.import_([json.dumps(TEA | {"created_at": None, "updated_at": None})])
    assert before <= only(memory).valid_from <= datetime.now(UTC)


WITHOUT_TEXT = {name: TEA[name] for name in TEA if name != "memory"}


@pytest.mark.parametrize(
    ("lines", "format", "complaint"),
    [
        (["{}"], "auto", "line 1: expected the header of a memagent export, a mem0 memory"),
        (["[3]"], "auto", "line 1, item 1: expected a JSON object, found '3'"),
        (["[", "{", "3]"], "auto", "line 3: expected a JSON object or list: Expecting property"),
        (["", "[", "", "oops", "]"], "mem0", "line 4: expected a JSON object or list: Expecting"),
        (["[" * 100_000], "auto", "line 1: expected a JSON object or list: nested too deeply"),
        ([json.dumps(TEA), "oops"], "auto", "line 2: expected a JSON object, found 'oops'"),
        ([json.dumps(TEA), json.dumps(ITEM)], "auto", "line 2: 'id': expected a text in a mem0"),
        ([json.dumps([TEA, WITHOUT_TEXT])], "auto", "line 1, item 2: 'memory': expected a text"),
        ([json.dumps(ITEM)], "mem0", "line 1: 'id': expected a text in a mem0 memory"),
        ([json.dumps(TEA)], "langgraph", "line 1: 'key': expected a text in a LangGraph item"),
        ([json.dumps(TEA)], "memagent", "line 1: expected the header of a memagent export"),
        ([json.dumps(TEA | {"id": 7})], "auto", "'id': expected a text in a mem0 memory"),
        ([json.dumps(TEA | {"memory": " "})], "auto", "'memory': expected a text"),
        ([json.dumps(TEA | {"memory": "a\0b"})], "auto", "line 1: the text holds a NUL byte"),
        ([json.dumps(TEA | {"memory": "\ud800"})], "auto", "line 1: it holds half of a character"),
        ([json.dumps(TEA | {"metadata": [1]})], "auto", "'metadata': expected an object"),
        ([json.dumps(TEA | {"metadata": {"x": float("nan")}})], "auto", "cannot be kept as JSON"),
        ([json.dumps(TEA | {"user_id": 5})], "auto", "line 1: scope: user must be a non-empty"),
        ([json.dumps(TEA | {"created_at": "May"})], "auto", "'created_at': expected a time such"),
        ([json.dumps(TEA | {"updated_at": 17})], "auto", "'updated_at': expected a time such"),
        ([json.dumps(TEA | {"expiration_date": "x"})], "auto", "'expiration_date': expected a day"),
        ([json.dumps(TEA | {"expiration_date": "9999-12-31"})], "auto", "'expiration_date'"),
        ([json.dumps(ITEM | {"namespace": []})], "auto", "line 1: the namespace is empty"),
        ([json.dumps(ITEM | {"namespace": "ada"})], "auto", "'namespace': expected a list"),
        ([json.dumps(ITEM | {"value": "tea"})], "auto", "'value': expected an object"),
        ([json.dumps(ITEM | {"key": ""})], "auto", "'key': expected a text in a LangGraph item"),
        ([json.dumps(ITEM)], "zep", "format: one of auto, memagent, mem0"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place_and_nothing_is_kept(
    memory: Memory, lines: list[str], format: importing.Format, complaint: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        memory.maintenance.import_(lines, format=format)
    assert complaint in str(caught.value)
    assert memory.maintenance.stats()["records"] == 0


def test_an_empty_result_holds_nothing_new(memory: Memory) -> None:
    assert memory.maintenance.import_(['{"results": []}']) == 0
