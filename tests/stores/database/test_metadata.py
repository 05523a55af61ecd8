import json
from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memagent import Memory, Scope
from memagent.errors import InvalidInput
from memagent.stores.database.filters import Filter
from memagent.stores.database.metadata import MAX_BYTES, plain_metadata
from memagent.testing import HashEmbedder

DOCUMENTS: dict[str, dict[str, Any]] = {
    "a": {"page": 3, "tag": "x", "draft": True},
    "b": {"page": 30, "tag": "y", "draft": False},
    "c": {"page": "3", "note": None},
    "d": {"page": 3.5, "tag": "x"},
    "e": {},
    "f": {"author": {"name": "Ada"}, "tags": ["é", 1, None], "not": 3},
}


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ({"page": 3}, "a"),
        ({"page": "3"}, "c"),
        ({"page": {"gt": 3}}, "bd"),
        ({"page": {"gte": 3, "lt": 30}}, "ad"),
        ({"page": {"lte": "9"}}, "c"),
        ({"page": {"ne": 3}}, "bcdef"),
        ({"tag": {"in": ["x", "z"]}}, "ad"),
        ({"draft": True}, "a"),
        ({"draft": 1}, ""),
        ({"page": {"exists": False}}, "ef"),
        ({"note": None}, "c"),
        ({"note": {"exists": True}}, "c"),
        ({"tag": "x", "page": {"lt": 3.2}}, "a"),
        ({"or": [{"tag": "y"}, {"page": "3"}]}, "bc"),
        ({"and": [{"tag": "x"}, {"not": {"draft": True}}]}, "d"),
        ({"not": {"tag": "x"}}, "bcef"),
        ({"it's": {"exists": False}}, "abcdef"),
        ({("author", "name"): "Ada"}, "f"),
        ({("author", "name"): {"ne": "Ada"}}, "abcde"),
        ({("not",): 3}, "f"),
        ({"tags": {"eq": ["é", 1, None]}}, "f"),
        ({"tags": {"eq": ["é", 1]}}, ""),
        ({"tags": {"in": [["é", 1, None], "x"]}}, "f"),
        ({"tags": {"contains": "é"}}, "f"),
        ({"tags": {"contains": 1}}, "f"),
        ({"tags": {"contains": None}}, "f"),
        ({"tags": {"contains": "1"}}, ""),
        ({"tags": {"contains": True}}, ""),
        ({"page": {"lt": 2**70}}, "abd"),
        ({"page": {"gt": -float("inf")}}, "abd"),
        ({"page": 2**70}, ""),
        ({"author": {"eq": {"name": "Ada"}}}, "f"),
        ({"author": {"ne": {"name": "Ada"}}}, "abcde"),
        ({"page": {"eq": [[3]]}}, ""),
        ({"tags": {"contains": ["é"]}}, ""),
        ({"tag": {"contains": "x"}}, ""),
        ({"author": {"contains": "Ada"}}, ""),
        ({"not": {"tags": {"contains": "é"}}}, "abcde"),
    ],
)
def test_a_filter_lets_through_what_it_says_and_respects_types(
    memory: Memory, ada: Scope, where: dict[str, Any], names: str
) -> None:
    for name, metadata in DOCUMENTS.items():
        memory.add(f"document {name}", scope=ada, metadata=metadata)
    hits = memory.search("document", scope=ada, where=where)
    assert "".join(sorted(hit.record.text[-1] for hit in hits)) == names
    listed = memory.list(scope=ada, where=where)
    assert {one.id for one in listed} == {hit.record.id for hit in hits}


