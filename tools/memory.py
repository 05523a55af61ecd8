"""Two tools over one scope of a memory: search it, and add to it."""

from collections.abc import Sequence
from typing import Protocol

from langchain_core.tools import BaseTool, StructuredTool

from memagent.types import Hit, Record, Scope


class SearchableMemory(Protocol):
    """What the tools need of a memory."""

    def add(self, text: str, *, scope: Scope) -> Record:
        """Remember one text."""

    def search(self, query: str, *, scope: Scope, k: int = 10) -> Sequence[Hit]:
        """Return the best records, best first."""


def memory_tools(memory: SearchableMemory, scope: Scope) -> list[BaseTool]:
    """Return `memory_search` and `memory_add`, bound to a scope that the caller cannot change."""

    def search(query: str) -> str:
        hits = memory.search(query, scope=scope, k=5)
        return "\n".join(f"[{hit.record.id}] {hit.record.value}" for hit in hits) or "nothing found"

    def add(text: str) -> str:
        return f"remembered as {memory.add(text, scope=scope).id}"

    return [
        StructuredTool.from_function(
            search, name="memory_search", description="Search what is remembered; best first."
        ),
        StructuredTool.from_function(
            add, name="memory_add", description="Remember one fact, word for word."
        ),
    ]
