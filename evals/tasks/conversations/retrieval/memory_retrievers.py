"""Retrievers of the memory itself: its searches, its recall, and the bounds to compare them with.

`search` ranks as `Memory.search` does, `dense` by the vector alone and `bm25` by words alone;
`recall` shows what `Memory.recall` chooses. `recent` takes the last turns, and `oracle` the gold
ones. They read a conversation into the run's memory, which holds it once for all of them.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from memagent.evals.arm import Parts
from memagent.evals.tasks.conversations.conversation import (
    Conversation,
    ConversationQuestion,
    ConversationTask,
)
from memagent.evals.tasks.conversations.ingestion import ingest, scope_of
from memagent.evals.tasks.conversations.retrieval.embedder import shared_embedder
from memagent.evals.tasks.conversations.retrievers import MakeRetriever, Ranked, Retriever
from memagent.stores.database.filters import Filter
from memagent.types import Hit, Hits, Recollection, Scope

ALL = 60
"""Number of turns that `bm25` ranks."""
RECALLED = 5
"""The k of `recall` where its name does not say."""
Search = Callable[[ConversationQuestion, Scope, int], Hits | Recollection]


class MemorySearch:
    """One way of searching the run's memory.

    What a recollection shows, oldest first, is ranked by score.
    """

    def __init__(self, task: ConversationTask, parts: Parts, search: Search) -> None:
        self._memory = parts.memory
        self._data = task.data
        self._search = search
        self._turns: dict[str, Mapping[str, tuple[str, ...]]] = {}

    def read(self, conversation: Conversation) -> None:
        """Write a conversation into the memory, unless it is there."""
        scope = scope_of(self._data, conversation.id)
        self._turns[conversation.id] = ingest(self._memory, conversation, scope)

    def find(self, question: ConversationQuestion, k: int) -> Ranked:
        """Return the turns of the hits; a record of several equal turns stands for all."""
        scope = scope_of(self._data, question.story)
        started = time.perf_counter()
        found = self._search(question, scope, k)
        seconds = time.perf_counter() - started
        hits: Sequence[Hit] = found.hits
        if isinstance(found, Recollection):
            seconds -= found.embed_seconds
            hits = sorted(hits, key=lambda hit: hit.score, reverse=True)
        turns = self._turns[question.story]
        ranked = [turn for hit in hits for turn in turns.get(hit.record.id, ())]
        most = len(ranked) if isinstance(found, Recollection) else k
        return Ranked(turns=tuple(dict.fromkeys(ranked))[:most], seconds=seconds)

    def close(self) -> None:
        """Leave the memory open, which is the run's."""


def search(task: ConversationTask, parts: Parts) -> Retriever:
    """Return the retriever of `Memory.search`; the question is embedded before."""
    embedder = shared_embedder(parts)

    def ranked(question: ConversationQuestion, scope: Scope, k: int) -> Hits | Recollection:
        vector = embedder.embed_query(question.question)
        return parts.memory.search(question.question, vector=vector, scope=scope, k=k, roles="all")

    return MemorySearch(task, parts, ranked)


def dense(task: ConversationTask, parts: Parts) -> Retriever:
    """Return the retriever by the vector alone."""
    embedder = shared_embedder(parts)

    def ranked(question: ConversationQuestion, scope: Scope, k: int) -> Hits | Recollection:
        vector = embedder.embed_query(question.question)
        return parts.memory.search(vector=vector, scope=scope, k=k, roles="all")

    return MemorySearch(task, parts, ranked)


def bm25(task: ConversationTask, parts: Parts) -> Retriever:
    """Return the retriever by words alone, which ranks `ALL` turns whatever it is asked for."""

    @lru_cache(maxsize=1)
    def by_words(text: str, scope: Scope) -> Sequence[Hit]:
        records = parts.memory.engine.bank.by_words(text, Filter(scope=scope), ALL)
        return [Hit(record=record, score=0.0, key="", why={}) for record in records]

    def ranked(question: ConversationQuestion, scope: Scope, k: int) -> Hits | Recollection:
        return Hits(hits=tuple(by_words(question.question, scope)[:k]))

    return MemorySearch(task, parts, ranked)


def recall(shown: int | None) -> MakeRetriever:
    """Return the retriever of `Memory.recall` with this k."""

    def make(task: ConversationTask, parts: Parts) -> Retriever:
        def ranked(question: ConversationQuestion, scope: Scope, k: int) -> Hits | Recollection:
            return parts.memory.recall(question.question, scope=scope, k=shown or RECALLED)

        return MemorySearch(task, parts, ranked)

    return make


class Bound:
    """A choice of turns that searches for nothing."""

    def __init__(self, choose: Callable[[ConversationQuestion], Sequence[str]]) -> None:
        self._choose = choose

    def read(self, conversation: Conversation) -> None:
        """Store nothing."""

    def find(self, question: ConversationQuestion, k: int) -> Ranked:
        """Return the first of the chosen turns."""
        return Ranked(turns=tuple(self._choose(question)[:k]), seconds=0.0)

    def close(self) -> None:
        """Do nothing."""


def oracle(task: ConversationTask, parts: Parts) -> Retriever:
    """Return the retriever of the gold turns, and of a first turn of each gold session without."""

    def choose(question: ConversationQuestion) -> Sequence[str]:
        talk = task.conversations[question.story]
        session = {turn.id: turn.session for turn in talk.turns}
        reached = {session[turn] for turn in question.evidence}
        sessions = talk.sessions()
        rest = [name for name in question.sessions if name in sessions and name not in reached]
        return [*question.evidence, *(sessions[name][0].id for name in rest)]

    return Bound(choose)


def recent(task: ConversationTask, parts: Parts) -> Retriever:
    """Return the retriever of the last turns, the newest first."""
    last = {talk.id: [turn.id for turn in talk.turns[::-1]] for talk in task.conversations.values()}
    return Bound(lambda question: last[question.story])
