"""Arm of a retrieval evaluation: it asks a store for a question's turns, and answers with them."""

import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import cast

from memagent.errors import InvalidInput
from memagent.evals.arm import ArmName, Parts, Reply
from memagent.evals.metrics.retrieval import CUTOFFS
from memagent.evals.task import Sample, Task
from memagent.evals.tasks.conversations.conversation import (
    Conversation,
    ConversationQuestion,
    ConversationTask,
)
from memagent.evals.tasks.conversations.peers import PEERS
from memagent.evals.tasks.conversations.retrieval import memory_retrievers
from memagent.evals.tasks.conversations.retrieval.embedder import shared_embedder
from memagent.evals.tasks.conversations.retrieval.ranking import as_text
from memagent.evals.tasks.conversations.retrieval.writing import keep_time
from memagent.evals.tasks.conversations.retrievers import MakeRetriever, Ranked, Retriever
from memagent.types import Answer, Recollection, Timings

OURS: Mapping[str, MakeRetriever] = {
    "search": memory_retrievers.search(),
    "recall": memory_retrievers.recall(),
    "recall-all": memory_retrievers.recall_all(),
    "dense": memory_retrievers.dense(),
    "bm25": memory_retrievers.bm25(),
    "oracle": memory_retrievers.oracle,
    "recent": memory_retrievers.recent,
}
STORES: Mapping[str, MakeRetriever] = {**OURS, **PEERS}
SIZED: Mapping[str, Callable[[int | None], MakeRetriever]] = {
    "recall": memory_retrievers.recall,
    "recall-all": memory_retrievers.recall_all,
}
"""Arms that choose themselves how many turns they show, unless their name says it."""
MEMAGENT = "memagent"
"""The store that those of our own share."""
DEPTH = max(CUTOFFS)
"""Number of turns that an arm is asked for where its name does not say."""
DEEP = 3 * DEPTH
"""Number of turns among which the best of each further session is looked for."""
_SEARCHING = threading.Lock()
"""One arm searches at a time, so that its seconds are those of a search alone."""


class RetrievalArm:
    """One store; `search:10` asks it for 10 turns.

    `retrievers` are the stores by name. Its answer is the ids of the turns found, as `as_text`
    writes them. Before a store reads a
    conversation or is asked a question, their texts are embedded, so that its
    times are of little else.

    Raises:
        InvalidInput: there is no such arm, or it is asked for no turn.
        ConfigError: the package of a peer is not installed.
    """

    def __init__(
        self,
        name: ArmName,
        task: Task,
        parts: Parts,
        retrievers: Mapping[str, MakeRetriever] = STORES,
    ) -> None:
        if name.size == 0:
            raise InvalidInput(f"arm {name.kind}:0: expected a number of turns of at least 1")
        self.name = name
        self._task = cast(ConversationTask, task)
        self._parts = parts
        self._embedder = shared_embedder(parts)
        self._retriever = _retriever(name, self._task, parts, retrievers)
        self._read: set[str] = set()
        weakref.finalize(self, self._retriever.close)

    def ask(self, sample: Sample) -> Reply:
        """Return the turns that are found for a question."""
        question = cast(ConversationQuestion, sample)
        talk = self._task.conversations[question.story]
        with _SEARCHING:
            self._write(talk)
            self._embedder.embed_query(question.question)
            found = self._retriever.find(question, self.name.size or DEPTH)
            further = self._further(question, talk, found)
        return _reply(question, talk, found, further)

    def _write(self, talk: Conversation) -> None:
        if talk.id in self._read:
            return
        self._embedder.embed_documents([turn.shown for turn in talk.turns])
        started = time.perf_counter()
        self._retriever.read(talk)
        seconds = time.perf_counter() - started
        self._read.add(talk.id)
        bound = isinstance(self._retriever, memory_retrievers.Bound)
        if self._parts.folder is not None and not bound:
            store = MEMAGENT if self.name.kind in OURS else self.name.kind
            keep_time(self._parts.folder, store, self._task.data, talk, seconds)

    def _further(
        self, question: ConversationQuestion, talk: Conversation, found: Ranked
    ) -> list[str]:
        """Return the best turn of each further session, in order, so that there are `DEPTH`.

        None where the arm chose how many turns it shows.
        """
        if self.name.size is not None or len(found.turns) < DEPTH:
            return []
        session = {turn.id: turn.session for turn in talk.turns}
        reached = {session[turn] for turn in found.turns}
        missing = min(DEPTH, len(set(session.values()))) - len(reached)
        further: list[str] = []
        if missing > 0:
            for turn in self._retriever.find(question, DEEP).turns:
                if session[turn] not in reached and len(further) < missing:
                    further.append(turn)
                    reached.add(session[turn])
        return further


def _retriever(
    name: ArmName, task: ConversationTask, parts: Parts, retrievers: Mapping[str, MakeRetriever]
) -> Retriever:
    name.check(retrievers)
    if name.kind in PEERS:
        parts = replace(parts, embedder=shared_embedder(parts))
    make = SIZED[name.kind](name.size) if name.kind in SIZED else retrievers[name.kind]
    return make(task, parts)


def _reply(
    question: ConversationQuestion, talk: Conversation, found: Ranked, further: Sequence[str]
) -> Reply:
    text = {turn.id: turn.shown for turn in talk.turns}
    gold = set(question.evidence)
    return Reply(
        answer=Answer(
            answer=as_text(found.turns, further),
            recollection=Recollection(),
            timings=Timings(search=found.seconds),
        ),
        shown=tuple(text[turn] for turn in found.turns),
        marked=tuple(place for place, turn in enumerate(found.turns) if turn in gold),
        recall=len(gold & set(found.turns)) / len(gold),
    )