@pytest.mark.parametrize(
    ("where", "complaint"),
    [
        ({}, "expected a non-empty mapping"),
        ({"page": {}}, "'page' has no operator"),
        ({"page": {"like": 3}}, "unknown operator 'like'"),
        ({"page": {"in": "abc"}}, "'in' expects a non-empty list"),
        ({"page": {"lt": True}}, "'lt' expects a number or a text"),
        ({"page": {"lt": None}}, "'lt' expects a number or a text"),
        ({"page": {"exists": 1}}, "'exists' expects true or false"),
        ({"page": [3]}, "say 'in' or 'eq' to compare with a list"),
        ({(): 3}, "cannot be a metadata key"),
        ({("a", 3): 3}, "cannot be a metadata key"),
        ({"or": {"page": 3}}, "'or' expects a non-empty list"),
        ({"or": []}, "'or' expects a non-empty list"),
        ({"not": 3}, "expected a non-empty mapping"),
        ("page = 3", "expected a non-empty mapping"),
        ({"page": {"like": 3}}, 'alternatives are written {"or": [{...}, {...}]}'),
        ({"page": {"like": 3}}, "eq, ne, in, contains, lt, lte, gt, gte, exists"),
        ({"page": {"in": b"abc"}}, "'in' expects a non-empty list"),
        ({"page": float("nan")}, "cannot compare with NaN"),
        ({"page": {1, 2}}, "cannot compare with a set"),
        ({"page": date(2020, 1, 1)}, "cannot compare with a date"),
        ({"page": {"lt": [1]}}, "'lt' expects a number or a text"),
        ({"page": {"eq": {1: 2}}}, "cannot compare with a dict"),
        ({"page": "\ud800"}, "cannot compare with half of a character"),
        ({"\ud800": 1}, "cannot be a metadata key"),
        ({3: 1}, "cannot be a metadata key"),
        ([{"page": 3}], "expected a non-empty mapping"),
        ({"or": ["page"]}, "expected a non-empty mapping"),
    ],
)
def test_a_malformed_filter_is_an_error_that_names_the_part(
    memory: Memory, ada: Scope, where: Any, complaint: str
) -> None:
    with pytest.raises(InvalidInput, match="filter") as caught:
        memory.search("document", scope=ada, where=where)
    assert complaint in str(caught.value)


texts = st.text("ab'\"é\x00\ud800", max_size=3)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
keys = st.sampled_from(["page", "and", "or", "not", "in", "eq", "contains", "exists"]) | texts
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(where=st.dictionaries(keys, anything, max_size=3) | anything)
def test_any_filter_either_filters_or_is_an_invalid_input(where: Any) -> None:
    ada = Scope(user="ada")
    with Memory.in_memory(embedder=HashEmbedder(8)) as memory:
        memory.add("document", scope=ada, metadata={"page": 3, "tags": ["x"]})
        with suppress(InvalidInput):
            memory.engine.store.read.newest(Filter(scope=ada, metadata=where), 1)


@settings(deadline=None)
@given(tags=st.lists(st.sampled_from([None, "a", "b", "é", 2, 2.5, -1]), max_size=4))
def test_a_list_contains_its_elements_and_no_others(tags: list[Any]) -> None:
    ada = Scope(user="ada")
    with Memory.in_memory(embedder=HashEmbedder(8)) as memory:
        memory.add("document", scope=ada, metadata={"tags": tags})
        for tag in [*tags, "no such tag"]:
            where = Filter(scope=ada, metadata={"tags": {"contains": tag}})
            assert memory.engine.store.read.count(where) == (tag in tags)


def test_a_filter_keeps_its_candidates_however_many_others_match_better(
    memory: Memory, ada: Scope
) -> None:
    memory.add("the cat of old", scope=ada, metadata={"keep": True})
    memory.add_many([f"cat cat {n}" for n in range(200)], scope=ada)
    hits = memory.search("cat", scope=ada, k=3, where={"keep": True})
    assert [hit.record.text for hit in hits] == ["the cat of old"]


CELLS = st.none() | st.booleans() | st.text(max_size=5) | st.integers() | st.lists(st.none())


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(max_size=3), CELLS, max_size=4))
def test_metadata_are_returned_as_json_gives_them_back(metadata: dict[str, Any]) -> None:
    assert plain_metadata(metadata) == json.loads(json.dumps(metadata))


def test_long_metadata_are_still_bounded() -> None:
    with pytest.raises(InvalidInput):
        plain_metadata({"note": "x" * MAX_BYTES})


def test_half_a_character_in_plain_metadata_is_refused() -> None:
    with pytest.raises(InvalidInput):
        plain_metadata({"note": "\ud800"})
