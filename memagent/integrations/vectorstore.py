"""Vector store and retriever of langchain-core over a scope of a memory."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.utils.uuid import uuid7
from langchain_core.vectorstores import VectorStore
from pydantic import BeforeValidator, Field

from memagent.errors import InvalidInput, shown
from memagent.integrations.upsert import (
    OWN,
    Entry,
    Upsert,
    callers,
    check_metadata,
    entry_id,
    find,
    former_id,
    upsert,
)
from memagent.memory import arguments
from memagent.memory.aio import AsyncMemory, sync_of
from memagent.memory.memory import Memory
from memagent.stores.banks.episodic import keys_of
from memagent.stores.banks.validation import check
from memagent.stores.database.metadata import plain_metadata
from memagent.stores.database.metadata_filter import compile_filter
from memagent.types import Hit, NewRecord, Record, Scope, ScopeLike, ids_of


class MemagentRetriever(BaseRetriever):
    """Finds the `k` best records of a scope, as documents with the record's id and metadata.

    Under `memagent` their metadata also say why: `score` in [0, 1], the `key` that matched, and
    since when the record holds (`valid_from`, ISO 8601). `where` is a metadata filter as
    `Memory.search` takes it. The mode `recall` returns what `Memory.recall` would show a model: few
    and right, at most `k` at first look, oldest first.
    """

    memory: Annotated[Memory, BeforeValidator(sync_of)]
    scope: Annotated[Scope, BeforeValidator(Scope.of)]
    k: int = Field(default=5, ge=1)
    where: Mapping[str, Any] | None = None
    mode: Literal["search", "recall"] = "search"

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
    ) -> list[Document]:
        k, where = self.k if k is None else k, _where(self.where)
        if self.mode == "recall":
            recollection = self.memory.recall(query, scope=self.scope, k=k, where=where)
            return [_document(hit) for hit in recollection.hits]
        hits = self.memory.search(query, scope=self.scope, k=k, where=where)
        return [_document(hit) for hit in hits]


def _document(hit: Hit) -> Document:
    why = {
        "score": hit.score,
        "key": hit.key,
        "valid_from": hit.record.valid_from.isoformat(),
    }
    metadata = {**callers(hit.record.metadata), "memagent": why}
    return Document(id=hit.record.id, page_content=hit.record.text, metadata=metadata)


DOCUMENT = f"{OWN}document"
"""Metadata key of the id that LangChain knows a record by."""
DEFAULT_SCOPE = Scope(user="me")
"""Scope of `from_texts` where none is given."""


class MemagentVectorStore(VectorStore):
    """Documents are records; whatever else the scope holds is found as well, under its record's id.

    A search is the memory's own: by meaning and by words, its score in [0, 1], higher is better.
    `filter` is a metadata filter, and other arguments (`as_of`, `min_score` ...) are those that
    `Memory.search` takes. A document's `source` (what loaders put into its metadata) is a source of
    the record: `memory.forget(source=...)` erases the file.

    Adding under an id that is there puts a new version in the old one's place, in one transaction:
    the id stays, a search sees only the new text, and the old one stays as history: a memory loses
    nothing unasked. To erase the old text, delete the id first: `delete` is `Memory.forget`, and
    erases every version.
    """

    def __init__(self, memory: Memory | AsyncMemory, *, scope: ScopeLike) -> None:
        self.memory = sync_of(memory)
        self.scope = Scope.of(scope)

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        folder: str | Path | None = None,
        scope: Scope = DEFAULT_SCOPE,
        **kwargs: Any,
    ) -> Self:
        """Return a vector store over the memory in a folder (None: in RAM only) with texts added.

        Its `memory` is the caller's to close.
        """
        memory = (
            Memory.in_memory(embedder=embedding)
            if folder is None
            else Memory.open(folder, embedder=embedding)
        )
        made = cls(memory, scope=scope)
        made.add_texts(texts, metadatas, ids=ids)
        return made

    @property
    def embeddings(self) -> Embeddings:
        """The memory's embedder."""
        return self.memory.engine.encoder.embeddings

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Add documents, all or none, and return their ids.

        A document without an id gets one that follows from its text and metadata, so that adding it
        again adds nothing.

        Raises:
            InvalidInput: there are not as many metadata or ids as texts, a text cannot be
                remembered, or the metadata are not JSON.
        """
        whole = _listed("texts", texts)
        given = [
            {} if one is None else one
            for one in _listed("metadatas", () if metadatas is None else metadatas)
        ]
        given = given or [{}] * len(whole)
        names = _listed("ids", () if ids is None else ids) or [None] * len(whole)
        if not all(name is None or isinstance(name, str) for name in names):
            raise InvalidInput(f"ids: each is a text or None, not {shown(names)}")
        if not len(whole) == len(given) == len(names):
            raise InvalidInput(
                f"there are {len(whole)} texts, {len(given)} metadata and {len(names)} ids"
            )
        notes = [_note(text, one) for text, one in zip(whole, given, strict=True)]
        contents = [json.dumps([note.text, note.metadata]) for note in notes]
        wanted = [
            name or entry_id("text", self.scope, content)
            for name, content in zip(names, contents, strict=True)
        ]
        former = [former_id("text", self.scope, content) for content in contents]
        held, named = self._held([*wanted, *former]), set(names)
        wanted = [
            old if name is None and id not in held and old in held else id
            for name, id, old in zip(names, wanted, former, strict=True)
        ]
        upserts: list[Upsert] = []
        documents: dict[str, str] = {}
        for name_wanted, note in dict(zip(wanted, notes, strict=True)).items():
            entry, documents[name_wanted] = held.get(name_wanted), name_wanted
            if entry is not None and _same(entry.newest, note):
                continue
            if entry is not None and name_wanted not in named:
                entry, documents[name_wanted] = None, str(uuid7())
            own_id = entry.first.id if entry else self._record_id(documents[name_wanted])
            metadata = {**note.metadata, DOCUMENT: documents[name_wanted]}
            upserts.append(
                Upsert(id=own_id, note=replace(note, metadata=metadata), scope=self.scope)
            )
        upsert(self.memory, upserts, within=self.scope)
        return [documents[name_wanted] for name_wanted in wanted]

    def delete(
        self,
        ids: list[str] | None = None,
        *,
        filter: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> bool:
        """Erase documents by id, or by a metadata filter, with all their versions.

        Ids that are not there are passed over. Without either nothing is erased, since that would
        be everything in the scope: `memory.forget(scope=..., everything=True)` says so.

        Raises:
            InvalidInput: neither ids nor a filter is given.
        """
        if ids is None and filter is None:
            raise InvalidInput("say what to delete: ids, or a filter")
        names = [] if ids is None else ids_of(ids)
        if filter is not None:
            compile_filter(filter)
        deleted = [entry.first.id for entry in self._held(names).values()]
        if deleted:
            self.memory.forget(deleted, scope=self.scope)
        if filter is not None:
            self.memory.forget(scope=self.scope, where=filter)
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Return documents by id, in the order asked for; unknown ones are left out."""
        names = ids_of(ids)
        held = self._held(names)
        return [self._document(held[name].newest) for name in names if name in held]

    def similarity_search(
        self, query: str, k: int = 4, filter: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> list[Document]:
        """Return the `k` best documents for a query, best first."""
        scored = self.similarity_search_with_score(query, k, filter, **kwargs)
        return [document for document, _ in scored]

    def similarity_search_with_score(
        self, query: str, k: int = 4, filter: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """Return the `k` best documents for a query, with their scores in [0, 1]."""
        hits = self.memory.search(query, scope=self.scope, k=k, where=_where(filter), **kwargs)
        return [(self._document(hit.record), min(hit.score, 1.0)) for hit in hits]

    def similarity_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        filter: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """Return the `k` documents nearest to a vector, by cosine alone, best first."""
        hits = self.memory.search(
            vector=embedding, scope=self.scope, k=k, where=_where(filter), **kwargs
        )
        return [self._document(hit.record) for hit in hits]

    def max_marginal_relevance_search(
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """Return `k` documents chosen from the best to be relevant and unlike each other.

        They are chosen among at least `fetch_k`. `lambda_mult` weighs the two: 1 looks at relevance
        alone, 0 at difference alone.
        """
        hits = self.memory.search(
            query,
            scope=self.scope,
            k=_fetched(k, fetch_k),
            where=_where(filter),
            diversity=_diversity(lambda_mult),
            **kwargs,
        )
        return [self._document(hit.record) for hit in hits[:k]]

    def max_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """Return `k` documents near a vector and unlike each other, as the search by query does."""
        hits = self.memory.search(
            vector=embedding,
            scope=self.scope,
            k=_fetched(k, fetch_k),
            where=_where(filter),
            diversity=_diversity(lambda_mult),
            **kwargs,
        )
        return [self._document(hit.record) for hit in hits[:k]]

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        """Return how to read a score: it is a relevance in [0, 1] as it is."""
        return lambda score: score

    def _held(self, names: Sequence[str]) -> dict[str, Entry]:
        """Return what stands under each document id: a document, or else a record of that id."""
        former = {self._record_id(name): former_id("document", self.scope, name) for name in names}
        found = find(self.memory, [*former, *names], self.scope, former=former)
        held = {name: found.get(self._record_id(name)) or found.get(name) for name in names}
        return {name: entry for name, entry in held.items() if entry is not None}

    def _record_id(self, name: str) -> str:
        return entry_id("document", self.scope, name)

    def _document(self, record: Record) -> Document:
        """Return a record as a document; an id counts in the scope that it was given in."""
        name = record.metadata.get(DOCUMENT) if record.scope == self.scope else None
        return Document(
            id=name if name and isinstance(name, str) else record.id,
            page_content=record.text,
            metadata=callers(record.metadata),
        )


def _listed(name: str, values: Any) -> list[Any]:
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise InvalidInput(f"{name}: a list is wanted, not {shown(values)}")
    return arguments.listed(name, values)


def _where(filter: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return a filter for a search; an empty one is none, as LangChain's callers mean it."""
    return None if isinstance(filter, Mapping) and not filter else filter


def _fetched(k: int, fetch_k: int) -> int:
    return max(arguments.count("k", k), arguments.count("fetch_k", fetch_k))


def _diversity(lambda_mult: float) -> float:
    if not isinstance(lambda_mult, Real) or not 0 <= lambda_mult <= 1:
        raise InvalidInput(f"lambda_mult must be from 0 to 1, not {shown(lambda_mult)}")
    return 1 - float(lambda_mult)


def _note(text: str, metadata: Mapping[str, Any]) -> NewRecord:
    """Return a checked note; its keys are its own, whatever the text before it spoke of."""
    check_metadata(metadata)
    source = metadata.get("source")
    sources = (source,) if isinstance(source, str) and source else ()
    note = NewRecord(text=text, metadata=metadata, sources=sources)
    check(note)
    return replace(note, keys=tuple(keys_of(text)), metadata=plain_metadata(metadata))


def _same(record: Record, note: NewRecord) -> bool:
    return record.text == note.text and callers(record.metadata) == note.metadata
