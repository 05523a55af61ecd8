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


def search(*, evidence: bool = False) -> MakeRetriever:
    """Return the retriever of `Memory.search`; the question is embedded before.

    It ranks every turn, or with `evidence` those alone that state something, as a search does that
    names no roles.
    """

    def make(task: ConversationTask, parts: Parts) -> Retriever:
        embedder = shared_embedder(parts)

        def ranked(question: ConversationQuestion, scope: Scope, k: int) -> Hits | Recollection:
            text = question.question
            vector = embedder.embed_query(text)
            roles = None if evidence else "all"
            return parts.memory.search(text, vector=vector, scope=scope, k=k, roles=roles)

        return MemorySearch(task, parts, ranked)

    return make


def dense(*, evidence: bool = False) -> MakeRetriever:
    """Return the retriever by the vector alone, among the same turns as that of `search`."""

    def make(task: ConversationTask, parts: Parts) -> Retriever:
        embedder = shared_embedder(parts)

        def ranked(question: ConversationQuestion, scope: Scope, k: int) -> Hits | Recollection:
            vector = embedder.embed_query(question.question)
            roles = None if evidence else "all"
            return parts.memory.search(vector=vector, scope=scope, k=k, roles=roles)

        return MemorySearch(task, parts, ranked)

    return make


def bm25(*, evidence: bool = False) -> MakeRetriever:
    """Return the retriever by words alone, among the same turns as that of `search`.

    It ranks `ALL` turns whatever it is asked for.
    """

    def make(task: ConversationTask, parts: Parts) -> Retriever:
        @lru_cache(maxsize=1)
        def by_words(text: str, scope: Scope) -> Sequence[Hit]:
            seen = Filter(scope=scope, evidence=evidence)
            return parts.memory.engine.bank.by_words(text, seen, ALL)

        def ranked(question: ConversationQuestion, scope: Scope, k: int) -> Hits | Recollection:
            return Hits(hits=tuple(by_words(question.question, scope)[:k]))

        return MemorySearch(task, parts, ranked)

    return make


def recall(shown: int | None = None) -> MakeRetriever:
    """Return the retriever of `Memory.recall`, with this k or with its own."""

    def make(task: ConversationTask, parts: Parts) -> Retriever:
        def ranked(question: ConversationQuestion, scope: Scope, k: int) -> Hits | Recollection:
            if shown is None:
                return parts.memory.recall(question.question, scope=scope)
            return parts.memory.recall(question.question, scope=scope, k=shown)

        return MemorySearch(task, parts, ranked)

    return make


def recall_all(shown: int | None = None) -> MakeRetriever:
    """Return the retriever of `Memory.recall` among the turns that `search` ranks.

    Questions and replies are recalled, too, and their texts may be of any length.
    """

    def make(task: ConversationTask, parts: Parts) -> Retriever:
        def ranked(question: ConversationQuestion, scope: Scope, k: int) -> Hits | Recollection:
            return parts.memory.recall(
                question.question, scope=scope, k=shown or k, tokens=None, roles="all"
            )

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
