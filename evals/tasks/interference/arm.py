"""What the model is shown of a stream of episodes: by every arm within one budget of tokens.

A budget is the size in an arm's name (`memory:40`), counted in tokens of four characters over the
notes alone; all else of a prompt is the same in every arm. Asking is a fork: it writes nothing, so
that what is asked, and how often, changes no later prompt.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from memagent.agent.agent import Agent
from memagent.errors import InvalidInput
from memagent.evals.arm import ArmName, Parts, Reply
from memagent.evals.task import Sample, Task
from memagent.evals.tasks.interference.streams import Trial
from memagent.evals.tasks.story_arms import studied_samples
from memagent.learning.few_shot import diverse_examples
from memagent.models.errors import translated
from memagent.prompts import SHORT_ANSWER, summary_prompt
from memagent.stores.ranking import tokens_of
from memagent.types import Answer, Example, NewRecord, Scope

KINDS = ("none", "full", "window", "summary", "dense", "memory", "memory-supersede")
"""Nothing; every fact; the last; a running summary by the model; the best by meaning alone; what
the memory recalls; the same where a newer fact about a person supersedes the older."""
UNBOUNDED = ("none", "full")
BUDGET = 40
"""How many tokens of notes an arm may show whose name does not say."""
CANDIDATES = 10
_START = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Told:
    """How much of a stream was told: so many facts, so many episodes, the summaries so far."""

    facts: int = 0
    episodes: int = 0
    summary: str = ""


class EpisodeArm:
    """One way of showing streams of episodes.

    A prompt that was asked before keeps its answer: decoding is greedy. What `memory-supersede`
    supersedes is given by the streams, which say whom a fact is about; how well a system notices
    that by itself is not measured.

    Raises:
        InvalidInput: there is no such arm.
    """

    def __init__(self, name: ArmName, task: Task, parts: Parts) -> None:
        if name.kind not in KINDS:
            raise InvalidInput(f"{name.kind!r} is not one of {', '.join(KINDS)}")
        self.name = name
        self.budget = name.size or (None if name.kind in UNBOUNDED else BUDGET)
        self._parts = parts
        self._told: dict[str, _Told] = {}
        self._answers: dict[tuple[str, tuple[str, ...]], Answer] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._agent = Agent(memory=None, model=parts.model, instructions=SHORT_ANSWER)
        if name.shots:
            worked = [_example(one) for one in studied_samples(task.training, parts.seed)]
            self._agent.examples = diverse_examples(worked, parts.embedder, name.shots)

    def ask(self, sample: Sample) -> Reply:
        """Answer a question about an episode, and change nothing that later ones are shown."""
        trial = cast(Trial, sample)
        scope = Scope(user=f"{self.name}/{trial.story}")
        with self._locks.setdefault(trial.story, threading.Lock()):
            self._tell(trial, scope)
            question, texts = self._notes(trial, scope)
        shown = texts if self.budget is None else within(texts, self.budget)
        key = question, shown
        if key not in self._answers:
            self._answers[key] = self._agent.ask(
                question, scope=scope, remember=False, evidence=shown
            )
        supports = {text for line, text in trial.facts if line in trial.supports}
        found = None if self.name.kind == "summary" else float(supports <= set(shown))
        return Reply(answer=self._answers[key], shown=shown, recall=found)

    def _tell(self, trial: Trial, scope: Scope) -> None:
        """Tell what was not told yet, episode by episode; from the beginning if it is too much."""
        told = self._told.get(trial.story)
        if told is None or told.episodes > trial.insertion:
            told = self._told[trial.story] = _Told()
            if self._remembers:
                self._parts.memory.forget(scope=scope, everything=True)
        size = len(trial.facts) // trial.insertion
        while told.episodes < trial.insertion:
            facts = trial.facts[told.facts : told.facts + size]
            if self.name.kind == "summary":
                told.summary = self._summary(told.summary, [text for _, text in facts])
            if self._remembers:
                for line, _ in facts:
                    self._parts.memory.add_many([self._note(trial, line)], scope=scope)
            told.facts, told.episodes = told.facts + size, told.episodes + 1

    @property
    def _remembers(self) -> bool:
        return self.name.kind in ("dense", "memory", "memory-supersede")

    def _note(self, trial: Trial, line: int) -> NewRecord:
        """Return a fact as a note that holds from its place in the stream on."""
        older = [n for n in range(1, line) if trial.subjects[n - 1] == trial.subjects[line - 1]]
        supersedes = older and self.name.kind == "memory-supersede"
        return NewRecord(
            text=trial.facts[line - 1][1],
            id=str(line),
            valid_from=_START + timedelta(minutes=line),
            supersedes=str(older[-1]) if supersedes else None,
        )

    def _summary(self, before: str, news: Sequence[str]) -> str:
        """Let the model put news into its summary, and cut that to the budget."""
        budget = self.budget or BUDGET
        with translated():
            message = self._parts.model.invoke(
                summary_prompt(before, news, tokens=budget), max_tokens=2 * budget
            )
        text = " ".join(str(message.text).split())
        return text[: 4 * budget]

    def _notes(self, trial: Trial, scope: Scope) -> tuple[str, tuple[str, ...]]:
        """Return what is asked, and what would be shown if there were no budget, oldest first."""
        kind, question = self.name.kind, trial.question
        if kind == "none":
            return question, ()
        if kind == "summary":
            summary = self._told[trial.story].summary
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
        return recollection.remaining or question, tuple(recollection.texts)


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
    """Return a worked example: a first episode, all of it shown, the same in every arm."""
    evidence = tuple(text for _, text in sample.facts)
    return Example(evidence=evidence, question=sample.question, answer=sample.gold[0])
