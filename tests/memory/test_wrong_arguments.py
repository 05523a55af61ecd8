"""Arguments of any type and value: a verb does what it should, or says in one line why not."""

import asyncio
import inspect
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from itertools import product
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from langchain_core.messages import HumanMessage
from langgraph.store.base import InvalidNamespaceError

from memagent import AsyncMemory, Memory, NewRecord, Scope
from memagent.errors import InvalidInput, MemagentError
from memagent.integrations.chat_history import MemagentChatMessageHistory
from memagent.integrations.langgraph import MemagentStore
from memagent.integrations.vectorstore import MemagentRetriever, MemagentVectorStore
from memagent.memory.aio import PARTS, verbs
from memagent.models.open_chat import open_chat
from memagent.testing import HashEmbedder, ScriptedChat
from memagent.types import Recollection

SEED = random.randrange(10**6)
CALLS = 2_000
"""Calls of one run; the odd values and the verbs make some 15,000."""


class Color(Enum):
    RED = 1


class Text(str):
    __slots__ = ()


class Silent:
    def __repr__(self) -> str:
        raise RuntimeError("nothing to show")


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"k": value}
    return value


ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 3, 1 << 62, 1 << 63, 10**30, -(10**30), 10**5_000),
    *(0.5, -0.5, float("nan"), float("inf"), -float("inf"), 1j, Decimal("1.5")),
    *("", " ", "x", "a\nb", "\0", "\u2028", "x" * 70_000, Text("s"), b"x", "runs", "helped"),
    *([], [3], [None], [""], ["x"], ("x",), [b"x"], {"x"}, range(3), ENDLESS),
    *({}, {"a": 1}, {3: 1}, {"a": nested(1_500)}, {"a": {"in": []}}, {"a": float("nan")}),
    *(date(2020, 1, 1), datetime(2020, 1, 1, tzinfo=UTC), datetime.max, datetime.min),
    datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-5))),
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5))),
    *(timedelta(0), timedelta.max, timedelta(-1)),
    *(np.int64(3), np.float64(1.5), np.float32(0.5), np.bool_(True), np.array(3), np.zeros(3)),
    *(np.array(["a", "b"]), [1.0] * 64, [1e39] * 64, [[1.0] * 64], [[1.0], [1.0, 2.0]]),
    *(object, object(), Silent(), Color.RED, UUID(int=1), Scope("bob", session="s")),
    *(NewRecord(text="n"), [NewRecord(text="n")], [HumanMessage("hi")], HumanMessage("hi")),
    *([{"role": "user", "content": "x"}], [{"role": nested(1_500)}], Recollection()),
    *((lambda *_: None), Exception("x"), nested(1_500)),
)
NEEDED: dict[str, Any] = {
    "text": "tea",
    "id": "r1",
    "ids": ["r1"],
    "question": "tea?",
    "query": "tea",
    "records": ["new"],
    "messages": [{"role": "user", "content": "hi"}],
    "answer": "hot",
    "lesson": NewRecord(text="l", kind="lesson"),
    "outcome": "helped",
    "capacity": 5,
    "wanted": "r1",
    "found": "r2",
    "lines": [],
    "texts": ["t"],
    "embedding": [1.0] * 64,
    "namespace": ("a",),
    "key": "k",
    "value": {"a": 1},
    "namespace_prefix": ("a",),
    "ops": [],
    "message": HumanMessage("hi"),
}
"""A right value for each argument that a verb cannot do without."""
LEFT_TO_OTHERS = {
    # What LangChain's and LangGraph's base classes do with them before ours are asked.
    *("namespace", "namespace_prefix", "prefix", "suffix", "documents", "key"),
    # Called as they are, and by LangGraph only.
    *("progress", "ttl", "refresh_ttl", "model"),
}
STORES = {
    "documents": "add_texts delete get_by_ids similarity_search similarity_search_with_score"
    " similarity_search_by_vector max_marginal_relevance_search"
    " max_marginal_relevance_search_by_vector",
    "items": "put get search list_namespaces batch",
    "messages": "add_messages add_message",
}


def parts(memory: Memory) -> dict[str, Any]:
    return {
        "memory": memory,
        **{name: getattr(memory, name) for name in PARTS},
        "documents": MemagentVectorStore(memory, scope="ada"),
        "items": MemagentStore(memory, scope="ada"),
        "messages": MemagentChatMessageHistory(memory, scope=Scope("ada", session="s")),
    }


def is_named(parameter: inspect.Parameter) -> bool:
    return parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)


def calls() -> Iterator[tuple[str, str, str]]:
    """Every argument of every verb, as (part, verb, argument)."""
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        for name, part in parts(memory).items():
            names = STORES[name].split() if name in STORES else verbs(type(part))
            for verb in names:
                for parameter in inspect.signature(getattr(part, verb)).parameters.values():
                    if (
                        is_named(parameter)
                        and parameter.name not in LEFT_TO_OTHERS
                        and verb != "close"
                    ):
                        yield name, verb, parameter.name


def opened() -> Memory:
    memory = Memory.in_memory(embedder=HashEmbedder(), scope="ada")
    memory.add("tea is hot. " * 30, id="r1", metadata={"a": 1})
    memory.add("cake", id="r2")
    return memory


