"""Arms that show a stream of episodes to the model, each within one budget of tokens.

A budget is the size in an arm's name (`memory:40`), counted in tokens of four characters over the
evidence alone; the rest of the prompt is the same in every arm. Asking writes nothing, so that
questions change no later prompt.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from memagent.agent.agent import Agent
from memagent.evals.arm import ArmName, Parts, Reply
from memagent.evals.task import Sample, Task
from memagent.evals.tasks.interference.streams import Trial
from memagent.evals.tasks.story_arms import studied_samples
from memagent.learning.few_shot import diverse_examples
from memagent.models.errors import translated
from memagent.models.reasoning import split_message
from memagent.prompts import SHORT_ANSWER, summary_prompt
from memagent.stores.ranking import tokens_of
from memagent.types import Answer, Example, NewRecord, Scope

KINDS = ("none", "full", "window", "summary", "dense", "memory", "memory-supersede")
"""Nothing; every fact; the last; a running summary by the model; the best by meaning alone; those
the memory recalls; the same where a newer fact about a person supersedes the older."""
UNBOUNDED = ("none", "full")
BUDGET = 40
"""Number of tokens of evidence that an arm may show where its name does not say."""
CANDIDATES = 10
_START = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Written:
    """Progress through a stream: facts and episodes written, and the summary so far."""

    facts: int = 0
    episodes: int = 0
    summary: str = ""


class EpisodeArm:
    """One way of showing streams of episodes.

    A prompt that was asked before keeps its answer: decoding is greedy. The streams say
    whom a fact is about, and so what `memory-supersede` supersedes; how well a system notices that
    by itself is not measured.

    Raises:
        InvalidInput: there is no such arm.
    """

    def __init__(self, name: ArmName, task: Task, parts: Parts) -> None:
        name.check(KINDS)
        self.name = name
        self.budget = name.size or (None if name.kind in UNBOUNDED else BUDGET)
        self._parts = parts
        self._written: dict[str, _Written] = {}
        self._answers: dict[tuple[str, tuple[str, ...]], Answer] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._agent = Agent(memory=None, model=parts.model, instructions=SHORT_ANSWER)
        if name.shots:
            examples = [_example(sample) for sample in studied_samples(task.training, parts.seed)]
            self._agent.examples = diverse_examples(examples, parts.embedder, name.shots)

    def ask(self, sample: Sample) -> Reply:
        """Answer a question about an episode, without a change to any later prompt."""
        trial = cast(Trial, sample)
        scope = Scope(user=f"{self.name}/{trial.story}")
        with self._locks.setdefault(trial.story, threading.Lock()):
            self._write(trial, scope)
            question, texts = self._evidence(trial, scope)
        shown = texts if self.budget is None else within(texts, self.budget)
        key = question, shown
        if key not in self._answers:
            self._answers[key] = self._agent.ask(
                question, scope=scope, remember=False, evidence=shown
            )
        supports = {text for line, text in trial.facts if line in trial.supports}
        recall = None if self.name.kind == "summary" else float(supports <= set(shown))
        return Reply(answer=self._answers[key], shown=shown, recall=recall)

    def _write(self, trial: Trial, scope: Scope) -> None:
        """Write the new episodes one by one; from the beginning if later ones are written."""
        written = self._written.get(trial.story)
        if written is None or written.episodes > trial.insertion:
            written = self._written[trial.story] = _Written()
            if self._remembers:
                self._parts.memory.forget(scope=scope, everything=True)
        size = len(trial.facts) // trial.insertion
        while written.episodes < trial.insertion:
            facts = trial.facts[written.facts : written.facts + size]
            if self.name.kind == "summary":
                written.summary = self._summary(written.summary, [text for _, text in facts])
            if self._remembers:
                for line, _ in facts:
                    self._parts.memory.add_many([self._record(trial, line)], scope=scope)
            written.facts, written.episodes = written.facts + size, written.episodes + 1

    @property
    def _remembers(self) -> bool:
        return self.name.kind in ("dense", "memory", "memory-supersede")

    def _record(self, trial: Trial, line: int) -> NewRecord:
        """Return a fact as a record that holds from its place in the stream on."""
        older = [n for n in range(1, line) if trial.subjects[n - 1] == trial.subjects[line - 1]]
        supersedes = older and self.name.kind == "memory-supersede"
        return NewRecord(
            text=trial.facts[line - 1][1],
            id=str(line),
            valid_from=_START + timedelta(minutes=line),
            supersedes=str(older[-1]) if supersedes else None,
        )

    def _summary(self, before: str, news: Sequence[str]) -> str:
        """Have the model add facts to its summary, and cut that to the budget."""
        budget = self.budget or BUDGET
        with translated():
            message = self._parts.model.invoke(
                summary_prompt(before, news, tokens=budget), max_tokens=2 * budget
            )
        text = " ".join(split_message(message).answer.split())
        return text[: 4 * budget]

    def _evidence(self, trial: Trial, scope: Scope) -> tuple[str, tuple[str, ...]]:
        """Return the question, and the evidence before the budget is applied, oldest first."""
        kind, question = self.name.kind, trial.question
        if kind == "none":
            return question, ()
        if kind == "summary":
            summary = self._written[trial.story].summary
            return question, (summary,) if summary else ()
        if not self._remembers:
            return question, tuple(text for _, text in trial.facts)
        memory = self._parts.memory
        if kind == "dense":
            vector = memory.engine.encoder.embeddings.embed_query(question)
            hits = list(memory.search(vector=vector, scope=scope, k=CANDIDATES))
            kept = within([hit.record.text for hit in reversed(hits)], self.budget or BUDGET)
            order = {text: line for line, text in trial.facts}
            return question, tuple(sorted(kept, key=lambda text: order[text]))
        recollection = memory.recall(question, scope=scope)
        return question, tuple(recollection.texts)


def within(texts: Sequence[str], budget: int) -> tuple[str, ...]:
    """Return the last texts that have at most so many tokens together, of four characters each."""
    kept: list[str] = []
    for text in reversed(texts):
        budget -= tokens_of(len(text))
        if budget < 0:
            break
        kept.append(text)
    return tuple(reversed(kept))


def _example(sample: Sample) -> Example:
    """Return a few-shot example: a first episode, all of it shown, the same in every arm."""
    evidence = tuple(text for _, text in sample.facts)
    return Example(evidence=evidence, question=sample.question, answer=sample.gold[0])
