"""Arms for tasks whose samples are stories: each shows the model another part of the facts.

The agent, the examples and the decoding are the same in every arm.
"""

import random
import threading
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from memagent.agent.agent import Agent
from memagent.evals.arm import ArmName, Parts, Reply, rules_memory
from memagent.evals.score import Score
from memagent.evals.task import Sample, Task
from memagent.learning.few_shot import StructuralSelector, diverse_examples
from memagent.prompts import SHORT_ANSWER
from memagent.stores.database.filters import Filter
from memagent.types import Example, Examples, Hit, NewRecord, Scope

RULES = "memory+rules"
ARMS = (
    *("none", "full", "window", "bm25", "dense", "memory", "oracle", "wrong"),
    *("memory-random", "memory-similar", RULES),
)
"""Nothing; all facts; the last; the best by words alone, or by meaning alone; those the memory
recalls; the gold facts; those the memory recalls of another story. `memory` shows diverse few-shot
examples, the next two show randomly drawn ones, and those most like the question. The last recalls
by the English rules."""
DEFAULT_ARMS = ("none", "full", "memory", RULES, "oracle")
RECALLING = ("memory", "memory-random", "memory-similar", RULES, "wrong")
SEARCHING = ("bm25", "dense")
WINDOW = 10
"""Number of facts that `window` shows where its name does not say."""
STUDIED = 100
"""Number of training questions that the few-shot examples are drawn from."""
_START = datetime(2000, 1, 1, tzinfo=UTC)
Fact = tuple[int, str]


class StoryArm:
    """One way of showing a story.

    Every arm draws its few-shot examples from the same training questions, with the facts that the
    arm shows of them. `memory+rules` has a memory of its own, and also learns from these questions
    the direction of the next hop. Only `oracle` reads the gold supports. `wrong` is `memory` with
    the facts of another story. The size of an arm that recalls is how many records are shown.

    Raises:
        InvalidInput: there is no such arm.
    """

    def __init__(self, name: ArmName, task: Task, parts: Parts) -> None:
        name.check(ARMS)
        self.name = name
        self._memory = rules_memory(parts) if name.kind == RULES else parts.memory
        self._written: dict[str, int] = {}
        self._writing: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._learned = Scope(user=f"{task.name}/lessons")
        self._strangers = Strangers(task, parts.seed) if name.kind == "wrong" else None
        self._selector: StructuralSelector | None = None
        self._agent = Agent(
            memory=self._memory if name.kind in RECALLING else None,
            model=parts.model,
            instructions=SHORT_ANSWER,
            learned_scope=self._learned,
            hops=0,  # one search each: arms differ in what is shown alone
        )
        if name.kind in RECALLING and name.size:
            self._agent.driver.k = name.size
        if name.shots:
            studied = studied_samples(task.training, parts.seed)
            if name.kind in RECALLING + SEARCHING:
                self._study(studied)
            examples = [self._example(sample) for sample in studied]
            self._agent.examples = self._chosen(examples, parts)

    def ask(self, sample: Sample) -> Reply:
        """Answer a sample's question; of one story, samples must come in order."""
        scope = Scope(user=f"{self.name.kind}/{sample.story}")
        facts = self._strangers.facts(sample) if self._strangers else sample.facts
        if self.name.kind in RECALLING + SEARCHING:
            self._write(facts, scope)
        if self.name.kind in RECALLING:
            answer = self._agent.ask(sample.question, scope=scope, remember=False)
            hits = answer.recollection.hits
            lines: Sequence[int] = [int(hit.record.id) for hit in hits]
            shown = answer.recollection.texts
        else:
            evidence = self._shown(sample, scope)
            lines, shown = [line for line, _ in evidence], tuple(text for _, text in evidence)
            answer = self._agent.ask(sample.question, scope=scope, remember=False, evidence=shown)
        share = None if self._strangers else recall(sample, lines)
        question = sample.question
        guarded = self._selector.holds(question, shown) if self._selector else None
        return Reply(answer=answer, shown=tuple(shown), recall=share, guarded=guarded)

    def _chosen(self, examples: Sequence[Example], parts: Parts) -> Examples:
        """Return the few-shot examples: the same for all questions, or those most like each.

        Every arm chooses the same number from the same examples.
        """
        shots = self.name.shots
        if self.name.kind == "memory-similar":
            self._selector = selector = StructuralSelector(examples)
            return lambda question, evidence: selector.nearest(question, evidence, shots)
        if self.name.kind == "memory-random":
            return random.Random(parts.seed).sample(examples, min(shots, len(examples)))
        return diverse_examples(examples, parts.embedder, shots)

    def _study(self, studied: Sequence[Sample]) -> None:
        """Write each studied story up to its question, in a scope of its own."""
        for sample in studied:
            scope = Scope(user=sample.id)
            self._memory.add_many([_record(fact) for fact in sample.facts], scope=scope)
            if self.name.kind == RULES:
                answer = " ".join(sample.gold)
                self._memory.changes.learn_direction(
                    sample.question, answer, scope=scope, learned_scope=self._learned
                )

    def _example(self, sample: Sample) -> Example:
        """Return a studied sample as an example, with the facts that this arm shows."""
        question, scope = sample.question, Scope(user=sample.id)
        if self.name.kind in RECALLING:
            evidence = self._agent.driver.recall(question, scope).texts
        else:
            evidence = tuple(text for _, text in self._shown(sample, scope))
        return Example(evidence=evidence, question=question, answer=", ".join(sample.gold))

    def _shown(self, sample: Sample, scope: Scope) -> Sequence[Fact]:
        """Return the facts shown of a sample, in order, where the agent does not recall."""
        kind = self.name.kind
        if kind == "full":
            return sample.facts
        if kind == "window":
            return sample.facts[-(self.name.size or WINDOW) :]
        if kind == "oracle":
            return [fact for fact in sample.facts if fact[0] in sample.supports]
        if kind in SEARCHING:
            hits = self._searched(sample.question, scope)
            return sorted((int(hit.record.id), hit.record.text) for hit in hits)
        return []

    def _searched(self, question: str, scope: Scope) -> Sequence[Hit]:
        """Return the best hits by one ranking alone."""
        size = self.name.size or self._agent.driver.budget().k
        if self.name.kind == "dense":
            vector = self._memory.engine.encoder.embeddings.embed_query(question)
            return self._memory.search(vector=vector, scope=scope, k=size)
        where = Filter(scope=scope, evidence=True)
        return self._memory.engine.bank.by_words(question, where, size)

    def _write(self, facts: Sequence[Fact], scope: Scope) -> None:
        """Write the facts since this story's last question, one by one."""
        with self._writing[scope.user]:
            for line, text in facts:
                if line > self._written.get(scope.user, 0):
                    self._memory.add_many([_record((line, text))], scope=scope)
                    self._written[scope.user] = line


