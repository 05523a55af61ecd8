"""What the model is shown in each arm; the agent, the examples and the decoding are the same."""

import random
import threading
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from memagent.agent.agent import Agent
from memagent.errors import InvalidInput
from memagent.evals.arm import ArmName, Parts, Reply
from memagent.evals.score import Score
from memagent.evals.task import Sample, Task
from memagent.learning.few_shot import StructuralSelector, diverse_examples
from memagent.memory.memory import Memory
from memagent.prompts import SHORT_ANSWER
from memagent.types import Example, Examples, Hit, NewRecord, Scope

ARMS = (
    *("none", "full", "window", "bm25", "dense", "memory", "oracle", "wrong"),
    *("memory-random", "memory-similar"),
)
"""Nothing; all facts; the last; the best by words alone, or by meaning alone; what the memory
recalls; the gold facts; what the memory recalls of another story. `memory` shows diverse worked
examples, the last two show randomly drawn ones, and those most like the question."""
DEFAULT_ARMS = ("none", "full", "memory", "oracle")
RECALLING = ("memory", "memory-random", "memory-similar", "wrong")
SEARCHING = ("bm25", "dense")
WINDOW = 10
"""How many facts `window` shows whose name does not say."""
ALL = 400
"""More than all the keys that the rankings of one search put forward."""
STUDIED = 100
"""How many training questions the worked examples are drawn from."""
_START = datetime(2000, 1, 1, tzinfo=UTC)
Fact = tuple[int, str]


class StoryArm:
    """One way of showing a story.

    Every arm draws its worked examples from the same training questions, shown as the arm shows its
    own; what recalls also learns from them which way of looking found the answer. Only `oracle`
    reads the gold supports. `wrong` is `memory` in all but whose story was told.

    Raises:
        InvalidInput: there is no such arm.
    """

    def __init__(self, name: ArmName, task: Task, parts: Parts) -> None:
        if name.kind not in ARMS:
            raise InvalidInput(f"{name.kind!r} is not one of {', '.join(ARMS)}")
        self.name = name
        self._memory: Memory = parts.memory
        self._written: dict[str, int] = {}
        self._telling: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._lessons = Scope(user=f"{task.name}/lessons")
        self._strangers = Strangers(task, parts.seed) if name.kind == "wrong" else None
        self._likeness: StructuralSelector | None = None
        self._agent = Agent(
            memory=parts.memory if name.kind in RECALLING else None,
            model=parts.model,
            instructions=SHORT_ANSWER,
            learned_scope=self._lessons,
        )
        if name.shots:
            studied = studied_samples(task.training, parts.seed)
            if name.kind in RECALLING + SEARCHING:
                self._study(studied)
            worked = [self._example(one) for one in studied]
            self._agent.examples = self._chosen(worked, parts)

    def ask(self, sample: Sample) -> Reply:
        """Answer a sample's question; of one story, samples must come in order."""
        scope = Scope(user=f"{self.name.kind}/{sample.story}")
        facts = self._strangers.facts(sample) if self._strangers else sample.facts
        if self.name.kind in RECALLING + SEARCHING:
            self._tell(facts, scope)
        if self.name.kind in RECALLING:
            answer = self._agent.ask(sample.question, scope=scope, remember=False)
            hits = answer.recollection.hits
            lines: Sequence[int] = [int(hit.record.id) for hit in hits]
            shown = answer.recollection.texts
        else:
            seen = self._shown(sample, scope)
            lines, shown = [line for line, _ in seen], tuple(text for _, text in seen)
            answer = self._agent.ask(sample.question, scope=scope, remember=False, evidence=shown)
        found = None if self._strangers else recall(sample, lines)
        asked = answer.recollection.remaining or sample.question
        guarded = self._likeness.holds(asked, shown) if self._likeness else None
        return Reply(answer=answer, shown=tuple(shown), recall=found, guarded=guarded)

    def _chosen(self, worked: Sequence[Example], parts: Parts) -> Examples:
        """Return which worked examples are shown: the same to all questions, or the most alike.

        Every arm chooses as many from the same.
        """
        shots = self.name.shots
        if self.name.kind == "memory-similar":
            self._likeness = likeness = StructuralSelector(worked)
            return lambda question, evidence: likeness.nearest(question, evidence, shots)
        if self.name.kind == "memory-random":
            return random.Random(parts.seed).sample(worked, min(shots, len(worked)))
        return diverse_examples(worked, parts.embedder, shots)

    def _study(self, studied: Sequence[Sample]) -> None:
        """Read each studied story up to its question, in a scope of its own, and learn from it."""
        for sample in studied:
            scope = Scope(user=sample.id)
            self._memory.add_many([_note(fact) for fact in sample.facts], scope=scope)
            if self.name.kind in RECALLING:
                answer = " ".join(sample.gold)
                self._memory.changes.learn_direction(
                    sample.question, answer, scope=scope, learned_scope=self._lessons
                )

    def _example(self, sample: Sample) -> Example:
        """Return a studied sample with its answer, asked as this arm asks its own."""
        question, scope = sample.question, Scope(user=sample.id)
        if self.name.kind in RECALLING:
            recollection = self._memory.recall(
                question, scope=scope, k=self._agent.driver.k, learned_scope=self._lessons
            )
            question, evidence = recollection.remaining or question, recollection.texts
        else:
            evidence = tuple(text for _, text in self._shown(sample, scope))
        return Example(evidence=evidence, question=question, answer=", ".join(sample.gold))

    def _shown(self, sample: Sample, scope: Scope) -> Sequence[Fact]:
        """Return which of a sample's facts are shown, in order, where it is not the agent's."""
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
        size = self.name.size or self._agent.driver.k
        if self.name.kind == "dense":
            vector = self._memory.engine.encoder.embeddings.embed_query(question)
            return self._memory.search(vector=vector, scope=scope, k=size)
        hits = self._memory.search(question, scope=scope, k=ALL, explain=True)
        by_words = [hit for hit in hits if "bm25_rank" in hit.why]
        return sorted(by_words, key=lambda hit: hit.why["bm25_rank"])[:size]

    def _tell(self, facts: Sequence[Fact], scope: Scope) -> None:
        """Write what was told since this story's last question, sentence by sentence."""
        with self._telling[scope.user]:
            for line, text in facts:
                if line > self._written.get(scope.user, 0):
                    self._memory.add_many([_note((line, text))], scope=scope)
                    self._written[scope.user] = line


