"""A memory that goes through a stream, and is asked the same after every update."""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar, cast

from memagent.agent.agent import Agent
from memagent.errors import InvalidInput, UserError
from memagent.evals.arm import ArmName, Parts, Reply
from memagent.evals.metrics.continual import Results
from memagent.evals.runs.runner import in_flight
from memagent.evals.task import Sample, Task, mention
from memagent.evals.tasks.continual.streams import Asked, Stream
from memagent.evals.tasks.story_arms import studied_samples
from memagent.learning.few_shot import diverse_examples
from memagent.models.retry import failure_of
from memagent.prompts import SHORT_ANSWER
from memagent.types import Answer, Example, NewRecord, Policy, Scope

P = TypeVar("P")


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """One time of asking: the mean score of each task, and how many probes were how dealt with.

    A task's score is None where it has no probes, or one of them `failed` to get an answer.
    """

    scores: tuple[float | None, ...]
    asked: int
    reused: int
    failed: int


class ProbeSet(Generic[P]):
    """Fixed questions on every task, asked before the first write and after each one.

    `probes[j]` are those on task j. `prompt_of` returns all that the model would be shown for a
    probe now; it may look at the memory, and must not write to it. `ask` is given the prompts that
    changed and returns an answer to each, in order, None where there is none; `score` judges one.

    A probe without an answer is asked again the next time. Where a callable raises, nothing is
    counted, and the same call can be made again.
    """

    def __init__(
        self,
        probes: Sequence[Sequence[P]],
        *,
        prompt_of: Callable[[P], str],
        ask: Callable[[Sequence[str]], Sequence[str | None]],
        score: Callable[[P, str], float],
    ) -> None:
        self._probes = [(task, probe) for task, some in enumerate(probes) for probe in some]
        self._tasks = len(probes)
        self._prompt_of, self._ask, self._score = prompt_of, ask, score
        self._known: dict[int, tuple[str, float]] = {}
        self._baseline: Round | None = None
        self._rounds: list[Round] = []
        self._trained: list[int] = []

    def before(self) -> Round:
        """Ask before any write: the baseline.

        Raises:
            InvalidInput: there was a write already.
        """
        if self._rounds:
            raise InvalidInput("probes: the baseline is asked before the first write")
        self._baseline = self._measure()
        return self._baseline

    def after(self, task: int) -> Round:
        """Ask after a write that belongs to a task, and add a row to the results.

        Raises:
            InvalidInput: there are no probes for a task of that number.
        """
        if not 0 <= task < self._tasks:
            raise InvalidInput(f"probes: expected a task below {self._tasks}; found {task}")
        measured = self._measure()
        self._rounds.append(measured)
        self._trained.append(task)
        return measured

    @property
    def rounds(self) -> tuple[Round, ...]:
        """Every time of asking, in order, the baseline first if it was asked."""
        return (*([self._baseline] if self._baseline else []), *self._rounds)

    @property
    def results(self) -> Results:
        """The scores of all tasks after every write so far."""
        return Results(
            scores=tuple(one.scores for one in self._rounds),
            trained=tuple(self._trained),
            baseline=self._baseline.scores if self._baseline else (),
        )

    def _measure(self) -> Round:
        prompts = [self._prompt_of(probe) for _, probe in self._probes]
        changed = [n for n, prompt in enumerate(prompts) if self._prompt_known(n) != prompt]
        answers = self._ask([prompts[n] for n in changed]) if changed else []
        judged = {
            n: None if answer is None else (prompts[n], self._score(self._probes[n][1], answer))
            for n, answer in zip(changed, answers, strict=True)
        }
        for n, outcome in judged.items():
            self._known.pop(n, None)
            if outcome is not None:
                self._known[n] = outcome
        return Round(
            scores=tuple(self._mean(task) for task in range(self._tasks)),
            asked=len(changed),
            reused=len(prompts) - len(changed),
            failed=len(prompts) - len(self._known),
        )

    def _prompt_known(self, n: int) -> str | None:
        return self._known[n][0] if n in self._known else None

    def _mean(self, task: int) -> float | None:
        places = [n for n, (of, _) in enumerate(self._probes) if of == task]
        scores = [self._known[n][1] for n in places if n in self._known]
        return sum(scores) / len(scores) if scores and len(scores) == len(places) else None


KINDS = ("memory", "activation", "fifo", "lru")
"""Everything is kept at hand; or after each update only so many records, by that policy."""
POLICIES: dict[str, Policy] = {"activation": "activation", "fifo": "fifo", "lru": "lru"}
CAPACITY = 40
"""How many records are kept where a policy's name does not say."""
TOGETHER = 4
"""How many questions of one round are out at once."""
_START = datetime(2000, 1, 1, tzinfo=UTC)