class Strangers:
    """Another story of the task for each story, always the same, cut to the same length."""

    def __init__(self, task: Task, seed: int) -> None:
        longest = {sample.story: sample.facts for sample in task.asked}
        stories = list(longest)
        others = list(longest.values())
        if len(stories) < 2:
            others = list({sample.story: sample.facts for sample in task.training}.values())
        shift = random.Random(seed).randrange(1, max(2, len(others)))
        self._other = {
            story: others[(number + shift) % len(others)] for number, story in enumerate(stories)
        }

    def facts(self, sample: Sample) -> tuple[Fact, ...]:
        """Return as many facts of the other story as the sample has."""
        return self._other[sample.story][: len(sample.facts)]


def recall(sample: Sample, lines: Sequence[int]) -> float | None:
    """Return the share of a sample's gold supports among the lines that were shown, if any."""
    if not sample.supports:
        return None
    return len(set(sample.supports) & set(lines)) / len(set(sample.supports))


def _record(fact: Fact) -> NewRecord:
    """Return a line of a story as a record that holds from its place in the story on."""
    line, text = fact
    return NewRecord(text=text, id=str(line), valid_from=_START + timedelta(minutes=line))


def studied_samples(training: Sequence[Sample], seed: int) -> list[Sample]:
    """Return a seeded draw of the training questions, in the order of the file."""
    drawn = random.Random(seed).sample(range(len(training)), min(STUDIED, len(training)))
    return [training[position] for position in sorted(drawn)]


def leakage(
    tasks: Sequence[Task], arms: Sequence[ArmName], scores: Sequence[Score]
) -> dict[str, list[dict[str, Any]]]:
    """Return the share of each arm's questions for which a few-shot example was left out.

    Such an example is the question itself or a duplicate of it. Arms that choose no examples for a
    question have no row; without any row there is no table.
    """
    rows = []
    for task in tasks:
        for arm in arms:
            checked = [
                score.guarded
                for score in scores
                if (score.task, score.arm) == (task.name, str(arm)) and score.guarded is not None
            ]
            if checked:
                share = sum(checked) / len(checked)
                rows.append(
                    {"task": task.name, "arm": str(arm), "asked": len(checked), "guarded": share}
                )
    return {"leakage": rows} if rows else {}
