"""What the model is shown in each arm; the agent, the examples and the decoding are the same."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel

from memagent.agent import Agent
from memagent.evals.task import Sample, Task
from memagent.examples import diverse
from memagent.memory import Memory
from memagent.prompts import SHORT_ANSWER
from memagent.types import Answer, Example, Note, Scope

ArmName = Literal["none", "full", "memory", "oracle"]
ARMS: tuple[ArmName, ...] = get_args(ArmName)
STUDIED = 100
"""How many training questions the worked examples are drawn from."""
_START = datetime(2000, 1, 1, tzinfo=UTC)


class Arm:
    """One way of showing a story: nothing, all of it, what the memory recalls, or the gold lines.

    Every arm draws its worked examples from the same training questions, shown as the arm shows its
    own; the memory arm also learns from them which way of looking found the answer. Only `oracle`
    reads the gold supports.
    """

    def __init__(
        self,
        name: ArmName,
        task: Task,
        *,
        memory: Memory,
        embedder: Embeddings,
        model: BaseChatModel,
        shots: int,
        seed: int,
    ) -> None:
        self.name = name
        self._memory = memory
        self._written: dict[str, int] = {}
        self._lessons = Scope(user=f"{task.name}/lessons")
        self._agent = Agent(
            memory=memory if name == "memory" else None,
            model=model,
            instructions=SHORT_ANSWER,
            lessons=self._lessons,
        )
        if shots:
            studied = studied_samples(task.training, seed)
            if name == "memory":
                self._learn(studied)
            worked = [self._example(one) for one in studied]
            self._agent.examples = diverse(worked, embedder, shots)

    def ask(self, sample: Sample) -> Answer:
        """Answer a sample's question; of one story, samples must come in order."""
        scope = Scope(user=sample.story)
        if self.name == "memory":
            self._remember(sample, scope)
            return self._agent.ask(sample.question, scope=scope, remember=False)
        shown = self._shown(sample)
        return self._agent.ask(sample.question, scope=scope, remember=False, evidence=shown)

    def _learn(self, studied: Sequence[Sample]) -> None:
        """Read each studied story up to its question, in a scope of its own, and learn from it."""
        for sample in studied:
            scope = Scope(user=sample.id)
            self._memory.add_many([_note(line, text) for line, text in sample.facts], scope=scope)
            answer = " ".join(sample.gold)
            self._memory.learn(sample.question, answer, scope=scope, lessons=self._lessons)

    def _example(self, sample: Sample) -> Example:
        """Return a studied sample with its answer, asked as this arm asks its own."""
        question, evidence = sample.question, tuple(self._shown(sample))
        if self.name == "memory":
            recollection = self._memory.recall(
                question, scope=Scope(user=sample.id), k=self._agent.k, lessons=self._lessons
            )
            question, evidence = recollection.remaining or question, recollection.shown
        return Example(evidence=evidence, question=question, answer=", ".join(sample.gold))

    def _shown(self, sample: Sample) -> list[str]:
        """Return what this arm shows of a sample's facts; for the memory arm, its agent recalls."""
        if self.name == "full":
            return [text for _, text in sample.facts]
        if self.name == "oracle":
            return [text for line, text in sample.facts if line in sample.supports]
        return []

    def _remember(self, sample: Sample, scope: Scope) -> None:
        """Write the sentences told since this story's last question, one by one."""
        for line, text in sample.facts:
            if line > self._written.get(sample.story, 0):
                self._memory.add_many([_note(line, text)], scope=scope)
                self._written[sample.story] = line


def _note(line: int, text: str) -> Note:
    """Return a story's line as a note that holds from its place in the story on."""
    return Note(text=text, id=str(line), valid_from=_START + timedelta(minutes=line))


def studied_samples(training: Sequence[Sample], seed: int) -> list[Sample]:
    """Return the training questions that are studied: a seeded draw, in the order of the file."""
    drawn = random.Random(seed).sample(range(len(training)), min(STUDIED, len(training)))
    return [training[position] for position in sorted(drawn)]
