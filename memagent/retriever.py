"""A scope of a memory as a langchain-core `BaseRetriever`."""

from collections.abc import Mapping
from typing import Any, Literal

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import Field

from memagent.entries import callers
from memagent.memory.memory import Memory
from memagent.types import Hit, Scope


class MemagentRetriever(BaseRetriever):
    """Finds the `k` best records of a scope, as documents with the record's id and metadata.

    Under `memagent` their metadata also say why: `score` in [0, 1], the `key` that matched, and
    since when the record holds (`valid_from`, ISO 8601). `where` is a metadata filter as
    `Memory.search` takes it. The mode `recall` returns what `Memory.recall` would show a model: few
    and right, at most `k` at first look, oldest first.
    """

    memory: Memory
    scope: Scope
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
        k = self.k if k is None else k
        if self.mode == "recall":
            recollection = self.memory.recall(query, scope=self.scope, k=k, where=self.where)
            return [_document(hit) for hit in recollection.hits]
        hits = self.memory.search(query, scope=self.scope, k=k, where=self.where)
        return [_document(hit) for hit in hits]


def _document(hit: Hit) -> Document:
    why = {
        "score": hit.score,
        "key": hit.key,
        "valid_from": hit.record.valid_from.isoformat(),
    }
    metadata = {**callers(hit.record.metadata), "memagent": why}
    return Document(id=hit.record.id, page_content=hit.record.value, metadata=metadata)