class StreamArm:
    """One way of keeping what a stream tells.

    After an update every probe is recalled for again, and only those are asked whose prompt is
    another than before (`ProbeSet`). Asking writes nothing.

    Raises:
        InvalidInput: there is no such arm.
    """

    def __init__(self, name: ArmName, task: Task, parts: Parts) -> None:
        if name.kind not in KINDS:
            raise InvalidInput(f"{name.kind!r} is not one of {', '.join(KINDS)}")
        self.name = name
        self._task = task
        self._parts = parts
        self._base = f"{name}/{task.name}"
        self._lessons = Scope(user=f"{self._base}/lessons")
        self._told = Scope(user=f"{self._base}/told")
        self._lock = threading.Lock()
        self._kind = ""
        self._at: int | None = None
        self._answers: dict[str, Answer] = {}
        self._probes: ProbeSet[tuple[int, Sample]] | None = None
        self._agents: list[Agent] = []

    def ask(self, sample: Sample) -> Reply:
        """Answer a probe after its update; samples must come in the order of updates."""
        asked = cast(Asked, sample)
        with self._lock:
            self._advance(asked)
            prompt = self._prompt((asked.column, asked.probe))
            # One that got no answer in its round is asked by itself, and says why.
            answer = self._answers.get(prompt) or self._answer(prompt)
            self._answers[prompt] = answer
        return Reply(answer=answer, shown=tuple(json.loads(prompt)[2]))

    def _advance(self, asked: Asked) -> None:
        """Do the updates up to the sample's, and ask what changed by them."""
        stream = asked.stream
        if self._at is None or self._at > asked.update:
            self._begin(stream)
            if asked.update == 0 and self._probes is not None:
                self._probes.before()
        if self._at is None or self._probes is None or self._at == asked.update:
            return
        while self._at < asked.update:
            self._update(stream, self._at)
            self._at += 1
        self._probes.after(stream.order[self._at - 1])

    def _begin(self, stream: Stream) -> None:
        memory, self._kind = self._parts.memory, stream.kind
        for scope in (self._lessons, self._told):
            memory.forget(scope=scope, everything=True)
        probes = [[(column, one) for one in some] for column, some in enumerate(stream.probes)]
        if stream.kind == "lessons":
            for _, probe in (one for some in probes for one in some):
                memory.add_many(_notes(probe, 0), scope=self._scope(probe))
        self._agents = [self._agent(column) for column in stream.columns]
        self._probes = ProbeSet(probes, prompt_of=self._prompt, ask=self._round, score=self._score)
        self._at = 0

    def _update(self, stream: Stream, number: int) -> None:
        """Tell a story, or study a lesson; then keep at hand what the policy keeps."""
        memory, story = self._parts.memory, stream.updates[number]
        grows = self._told
        if stream.kind == "stories":
            memory.add_many(_notes(story, number), scope=self._told)
        else:
            grows, scope = self._lessons, Scope(user=f"{self._base}/lesson/{number}")
            memory.add_many(_notes(story, 0), scope=scope)
            answer = " ".join(story.gold)
            memory.changes.learn_direction(
                story.question, answer, scope=scope, learned_scope=self._lessons
            )
        if self.name.kind in POLICIES:
            capacity = self.name.size or CAPACITY
            memory.maintenance.retain(capacity, scope=grows, policy=POLICIES[self.name.kind])

    def _scope(self, probe: Sample) -> Scope:
        return Scope(user=f"{self._base}/probe/{probe.id}")

    def _prompt(self, probe: tuple[int, Sample]) -> str:
        """Return what decides a probe's answer now: whose examples, the question, the notes."""
        column, one = probe
        scope = self._scope(one) if self._kind == "lessons" else self._told
        found = self._parts.memory.recall(one.question, scope=scope, learned_scope=self._lessons)
        return json.dumps([column, found.remaining or one.question, list(found.texts)])

    def _round(self, prompts: Sequence[str]) -> list[str | None]:
        """Ask prompts side by side; None where the server will not answer."""
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
        return agent.ask(question, scope=self._told, remember=False, evidence=tuple(shown))

    def _score(self, probe: tuple[int, Sample], answer: str) -> float:
        return mention(self._task, probe[1], answer)["exact_mention"]

    def _agent(self, column: str) -> Agent:
        """Return who answers one task's questions: worked examples show the gold facts alone."""
        agent = Agent(memory=None, model=self._parts.model, instructions=SHORT_ANSWER)
        if self.name.shots:
            own = [one for one in self._task.training if one.story.startswith(f"{column}/")]
            worked = [_example(one) for one in studied_samples(own, self._parts.seed)]
            agent.examples = diverse_examples(worked, self._parts.embedder, self.name.shots)
        return agent


def _notes(story: Sample, update: int) -> list[NewRecord]:
    """Return a story's lines as notes, each holding from its place in the stream on."""
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