class Strangers:
    """For each story another one of the task, always the same, cut where the own one is."""

    def __init__(self, task: Task, seed: int) -> None:
        longest = {sample.story: sample.facts for sample in task.asked}
        stories = list(longest)
        others = list(longest.values())
        if len(stories) < 2:
            others = list({one.story: one.facts for one in task.training}.values())
        shift = random.Random(seed).randrange(1, max(2, len(others)))
        self._other = {
            story: others[(number + shift) % len(others)] for number, story in enumerate(stories)
        }

    def facts(self, sample: Sample) -> tuple[Fact, ...]:
        """Return as many facts of the other story as the sample has of its own."""
        return self._other[sample.story][: len(sample.facts)]


def recall(sample: Sample, lines: Sequence[int]) -> float | None:
    """Return the share of a sample's gold supports among the lines that were shown, if any."""
    if not sample.supports:
        return None
    return len(set(sample.supports) & set(lines)) / len(set(sample.supports))


def _note(fact: Fact) -> NewRecord:
    """Return a story's line as a note that holds from its place in the story on."""
    line, text = fact
    return NewRecord(text=text, id=str(line), valid_from=_START + timedelta(minutes=line))


def studied_samples(training: Sequence[Sample], seed: int) -> list[Sample]:
    """Return the training questions that are studied: a seeded draw, in the order of the file."""
    drawn = random.Random(seed).sample(range(len(training)), min(STUDIED, len(training)))
    return [training[position] for position in sorted(drawn)]


def leakage(
    tasks: Sequence[Task], arms: Sequence[ArmName], scores: Sequence[Score]
) -> dict[str, list[dict[str, Any]]]:
    """Return the share of each arm's questions of which a worked example was left out.

    That is one which is the question itself or a duplicate. Arms that choose no examples for a
    question have no row; without any there is no table.
    """
    rows = []
    for task in tasks:
        for arm in arms:
            of_arm = [one for one in scores if (one.task, one.arm) == (task.name, str(arm))]
            looked = [one.guarded for one in of_arm if one.guarded is not None]
            if looked:
                share = sum(looked) / len(looked)
                rows.append(
                    {"task": task.name, "arm": str(arm), "asked": len(looked), "guarded": share}
                )
    return {"leakage": rows} if rows else {}
