import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.indexing import InMemoryRecordManager, index
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import VectorStoreIntegrationTests

from memagent import AsyncMemory, Memory, Scope
from memagent.errors import InvalidInput
from memagent.integrations.vectorstore import MemagentVectorStore
from memagent.testing import HashEmbedder


class TestStandard(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self) -> Iterator[VectorStore]:
        with Memory.in_memory(embedder=self.get_embeddings()) as memory:
            yield MemagentVectorStore(memory, scope=Scope(user="ada", session="s"))


@pytest.fixture
def store(memory: Memory, ada: Scope) -> MemagentVectorStore:
    return MemagentVectorStore(memory, scope=ada)


def texts(documents: list[Document]) -> list[str]:
    return [one.page_content for one in documents]


def held(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


def test_a_replaced_document_keeps_its_id_and_its_past(
    memory: Memory, store: MemagentVectorStore, ada: Scope
) -> None:
    for city in ("Porto", "Lisbon", "Faro"):
        assert store.add_texts([f"I live in {city}."], [{"city": city}], ids=["home"]) == ["home"]
    found = Document(id="home", page_content="I live in Faro.", metadata={"city": "Faro"})
    assert store.similarity_search("live", k=5) == [found]
    assert store.get_by_ids(["home"]) == [found]
    (record,) = memory.list(scope=ada)
    upserts = [one for one in memory.history(record.id, scope=ada) if one.action == "add"]
    assert len(upserts) == 3
    (before,) = memory.search("live", scope=ada, as_of=upserts[1].at)
    assert before.record.text == "I live in Lisbon."


def test_delete_erases_every_version_from_the_disk(tmp_path: Path, ada: Scope) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        store = MemagentVectorStore(memory, scope=ada)
        store.add_texts(["my pin is qzwxvk"], ids=["pin"])
        store.add_texts(["my pin is secret"], ids=["pin"])
        store.add_texts(["my dog is brown"], ids=["dog"])
        assert b"qzwxvk" in held(tmp_path)
        assert store.delete(["pin", "unknown"])
        assert texts(store.similarity_search("pin", k=5)) == ["my dog is brown"]
        assert memory.maintenance.stats()["records"] == 1
        assert b"qzwxvk" not in held(tmp_path)
        assert memory.maintenance.verify() == ()


def test_delete_says_what_it_wants(memory: Memory, store: MemagentVectorStore, ada: Scope) -> None:
    store.add_texts(["one", "two"], [{"page": 1}, {"page": 2}])
    with pytest.raises(ValueError, match="say what to delete"):
        store.delete()
    assert store.delete([])
    assert len(memory.list(scope=ada)) == 2
    assert store.delete(filter={"page": 1})
    assert texts(store.similarity_search("one", k=5)) == ["two"]


def test_documents_of_one_text_are_told_apart_by_id_and_metadata(
    store: MemagentVectorStore,
) -> None:
    first = store.add_texts(["blank page"] * 3, [{"page": 1}, {"page": 2}, {"page": 2}])
    assert len(set(first)) == 2
    assert first[1] == first[2]
    assert store.add_texts(["blank page"], [{"page": 1}]) == first[:1]
    store.add_texts(["blank page", "blank page"], ids=["a", "b"])
    found = store.similarity_search("blank page", k=9)
    assert sorted(one.id or "" for one in found) == sorted({*first, "a", "b"})


def test_a_text_that_was_replaced_does_not_take_its_place_back(store: MemagentVectorStore) -> None:
    (name,) = store.add_texts(["draft"])
    store.add_texts(["final"], ids=[name])
    (other,) = store.add_texts(["draft"])
    assert other != name
    assert texts(store.get_by_ids([name, other])) == ["final", "draft"]


def test_adding_the_same_again_writes_nothing(
    memory: Memory, store: MemagentVectorStore, ada: Scope
) -> None:
    documents = [Document(page_content="foo", metadata={"tags": ("a", 1)}, id="1")]
    store.add_documents(documents)
    before = list(memory.maintenance.export(scope=ada))
    store.add_documents(documents)
    assert list(memory.maintenance.export(scope=ada)) == before
    store.add_texts(["foo"], [{"tags": ["a", 2]}], ids=["1"])
    assert store.get_by_ids(["1"])[0].metadata == {"tags": ["a", 2]}


def test_of_several_documents_under_one_id_the_last_counts(store: MemagentVectorStore) -> None:
    store.add_texts(["old"], ids=["1"])
    assert store.add_texts(["new", "old"], ids=["1", "1"]) == ["1", "1"]
    assert texts(store.get_by_ids(["1"])) == ["old"]
    store.add_texts(["old", "new"], ids=["1", "1"])
    assert texts(store.get_by_ids(["1"])) == ["new"]


def test_the_same_ids_in_two_scopes_are_two_documents(memory: Memory, ada: Scope) -> None:
    one = MemagentVectorStore(memory, scope=Scope(user="ada", session="one"))
    two = MemagentVectorStore(memory, scope=Scope(user="ada", session="two"))
    one.add_texts(["from one"], ids=["1"])
    two.add_texts(["from two"], ids=["1"])
    assert texts(one.similarity_search("from", k=5)) == ["from one"]
    assert texts(two.get_by_ids(["1"])) == ["from two"]
    both = MemagentVectorStore(memory, scope=ada)
    found = both.similarity_search("from", k=5)
    assert sorted(texts(found)) == ["from one", "from two"]
    assert len({document.id for document in found}) == 2
    two.delete(["1"])
    assert texts(one.get_by_ids(["1"])) == ["from one"]


def test_a_wider_scope_replaces_within_the_narrower_one(memory: Memory, ada: Scope) -> None:
    session = MemagentVectorStore(memory, scope=Scope(user="ada", session="one"))
    session.add_texts(["old"], ids=["1"])
    wide = MemagentVectorStore(memory, scope=ada)
    (document,) = wide.similarity_search("old")
    assert document.id is not None
    assert wide.add_texts(["new"], ids=[document.id]) == [document.id]
    assert texts(session.similarity_search("new", k=5)) == ["new"]
    assert texts(wide.get_by_ids([document.id])) == ["new"]
    assert len(memory.list(scope=ada)) == 1


def test_what_was_told_otherwise_is_a_document_under_its_records_id(
    memory: Memory, store: MemagentVectorStore, ada: Scope
) -> None:
    record = memory.add("Mary moved.", scope=ada, metadata={"page": 3})
    found = Document(id=record.id, page_content="Mary moved.", metadata={"page": 3})
    assert store.similarity_search("Mary") == [found]
    assert store.get_by_ids([record.id]) == [found]
    store.add_texts(["Mary stayed."], ids=[record.id])
    assert store.similarity_search("Mary") == [Document(id=record.id, page_content="Mary stayed.")]
    store.delete([record.id])
    assert memory.maintenance.stats()["records"] == 0


def test_documents_do_not_lean_on_each_other(
    memory: Memory, store: MemagentVectorStore, ada: Scope
) -> None:
    store.add_texts(["Mary is here.", "It is red."])
    assert {record.keys for record in memory.list(scope=ada)} == {
        ("Mary is here.",),
        ("It is red.",),
    }


def test_a_source_is_forgotten_with_all_its_documents(
    memory: Memory, store: MemagentVectorStore, ada: Scope
) -> None:
    store.add_texts(["one", "two", "three"], [{"source": "a.txt"}] * 2 + [{"source": "b.txt"}])
    assert memory.forget(scope=ada, source="a.txt").records == 2
    assert texts(store.similarity_search("one", k=5)) == ["three"]


def test_scores_filters_and_vectors(store: MemagentVectorStore) -> None:
    store.add_texts(["red fox", "red dog", "blue cat"], [{"n": 1}, {"n": 2}, {"n": 3}])
    scored = store.similarity_search_with_score("red fox", k=3)
    assert scored[0][0].page_content == "red fox"
    assert scored[0][1] == pytest.approx(1.0, abs=1e-2)
    assert all(0 <= score <= 1 for _, score in scored)
    assert sorted((score for _, score in scored), reverse=True) == [score for _, score in scored]
    relevant = store.similarity_search_with_relevance_scores("red fox", k=3, score_threshold=0.97)
    assert texts([found for found, _ in relevant]) == ["red fox"]
    assert texts(store.similarity_search("red fox", filter={"n": {"gte": 2}}, k=1)) == ["red dog"]
    vector = store.embeddings.embed_query("blue cat")
    assert texts(store.similarity_search_by_vector(vector, k=1)) == ["blue cat"]
    assert texts(store.similarity_search_by_vector(vector, k=3, filter={"n": 1})) == ["red fox"]
    retriever = store.as_retriever(search_kwargs={"k": 1, "filter": {"n": 2}})
    assert texts(retriever.invoke("red fox")) == ["red dog"]
    assert texts(store.similarity_search("red fox", min_score=0.97)) == ["red fox"]
    assert store.similarity_search("red", since=datetime(2100, 1, 1, tzinfo=UTC)) == []
    with pytest.raises(TypeError, match="filters"):
        store.similarity_search("red fox", filters={"n": 2})


def test_marginal_relevance_prefers_what_is_unlike(store: MemagentVectorStore) -> None:
    store.add_texts(["red fox", "red fox runs", "blue fox"])
    plain = texts(store.max_marginal_relevance_search("red fox", k=2, lambda_mult=1.0))
    mixed = texts(store.max_marginal_relevance_search("red fox", k=2, lambda_mult=0.3))
    assert plain == ["red fox", "red fox runs"]
    assert mixed == ["red fox", "blue fox"]
    vector = store.embeddings.embed_query("red fox")
    by_vector = store.max_marginal_relevance_search_by_vector(vector, k=2, lambda_mult=0.3)
    assert texts(by_vector) == ["red fox", "blue fox"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"metadatas": [{}]}, "2 texts, 1 metadata and 2 ids"),
        ({"ids": ["1"]}, "2 texts, 2 metadata and 1 ids"),
        ({"metadatas": [{}, {"memagent.document": "x"}]}, "a key cannot be 'memagent.document'"),
        ({"metadatas": [{}, {"when": object()}]}, "cannot be kept as JSON"),
    ],
)
def test_what_cannot_be_kept_is_refused_whole(
    memory: Memory, store: MemagentVectorStore, arguments: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        store.add_texts(["one", "two"], **arguments)
    with pytest.raises(InvalidInput, match="empty"):
        store.add_texts(["one", " "])
    assert memory.maintenance.stats()["records"] == 0


def test_from_texts_and_documents(tmp_path: Path) -> None:
    documents = [Document(id="1", page_content="red fox"), Document(page_content="blue cat")]
    made = MemagentVectorStore.from_documents(documents, HashEmbedder(), folder=tmp_path)
    made.memory.close()
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        store = MemagentVectorStore(memory, scope=made.scope)
        assert texts(store.get_by_ids(["1"])) == ["red fox"]
        assert texts(store.similarity_search("cat", k=1)) == ["blue cat"]


def test_langchain_s_indexing_keeps_it_in_step(store: MemagentVectorStore) -> None:
    manager = InMemoryRecordManager(namespace="memagent")
    manager.create_schema()

    def run(*contents: str) -> dict[str, int]:
        documents = [Document(page_content=one, metadata={"source": one[0]}) for one in contents]
        options: Any = {"cleanup": "full", "source_id_key": "source", "key_encoder": "sha256"}
        return dict(index(documents, manager, store, **options))

    assert run("a1", "b1")["num_added"] == 2
    assert run("a1", "b1")["num_skipped"] == 2
    counts = run("a1", "b2")
    assert (counts["num_added"], counts["num_deleted"]) == (1, 1)
    assert sorted(texts(store.similarity_search("a1", k=9))) == ["a1", "b2"]


def test_many_writers_of_one_id_leave_one_document(
    memory: Memory, store: MemagentVectorStore, ada: Scope
) -> None:
    def write(number: int) -> None:
        store.add_texts([f"told by {number}", "shared"], ids=["same", f"own {number}"])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(12)))
    assert len(memory.list(scope=ada)) == 13
    (last,) = store.get_by_ids(["same"])
    assert texts(store.similarity_search("told", k=1)) == [last.page_content]
    versions = memory.history(memory.search("told", scope=ada)[0].record.id, scope=ada)
    assert len({event.record for event in versions}) == 12
    assert memory.maintenance.verify() == ()


async def test_the_async_memory_hands_out_the_same_store(ada: Scope) -> None:
    async with await AsyncMemory.in_memory(embedder=HashEmbedder()) as memory:
        store = MemagentVectorStore(memory, scope=ada)
        await asyncio.gather(*(store.aadd_texts([f"note {n}"], ids=[str(n)]) for n in range(10)))
        assert texts(await store.asimilarity_search("note 7", k=1)) == ["note 7"]
        assert texts(await store.aget_by_ids(["3"])) == ["note 3"]
        found = await store.amax_marginal_relevance_search("note 7", k=3)
        assert len(found) == 3
        assert await store.adelete(["3"])
        assert await store.aget_by_ids(["3"]) == []
        assert await memory.sessions(scope=ada) == ()
