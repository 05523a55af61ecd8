"""Arms of document tasks: each finds and shows the documents of a stream in another way.

Documents, few-shot examples and decoding are the same in every arm. `memory` is the product: an
agent that recalls from a memory which has read the documents. The others are controls.
"""

import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from langchain_core.language_models import BaseChatModel

from memagent.agent.agent import Agent
from memagent.errors import InvalidInput
from memagent.evals.arm import ArmName, Parts, Reply
from memagent.evals.task import Sample, Task
from memagent.evals.tasks.documents.corpus import corpus_of
from memagent.evals.tasks.documents.documents import DocumentQuestion, StreamTask, gold_sentences
from memagent.evals.tasks.documents.examples import Show, few_shot_examples
from memagent.evals.tasks.story_arms import recall
from memagent.prompts import NOTHING_RELEVANT, SHORT_ANSWER
from memagent.stores.database.filters import Filter
from memagent.types import Answer, Hit, Recollection, Scope

TOKENS = 16
"""The greatest length of an answer, as in MAC's protocol."""
K = 5
"""Number of passages that `search-k` shows where its name does not say."""
ASKING = Scope(user="asking")
"""Scope of questions that no memory is asked for."""
Shown = tuple[int, str]
"""Number of a passage, and what of it is shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """One way of showing a stream.

    `find` says how passages are found: as the agent recalls them, by a search, by meaning or words
    alone, by the gold, or not at all. `show` is what of them is shown, but for what is recalled,
    which is shown as the agent does; few-shot examples look alike. Without `time`, passages newer
    than the question are seen, too. A `frozen` memory stopped reading where the recent past begins;
    a `wrong` one has only the passages of other articles.
    """

    find: Literal["recall", "search", "meaning", "words", "gold", "none"]
    show: Show = "sentence"
    time: bool = True
    frozen: bool = False
    wrong: bool = False


WAYS: dict[str, Way] = {
    "none": Way(find="none", show="nothing"),
    "oracle": Way(find="gold", show="passage"),
    "oracle-sentence": Way(find="gold"),
    "memory": Way(find="recall"),
    "memory-no-time": Way(find="recall", time=False),
    "frozen": Way(find="recall", frozen=True),
    "wrong": Way(find="recall", wrong=True),
    "search-k": Way(find="search", show="passage"),
    "dense": Way(find="meaning"),
    "bm25": Way(find="words"),
}
DOCUMENT_ARMS = tuple(WAYS)


class DocumentArm:
    """Arm that answers questions about a stream from the passages that one way shows.

    `memory` asks an agent whose memory has read the stream, as of when the question is asked.
    `memory-no-time`, `frozen` and `wrong` bound what may be recalled as an agent cannot: there the
    memory recalls with the agent's budget, and the agent is handed that. A name's size is how many
    passages are shown at most: as many as suit the model if it does not say, one of those that are
    found by `dense`, `bm25` and the oracles. Only the oracles read the gold supports.

    Raises:
        InvalidInput: there is no such arm, or the task is no stream.
    """

    def __init__(self, name: ArmName, task: Task, parts: Parts) -> None:
        name.check(WAYS)
        if not isinstance(task, StreamTask):
            raise InvalidInput(f"the task {task.name!r} has no documents")
        self._way = WAYS[name.kind]
        self._task = task
        self._k = name.size or (K if self._way.find == "search" else 1)
        self._memory = parts.memory
        self._corpus = corpus_of(parts.memory, task.stream, parts.folder)
        self._agent = Agent(
            memory=parts.memory if self._way.find == "recall" else None,
            model=short(parts.model),
            k=name.size if self._way.find == "recall" else None,
            instructions=SHORT_ANSWER,
            hops=0,  # one search each: arms differ in what is shown alone
        )
        self._dated = self._agent.driver.budget().dates and task.dated
        self._agent.examples = few_shot_examples(name.shots, self._way.show, self._dated)

    def prepare(self) -> None:
        """Read the documents, unless that was done, so that no question's time includes it."""
        if self._way.find not in ("none", "gold"):
            self._corpus.fill(self._memory, self._task.documents, self._task.timed)

    def ask(self, sample: Sample) -> Reply:
        """Answer a question from the documents read so far."""
        question = cast(DocumentQuestion, sample)
        self.prepare()
        if self._way == WAYS["memory"]:
            answer = self._agent.ask(
                question.question,
                scope=self._corpus.scope,
                remember=False,
                now=self._bounds(question).get("as_of"),
            )
            found = _lines(answer.recollection)
        else:
            started = time.perf_counter()
            found = self.find(question)
            answer = self._answered(question, found, time.perf_counter() - started)
        share = None if self._way.wrong else recall(sample, [number for number, _ in found])
        return Reply(answer=answer, shown=tuple(text for _, text in found), recall=share)

    def _answered(self, question: DocumentQuestion, found: list[Shown], seconds: float) -> Answer:
        """Answer from what was found, in the agent's words where that is nothing."""
        nothing = (NOTHING_RELEVANT,) if self._way.find == "recall" else ()
        answer = self._agent.ask(
            question.question,
            scope=ASKING,
            remember=False,
            evidence=[text for _, text in found] or nothing,
            now=question.asked_at if self._way.find == "recall" else None,
        )
        return replace(answer, timings=replace(answer.timings, search=seconds))

    def find(self, question: DocumentQuestion) -> list[Shown]:
        """Return what is shown for a question, with the numbers of the passages.

        What is recalled, or the best of a search, is in order of time; else the best is last.
        """
        if self._way.find == "none":
            return []
        if self._way.find == "gold":
            return self._gold(question)
        if self._way.find == "recall":
            budget = self._agent.driver.budget()
            recollection = self._memory.recall(
                question.question,
                scope=self._corpus.scope,
                k=budget.k,
                tokens=budget.tokens,
                **self._bounds(question),
            )
            return _lines(replace(recollection, hides_dates=not self._dated))
        hits = self._hits(question)
        if self._way.find == "search":
            hits = sorted(hits, key=lambda hit: hit.record.moment)
            return [(int(hit.record.id), hit.line(self._dated)) for hit in hits]
        return [(int(hit.record.id), hit.key) for hit in reversed(hits)]

    def _gold(self, question: DocumentQuestion) -> list[Shown]:
        documents = self._task.documents
        if self._way.show == "sentence":
            places = gold_sentences(question, documents)[: self._k]
            return [(number, documents[number - 1].shown(place)) for number, place in places]
        return [(number, documents[number - 1].text) for number in question.supports]

    def _hits(self, question: DocumentQuestion) -> list[Hit]:
        """Return the passages found by a search, best first."""
        text, bounds = question.question, self._bounds(question)
        scope, k = self._corpus.scope, self._k
        if self._way.find == "search":
            return list(self._memory.search(text, scope=scope, k=k, **bounds))
        if self._way.find == "meaning":
            vector = self._memory.engine.encoder.embeddings.embed_query(text)
            return list(self._memory.search(vector=vector, scope=scope, k=k, **bounds))
        where = Filter(
            scope=scope,
            evidence=True,
            as_of=bounds.get("as_of"),
            until=bounds.get("until"),
        )
        return list(self._memory.engine.bank.by_words(text, where, k))

    def _bounds(self, question: DocumentQuestion) -> dict[str, Any]:
        """Return the filter of the passages that the arm may see for a question.

        A question is asked of what is older than it: a passage of the same moment is not.
        """
        bounds: dict[str, Any] = {}
        ends: list[datetime] = []
        if question.asked_at is not None:
            if self._way.time:
                bounds["as_of"] = question.asked_at - timedelta(microseconds=1)
            elif self._task.as_time_passes:
                ends.append(question.asked_at)
        if self._way.frozen and self._task.recent is not None:
            ends.append(self._task.recent)
        if ends:
            bounds["until"] = min(ends)
        if self._way.wrong:
            bounds["where"] = {"group": {"ne": question.group}}
        return bounds


def _lines(recollection: Recollection) -> list[Shown]:
    """Return the lines that are shown of what was recalled, with the numbers of the passages."""
    hits = [hit for hit in recollection.hits if "passed" not in hit.why]
    return [(int(hit.record.id), text) for hit, text in zip(hits, recollection.texts, strict=True)]


def short(model: BaseChatModel, tokens: int = TOKENS) -> BaseChatModel:
    """Return the model with answers of at most `tokens` tokens, where it knows such a limit."""
    if "max_tokens" not in type(model).model_fields:
        return model
    return model.model_copy(update={"max_tokens": tokens})
