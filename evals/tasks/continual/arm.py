"""Arms that take a memory through a stream and ask the same questions after every update."""

import json
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from memagent.agent.agent import Agent
from memagent.errors import UserError
from memagent.evals.arm import ArmName, Parts, Reply, rules_memory
from memagent.evals.runs.runner import in_flight
from memagent.evals.task import Sample, Task, mention
from memagent.evals.tasks.continual.questions import RepeatedQuestions
from memagent.evals.tasks.continual.streams import Stream, StreamQuestion
from memagent.evals.tasks.story_arms import studied_samples
from memagent.learning.few_shot import diverse_examples
from memagent.models.retry import failure_of
from memagent.prompts import SHORT_ANSWER
from memagent.types import Answer, Example, NewRecord, Policy, Scope

KINDS = ("memory", "activation", "fifo", "lru")
"""All records stay active, or after each update only so many, chosen by that policy."""
POLICIES: dict[str, Policy] = {"activation": "activation", "fifo": "fifo", "lru": "lru"}
CAPACITY = 40
"""Number of records to keep where the arm's name does not say."""
TOGETHER = 4
"""Number of questions of one round that are asked side by side."""
_START = datetime(2000, 1, 1, tzinfo=UTC)


class StreamArm:
    """One way of keeping the facts of a stream.

    After an update the memory recalls for every question again, and only those are asked whose
    prompt has changed (`RepeatedQuestions`). Asking writes nothing. In a stream of lessons the
    memory recalls by the English rules, since only these follow learned hop directions.

    Raises:
        InvalidInput: there is no such arm.
    """

    def __init__(self, name: ArmName, task: Task, parts: Parts) -> None:
        name.check(KINDS)
        self.name = name
        self._task = task
        self._parts = parts
        self._base = f"{name}/{task.name}"
        self._learned = Scope(user=f"{self._base}/lessons")
        self._stories = Scope(user=f"{self._base}/told")
        self._lock = threading.Lock()
        self._kind = ""
        self._memory = parts.memory
        self._at: int | None = None
        self._answers: dict[str, Answer] = {}
        self._probes: RepeatedQuestions[tuple[int, Sample]] | None = None
        self._agents: list[Agent] = []

    def ask(self, sample: Sample) -> Reply:
        """Answer a probe after its update; samples must come in the order of updates."""
        question = cast(StreamQuestion, sample)
        with self._lock:
            self._advance(question)
            prompt = self._prompt((question.column, question.probe))
            # One that got no answer in its round is asked by itself, and says why.
            answer = self._answers.get(prompt) or self._answer(prompt)
            self._answers[prompt] = answer
        return Reply(answer=answer, shown=tuple(json.loads(prompt)[2]))

    def _advance(self, question: StreamQuestion) -> None:
        """Do the updates up to the question's, and ask what changed by them."""
        stream = question.stream
        if self._at is None or self._at > question.update:
            self._begin(stream)
            if question.update == 0 and self._probes is not None:
                self._probes.before()
        if self._at is None or self._probes is None or self._at == question.update:
            return
        while self._at < question.update:
            self._update(stream, self._at)
            self._at += 1
        self._probes.after(stream.order[self._at - 1])

    def _begin(self, stream: Stream) -> None:
        self._kind = stream.kind
        self._memory = rules_memory(self._parts) if stream.kind == "lessons" else self._parts.memory
        memory = self._memory
        for scope in (self._learned, self._stories):
            memory.forget(scope=scope, everything=True)
        probes = [[(column, probe) for probe in some] for column, some in enumerate(stream.probes)]
        if stream.kind == "lessons":
            for _, probe in (probe for some in probes for probe in some):
                memory.add_many(_records(probe, 0), scope=self._scope(probe))
        self._agents = [self._agent(column) for column in stream.columns]
        self._probes = RepeatedQuestions(
            probes, prompt_of=self._prompt, ask=self._round, score=self._score
        )
        self._at = 0

    def _update(self, stream: Stream, number: int) -> None:
        """Write a story, or learn from a training question; then apply the policy."""
        memory, story = self._memory, stream.updates[number]
        growing = self._stories
        if stream.kind == "stories":
            memory.add_many(_records(story, number), scope=self._stories)
        else:
            growing, scope = self._learned, Scope(user=f"{self._base}/lesson/{number}")
            memory.add_many(_records(story, 0), scope=scope)
            answer = " ".join(story.gold)
            memory.changes.learn_direction(
                story.question, answer, scope=scope, learned_scope=self._learned
            )
        if self.name.kind in POLICIES:
            capacity = self.name.size or CAPACITY
            memory.maintenance.retain(capacity, scope=growing, policy=POLICIES[self.name.kind])

    def _scope(self, probe: Sample) -> Scope:
        return Scope(user=f"{self._base}/probe/{probe.id}")

    def _prompt(self, probe: tuple[int, Sample]) -> str:
        """Return what decides the answer to a probe now: its task, the question and the records."""
        column, sample = probe
        scope = self._scope(sample) if self._kind == "lessons" else self._stories
        found = self._memory.recall(sample.question, scope=scope, learned_scope=self._learned)
        return json.dumps([column, sample.question, list(found.texts)])

    def _round(self, prompts: Sequence[str]) -> list[str | None]:
        """Ask prompts side by side; None where the server does not answer."""
        return list(in_flight(prompts, self._tried, limit=TOGETHER))

    def _tried(self, prompt: str) -> str | None:
        try:
            answer = self._answers.get(prompt) or self._answer(prompt)
        except UserError as error:
            if failure_of(error) == "gone":
                raise
            return None
        self._answers[prompt] = answer
        return answer.answer

    def _answer(self, prompt: str) -> Answer:
        column, question, shown = json.loads(prompt)
        agent: Agent = self._agents[column]
        return agent.ask(question, scope=self._stories, remember=False, evidence=tuple(shown))

    def _score(self, probe: tuple[int, Sample], answer: str) -> float:
        return mention(self._task, probe[1], answer)["exact_mention"]

    def _agent(self, column: str) -> Agent:
        """Return the agent for one task's questions; its examples show the gold facts alone."""
        agent = Agent(memory=None, model=self._parts.model, instructions=SHORT_ANSWER)
        if self.name.shots:
            own = [
                sample for sample in self._task.training if sample.story.startswith(f"{column}/")
            ]
            examples = [_example(sample) for sample in studied_samples(own, self._parts.seed)]
            agent.examples = diverse_examples(examples, self._parts.embedder, self.name.shots)
        return agent


def _records(story: Sample, update: int) -> list[NewRecord]:
    """Return the lines of a story as records, each holding from its place in the stream on."""
    return [
        NewRecord(
            text=text,
            id=f"{update}/{line}",
            valid_from=_START + timedelta(days=update, minutes=line),
        )
        for line, text in story.facts
    ]


def _example(sample: Sample) -> Example:
    evidence = tuple(text for line, text in sample.facts if line in sample.supports)
    return Example(evidence=evidence, question=sample.question, answer=", ".join(sample.gold))
