"""What a memory is handed out as, to code that knows langchain-core's interfaces."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, cast

from memagent.types import Scope

if TYPE_CHECKING:
    from memagent.integrations.chat_history import MemagentChatMessageHistory
    from memagent.integrations.vectorstore import MemagentRetriever, MemagentVectorStore
    from memagent.memory.memory import Memory


class Views:
    """The views of a memory, for `Memory` to inherit; each is imported when it is first asked for.

    For LangGraph there is `memagent.integrations.langgraph.MemagentStore`.
    """

    def as_vectorstore(self, *, scope: Scope) -> "MemagentVectorStore":
        """Return a scope as a langchain-core `VectorStore`."""
        from memagent.integrations.vectorstore import MemagentVectorStore

        return MemagentVectorStore(cast("Memory", self), scope=scope)

    def as_retriever(
        self,
        *,
        scope: Scope,
        k: int = 5,
        where: Mapping[str, Any] | None = None,
        mode: Literal["search", "recall"] = "search",
    ) -> "MemagentRetriever":
        """Return a scope as a langchain-core `BaseRetriever`, which finds `k` records.

        `where` is a metadata filter as `search` takes it; in the mode `recall` the retriever
        returns what `recall` would show a model.
        """
        from memagent.integrations.vectorstore import MemagentRetriever

        memory = cast("Memory", self)
        return MemagentRetriever(memory=memory, scope=scope, k=k, where=where, mode=mode)

    def as_chat_history(self, *, scope: Scope) -> "MemagentChatMessageHistory":
        """Return a session as a langchain-core `BaseChatMessageHistory`.

        Raises:
            InvalidInput: the scope has no session.
        """
        from memagent.integrations.chat_history import MemagentChatMessageHistory

        return MemagentChatMessageHistory(cast("Memory", self), scope=scope)
