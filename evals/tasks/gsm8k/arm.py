"""Arms of GSM8K, which show different solved problems before a question."""

import random
from collections.abc import Sequence
from typing import cast

from memagent.agent.agent import Agent
from memagent.errors import InvalidInput
from memagent.evals.arm import ArmName, Parts, Reply
from memagent.evals.metrics.coverage import keep_votes, votes_of
from memagent.evals.task import Sample, Task
from memagent.evals.tasks.gsm8k.loader import Exam, Solved
from memagent.learning.learn import LearningOptions, learn, pending
from memagent.learning.problems import nearly_same, same_number
from memagent.learning.rationales import Rationales, example_of
from memagent.prompts import SOLVE
from memagent.text.english import words
from memagent.types import Example, Scope

ARMS = ("none", "random", "retrieved", "obfuscated", "one-per-question", "oracle")
"""Nothing; the same randomly drawn solutions before every question; those of the most similar
problems, with several of one problem; the same found by the question's structure; at most one of
each problem; and the question's own solution, which is leakage and an upper bound."""
BANK = Scope(user="gsm8k/lessons")


class SolvedArm:
    """One way of choosing which solutions are shown; the bank they come from is the run's own.

    The bank holds the solutions that the memory's problems were released with, or where the task
    says so those that the model itself found right (ARM-RAG, Melz 2023). Nothing of an asked
    problem or of its duplicates is ever shown but by `oracle`.

    Raises:
        InvalidInput: there is no such arm, or the name says how many where it must not.
    """

    def __init__(self, name: ArmName, task: Task, parts: Parts) -> None:
        if name.kind not in ARMS or name.size is not None:
            raise InvalidInput(f"{str(name)!r} is not one of {', '.join(ARMS)}, with +3 for three")
        if (name.shots == 0) != (name.kind == "none"):
            raise InvalidInput(f"{str(name)!r}: only none+0 shows nothing, and it shows nothing")
        self._name = name
        self._rationales = Rationales(parts.memory, BANK)
        self._model = parts.model
        if name.kind not in ("none", "oracle"):
            self._fill(cast(Exam, task), parts)
        self._fixed = self._drawn(task, parts.seed) if name.kind == "random" else []

    def ask(self, sample: Sample) -> Reply:
        """Answer a sample's question after the solutions that this arm shows."""
        examples, guarded = self._shown(cast(Solved, sample))
        agent = Agent(memory=None, model=self._model, instructions=SOLVE, examples=examples)
        answer = agent.ask(sample.question, scope=Scope(user="gsm8k"), remember=False)
        shown = tuple(
            f"{' '.join(example.question.split())}\n{example.answer}" for example in examples
        )
        return Reply(answer=answer, shown=shown, guarded=guarded)

    def _shown(self, sample: Solved) -> tuple[Sequence[Example], bool | None]:
        """Return the few-shot examples, and whether one was left out that would have leaked."""
        kind = self._name.kind
        if kind == "oracle":
            own = Example(evidence=(), question=sample.question, answer=sample.solution)
            return [own], None
        if kind in ("none", "random"):
            return self._fixed, None
        similar = self._rationales.similar(
            sample.question,
            k=self._name.shots,
            obfuscate=kind == "obfuscated",
            one_each=kind == "one-per-question",
            guard=True,
        )
        return similar.examples, similar.guarded > 0

    def _drawn(self, task: Task, seed: int) -> list[Example]:
        """Draw the same solutions for every question, one a problem, and of no asked problem."""
        every = {
            str(rationale.metadata["problem"]): rationale for rationale in self._rationales.list()
        }
        asked = [set(words(sample.question.lower())) for sample in task.asked]
        ids = sorted(every)
        random.Random(seed).shuffle(ids)
        drawn: list[Example] = []
        for example in map(example_of, (every[id] for id in ids)):
            said = set(words(example.question.lower()))
            if len(drawn) < self._name.shots and not any(nearly_same(said, two) for two in asked):
                drawn.append(example)
        return drawn

    def _fill(self, task: Exam, parts: Parts) -> None:
        """Fill the bank once for all arms; what is in it already stays."""
        known = [cast(Solved, sample).problem for sample in task.training]
        if task.samples:
            how = LearningOptions(samples=task.samples, seed=parts.seed)
            learn(parts.model, self._rationales, known, same_number, how)
            if parts.folder is not None:
                keep_votes(parts.folder, votes_of(self._rationales.list(everything=True)))
            return
        todo = pending(known, self._rationales)
        self._rationales.keep_all((problem, [(problem.solution, "right", 1.0)]) for problem in todo)
