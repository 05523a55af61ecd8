"""Peers by name: stores that others wrote, each as a retriever of the same turns.

Each store runs in this process, sends nothing anywhere, has the settings it comes with, and keeps
the texts as they are: no language model extracts or rewrites anything. All get the same texts
(`Turn.shown`) and the same vectors. Their packages are in the extra `peers`.

- `mem0`: mem0 over its local Qdrant on disk, `infer=False`, a user a conversation. It searches by
  cosine, exactly, and leaves out what has less than 0.1.
- `langgraph`: LangGraph's `InMemoryStore` without an index, a namespace a conversation. It does not
  rank: it lists what was written first.
- `langgraph-index`: the same with an index; cosine, exact.
- `chroma`: Chroma on disk, one collection, filtered by conversation; Euclidean distance, HNSW.
- `lancedb`: LanceDB on disk, one table, filtered by conversation; Euclidean distance, exact.
- `faiss`: FAISS in RAM, a flat index a conversation; inner product, exact.
- `bm25s`: bm25s in RAM, an index a conversation; BM25 with English stop words and English stems.

`Ranked.seconds` is the search call alone, with the question's vector at hand, for `chroma`,
`lancedb` and `faiss`. For `mem0` and `langgraph-index`, which embed by themselves, it has their
call to the embedder in it, which answers from its cache; for `bm25s` it has the cutting of the
question into words in it.
"""

import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from langchain_core.embeddings import Embeddings

from memagent.errors import ConfigError
from memagent.evals.arm import Parts
from memagent.evals.tasks.conversations.conversation import (
    Conversation,
    ConversationQuestion,
    ConversationTask,
)
from memagent.evals.tasks.conversations.peers.memories import LangGraph, Mem0
from memagent.evals.tasks.conversations.peers.store import Place, Store, unit
from memagent.evals.tasks.conversations.peers.vectors import Chroma, Faiss, Lance
from memagent.evals.tasks.conversations.peers.words import Bm25
from memagent.evals.tasks.conversations.retrievers import MakeRetriever, Ranked
from memagent.files import make_private_folder

_STORES: Mapping[str, tuple[str, Callable[[Place], Store]]] = {
    "mem0": ("mem0ai", Mem0),
    "langgraph": ("langgraph", partial(LangGraph, indexed=False)),
    "langgraph-index": ("langgraph", partial(LangGraph, indexed=True)),
    "chroma": ("chromadb", Chroma),
    "lancedb": ("lancedb", Lance),
    "faiss": ("faiss-cpu", Faiss),
    "bm25s": ("bm25s", Bm25),
}
"""The package of each store by the name of its arm, and how it is opened."""


class Peer:
    """Store under test in a folder of its own, which is deleted when it is closed.

    The folder lies in that of the run, in `peers`, where there is one. A run that goes on later
    writes its conversations anew.

    Raises:
        ConfigError: the store's package is not installed.
    """

    def __init__(self, name: str, task: ConversationTask, parts: Parts) -> None:
        package, open_store = _STORES[name]
        self._embedder: Embeddings = parts.embedder
        self._numbers: dict[str, str] = {}
        self._folder = _folder(name, parts.folder)
        place = Place(
            folder=Path(self._folder.name),
            embedder=self._embedder,
            dimensions=len(self._embedder.embed_query(name)),
        )
        try:
            self._store = open_store(place)
        except ImportError as error:
            self._folder.cleanup()
            raise ConfigError(
                f"arm {name} needs {package}: pip install 'memagent[peers]'"
            ) from error

    def read(self, conversation: Conversation) -> None:
        """Write a conversation that has turns, once; each turn with its vector."""
        if conversation.id in self._numbers or not conversation.turns:
            return
        number = str(len(self._numbers))
        texts = [turn.shown for turn in conversation.turns]
        self._store.write(number, conversation.turns, unit(self._embedder.embed_documents(texts)))
        self._numbers[conversation.id] = number

    def find(self, question: ConversationQuestion, k: int) -> Ranked:
        """Return at most `k` turns of the question's conversation, best first."""
        number = self._numbers.get(question.story)
        if number is None:
            return Ranked(turns=(), seconds=0.0)
        vector = unit(self._embedder.embed_query(question.question))
        began = time.perf_counter()
        turns = self._store.find(number, question.question, vector, k)
        return Ranked(turns=tuple(turns), seconds=time.perf_counter() - began)

    def close(self) -> None:
        """Close the store and delete its folder."""
        self._store.close()
        self._folder.cleanup()


def _folder(name: str, run: Path | None) -> tempfile.TemporaryDirectory[str]:
    """Make an empty folder for a store, within the folder of a run where there is one."""
    if run is not None:
        make_private_folder(run / "peers")
    return tempfile.TemporaryDirectory(
        prefix=f"{name}-", dir=None if run is None else run / "peers", ignore_cleanup_errors=True
    )


PEERS: Mapping[str, MakeRetriever] = {name: partial(Peer, name) for name in _STORES}
"""The peers, by the names of their arms."""
