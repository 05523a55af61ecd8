"""Arms of document tasks: each finds and shows the documents of a stream in another way.

Documents, examples and decoding are the same in every arm. A `Way` says how documents are written
(see the module `corpus`) and what of them is shown.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from langchain_core.language_models import BaseChatModel

from memagent.agent.agent import Agent
from memagent.errors import InvalidInput
from memagent.evals.arm import ArmName, Parts, Reply
from memagent.evals.task import Sample, Task
from memagent.evals.tasks.documents.corpus import Writing, corpus_of, raw
from memagent.evals.tasks.documents.documents import DocumentQuestion, StreamTask, gold_sentences
from memagent.evals.tasks.documents.examples import Show, few_shot_examples
from memagent.evals.tasks.story_arms import ALL, recall
from memagent.prompts import SHORT_ANSWER
from memagent.recall.recaller import TIE_WINDOW
from memagent.types import Hit, Scope

TOKENS = 16
"""The greatest length of an answer, as in MAC's protocol."""
POOL = 16
"""Number of passages that are searched for the newest of the equally relevant."""
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """One way of showing a stream.

    `rank` says how passages are found: by meaning and words, by one of these alone, or not at all.
    With `time`, passages newer than the question are not seen; with `recency`, of about equally
    relevant passages those of a year that the question names come first, or else the newest. A
    `frozen` memory stopped reading where the recent past begins; a `wrong` one has only the
    passages of other articles.
    """

    rank: Literal["both", "meaning", "words", "gold", "none"] = "both"
    show: Show = "sentence"
    time: bool = True
    recency: bool = True
    frozen: bool = False
    wrong: bool = False
    writing: Writing = raw


WAYS: dict[str, Way] = {
    "none": Way(rank="none", show="nothing"),
    "oracle": Way(rank="gold", show="passage"),
    "oracle-sentence": Way(rank="gold"),
    "memory": Way(),
    "memory-page": Way(show="passage"),
    "memory-no-time": Way(time=False),
    "memory-no-recency": Way(recency=False),
    "frozen": Way(frozen=True),
    "dense": Way(rank="meaning", recency=False),
    "bm25": Way(rank="words", recency=False),
    "wrong": Way(wrong=True),
}
DOCUMENT_ARMS = tuple(WAYS)


class DocumentArm:
    """Arm that answers questions about a stream from the passages that one way shows.

    A name's size is how many sentences or passages are shown, one if it does not say. Only the
    oracles read the gold supports.

    Raises:
        InvalidInput: there is no such arm, or the task is no stream.
    """

    def __init__(self, name: ArmName, task: Task, parts: Parts) -> None:
        if name.kind not in WAYS:
            raise InvalidInput(f"{name.kind!r} is not one of {', '.join(WAYS)}")
        if not isinstance(task, StreamTask):
            raise InvalidInput(f"the task {task.name!r} has no documents")
        self._way = WAYS[name.kind]
        self._task = task
        self._k = name.size or 1
        self._pool = POOL
        self._memory = parts.memory
        self._corpus = corpus_of(parts.memory, task.stream, parts.folder)
        self._agent = Agent(
            memory=None,
            model=short(parts.model),
            instructions=SHORT_ANSWER,
            examples=few_shot_examples(name.shots, self._way.show, task.dated),
        )

    def prepare(self) -> None:
        """Read the documents, unless that was done, so that no question's time includes it."""
        if self._way.rank not in ("none", "gold"):
            self._corpus.fill(self._memory, self._task.documents, self._way.writing)

    def ask(self, sample: Sample) -> Reply:
        """Answer a question from the documents read so far."""
        question = cast(DocumentQuestion, sample)
        self.prepare()
        started = time.perf_counter()
        found = self.find(question)
        seconds = time.perf_counter() - started
        shown = tuple(dict.fromkeys(text for _, text in found))
        answer = self._agent.ask(
            question.question, scope=Scope(user="asking"), remember=False, evidence=shown
        )
        timings = replace(answer.timings, search=seconds)
        share = None if self._way.wrong else recall(sample, [number for number, _ in found])
        return Reply(answer=replace(answer, timings=timings), shown=shown, recall=share)

    def find(self, asked: DocumentQuestion) -> list[tuple[int, str]]:
        """Return the texts shown for a question, with the numbers of their passages, best last."""
        if self._way.rank == "none":
            return []
        if self._way.rank == "gold":
            return self._gold(asked)
        hits = self._hits(asked)[: self._k]
        return [(int(hit.record.id), self._text(hit)) for hit in reversed(hits)]

    def _gold(self, asked: DocumentQuestion) -> list[tuple[int, str]]:
        documents = self._task.documents
        if self._way.show == "sentence":
            places = gold_sentences(asked, documents)[: self._k]
            return [(number, documents[number - 1].shown(place)) for number, place in places]
        return [(number, documents[number - 1].text) for number in asked.supports]

    def _hits(self, asked: DocumentQuestion) -> Sequence[Hit]:
        """Return the passages found, best first."""
        question, seen = asked.question, self._seen(asked)
        if self._way.rank == "meaning":
            vector = self._memory.engine.encoder.embeddings.embed_query(question)
            return self._memory.search(vector=vector, scope=self._corpus.scope, k=self._k, **seen)
        if self._way.rank == "words":
            whole = self._memory.search(
                question, scope=self._corpus.scope, k=ALL, explain=True, **seen
            )
            by_words = [hit for hit in whole if "bm25_rank" in hit.why]
            return sorted(by_words, key=lambda hit: hit.why["bm25_rank"])
        hits = self._memory.search(question, scope=self._corpus.scope, k=self._pool, **seen)
        if self._way.recency and self._task.dated:
            return by_time(hits, question)
        return hits

    def _seen(self, asked: DocumentQuestion) -> dict[str, Any]:
        """Return the filter of the passages that the arm may see for a question."""
        seen: dict[str, Any] = {}
        bounds: list[datetime] = []
        if asked.asked_at is not None:
            if self._way.time:
                seen["as_of"] = asked.asked_at - timedelta(microseconds=1)
            if self._task.as_time_passes:
                bounds.append(asked.asked_at)
        if self._way.frozen and self._task.recent is not None:
            bounds.append(self._task.recent)
        if bounds:
            seen["until"] = min(bounds)
        if self._way.wrong:
            seen["where"] = {"group": {"ne": asked.group}}
        return seen

    def _text(self, hit: Hit) -> str:
        return hit.record.text if self._way.show == "passage" else hit.key


def by_time(hits: Sequence[Hit], question: str) -> list[Hit]:
    """Order hits, best first, by time among those about as relevant as the best.

    Those of a year that the question names come first; if it names none, the newest.
    """
    years = set(_YEAR.findall(question))
    least = TIE_WINDOW * hits[0].score if hits else 0.0
    equal = [hit for hit in hits if hit.score >= least]
    rest = [hit for hit in hits if hit.score < least]
    if years:
        equal.sort(key=lambda hit: not years & set(_YEAR.findall(hit.key)))
    else:
        equal.sort(key=lambda hit: hit.record.moment, reverse=True)
    return equal + rest


def short(model: BaseChatModel, tokens: int = TOKENS) -> BaseChatModel:
    """Return the model with answers of at most `tokens` tokens, where it knows such a limit."""
    if "max_tokens" not in type(model).model_fields:
        return model
    return model.model_copy(update={"max_tokens": tokens})