def called(part: Any, verb: str, argument: str, value: Any) -> Any:
    method = getattr(part, verb)
    parameters = [one for one in inspect.signature(method).parameters.values() if is_named(one)]
    needed = {one.name: NEEDED.get(one.name) for one in parameters if one.default is one.empty}
    if verb == "expand":
        needed["found"] = Recollection()
    if verb == "check":
        needed["target"] = part.target("r1")
    if any(one.name == "model" for one in parameters):
        needed["model"] = ScriptedChat(["x"] * 9)
    chosen = {
        one.name: value if one.name == argument else needed.get(one.name)
        for one in parameters
        if one.name == argument or one.name in needed
    }
    places = [chosen.pop(one.name) for one in parameters if one.kind is one.POSITIONAL_ONLY]
    found = method(*places, **chosen)
    return list(found) if inspect.isgenerator(found) else found


def test_any_value_of_any_argument_works_or_is_one_line() -> None:
    cases = list(product(calls(), range(len(VALUES))))
    assert len(cases) > 10_000
    for number, ((name, verb, argument), place) in enumerate(
        random.Random(SEED).sample(cases, CALLS)
    ):
        if number % 200 == 0:
            memory = opened()
        try:
            called(parts(memory)[name], verb, argument, VALUES[place])
        except (InvalidNamespaceError, MemagentError) as error:
            line = str(error)
            assert len(line.splitlines()) == 1, (name, verb, argument, place)
            assert len(line) < 600, (name, verb, argument, place)
        except Exception as error:
            shown = f"{name}.{verb}({argument}=VALUES[{place}]), seed {SEED}"
            pytest.fail(f"{shown}: {type(error).__name__}: {error!s:.200}")


def test_any_value_of_any_field_of_a_record_works_or_is_one_line() -> None:
    names = [field.name for field in fields(NewRecord) if field.name != "text"]
    with opened() as memory:
        for number, (name, value) in enumerate(product(names, VALUES)):
            record = NewRecord(**{"text": f"tea {number}", name: value})
            with suppress(InvalidInput):
                memory.add_many([record])
                memory.changes.teach(replace(record, kind="lesson"))
        assert memory.maintenance.verify() == ()
        assert list(memory.maintenance.export())


def test_the_async_verbs_refuse_as_the_plain_ones_do() -> None:
    async def refused() -> None:
        async with await AsyncMemory.in_memory(embedder=HashEmbedder(), scope="ada") as memory:
            for verb, wrong in (("sessions", {"start": 3}), ("list", {"limit": True})):
                with pytest.raises(InvalidInput, match="wanted"):
                    await getattr(memory, verb)(**wrong)
            with pytest.raises(InvalidInput, match="capacity: a whole number is wanted"):
                await memory.maintenance.retain("x")  # type: ignore[arg-type]

    asyncio.run(refused())


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda wrong: open_chat(wrong), "model: a name, a URL or a chat model, not 3"),
        (lambda wrong: Memory.in_memory(embedder=wrong), "embedder: a name or Embeddings"),
        (lambda wrong: Memory.in_memory(index_bytes="3"), "index_bytes: a whole number is wanted"),
    ],
)
def test_what_is_no_model_is_refused_when_it_is_given(
    call: Callable[[Any], Any], complaint: str
) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        call(3)


@pytest.mark.parametrize(
    ("verb", "arguments", "complaint"),
    [
        ("add", {"text": "x", "valid_from": date(2020, 1, 1)}, "valid_from: a datetime is wanted"),
        (
            "add",
            {
                "text": "x",
                "valid_from": datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-5))),
            },
            "outside the years 1 to 9999",
        ),
        ("add", {"text": "x", "metadata": nested(1_500)}, "nested too deeply: at most 100"),
        ("forget", {"everything": "false"}, "everything: true or false is wanted"),
        ("forget", {"dry_run": "false", "ids": "r1"}, "dry_run: true or false is wanted"),
        ("search", {"query": "x", "k": True}, "k: a whole number is wanted, not True"),
        ("search", {"query": "x", "min_score": float("nan")}, "min_score: a number is wanted"),
        ("search", {"vector": "x"}, "vectors: expected rows of"),
    ],
)
def test_a_wrong_argument_is_named(verb: str, arguments: dict[str, Any], complaint: str) -> None:
    with opened() as memory, pytest.raises(InvalidInput, match=complaint):
        getattr(memory, verb)(**arguments)
    with suppress(InvalidInput):
        memory.close()


def test_numbers_of_any_size_and_kind_count() -> None:
    with opened() as memory:
        for k in (10**30, np.int64(3), 1 << 62):
            assert len(memory.search("tea", k=k)) == 2
            assert len(memory.list(limit=k)) == 2
        assert memory.count(where={"a": {"lt": 10**400, "gt": -(10**400)}}) == 1


def test_an_empty_filter_of_langchain_is_none_and_deletes_nothing() -> None:
    with opened() as memory:
        store = MemagentVectorStore(memory, scope="ada")
        assert len(store.similarity_search("tea", filter={})) == 2
        assert len(MemagentRetriever(memory=memory, scope="ada", where={}).invoke("tea")) == 2
        with pytest.raises(InvalidInput, match="non-empty mapping"):
            store.delete(["r1"], filter={})
        assert memory.count() == 2
        ids = store.add_texts(["a", "b"], [None, {"page": None}])  # type: ignore[list-item]
        assert [one.metadata for one in store.get_by_ids(ids)] == [{}, {"page": None}]
        with pytest.raises(InvalidInput, match="ids: each is a text or None"):
            store.add_texts(["a"], ids=[UUID(int=1)])  # type: ignore[list-item]
        for search in (store.get_by_ids, store.delete):
            with pytest.raises(InvalidInput, match="ids: one id or several"):
                search([UUID(int=1)])  # type: ignore[list-item]
