"""Arms of a memory that gets feedback: in each round every question is asked, then corrected.

The teacher is a script: for each wrong answer to a question of "same" it gives a verdict, a hint or
the answer, as the arm says. The memory gets nothing else, and asking writes nothing.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import cast

from memagent.agent.agent import Agent
from memagent.agent.record_turn import Verdict
from memagent.evals.arm import ArmName, Parts, Reply
from memagent.evals.task import Sample, Task
from memagent.evals.tasks.feedback.worlds import CITIES, NOBODY, YEARS, Item, Trial, World
from memagent.evals.tasks.story_arms import studied_samples
from memagent.feedback.rate_limit import RateLimit
from memagent.learning.few_shot import diverse_examples
from memagent.prompts import SHORT_ANSWER
from memagent.text.english import words
from memagent.types import Answer, Example, NewRecord, Recollection, Scope

KINDS = ("none", "rag-only", "r3", "ram-verdict", "ram-hint", "ram-answer", "ram-written")
"""The model alone; the best facts by meaning alone; the facts that the memory recalls in several
hops; and the same with feedback by verdicts, hints or answers, or by answers that the model itself
rewrites as lessons."""
NEAREST = 3
"""Number of facts that `rag-only` shows where its name does not say."""
_START = datetime(2000, 1, 1, tzinfo=UTC)
_DENYING = frozenset("no not none nobody isn't aren't doesn't don't unknown nowhere never".split())


@dataclass(slots=True)
class _Taught:
    """State of a world: whether it is in the memory, and its rounds of feedback so far."""

    rounds: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    written: bool = False


class TaughtArm:
    """One way of answering, and of learning from feedback.

    A prompt that was asked before keeps its answer: decoding is greedy.

    Raises:
        InvalidInput: there is no such arm.
    """

    def __init__(self, name: ArmName, task: Task, parts: Parts) -> None:
        name.check(KINDS)
        self.name = name
        self._task = task
        self._memory = parts.memory
        self._taught: dict[str, _Taught] = {}
        self._answers: dict[tuple[str, tuple[str, ...]], Answer] = {}
        self._agent = Agent(
            memory=parts.memory,
            model=parts.model,
            instructions=SHORT_ANSWER,
            rate_limit=RateLimit(None),
        )
        if name.shots:
            examples = [_example(sample) for sample in studied_samples(task.training, parts.seed)]
            self._agent.examples = diverse_examples(examples, parts.embedder, name.shots)

    def ask(self, sample: Sample) -> Reply:
        """Answer a question after its rounds of feedback; samples come in the order of rounds."""
        trial = cast(Trial, sample)
        scope = Scope(user=f"{self.name}/{trial.story}")
        state = self._taught.setdefault(trial.story, _Taught())
        with state.lock:
            if not state.written or state.rounds > trial.round:
                self._begin(trial.world, scope)
                state.written, state.rounds = True, 0
            while state.rounds < trial.round:
                for item in trial.world.taught:
                    self._teach(item, scope)
                state.rounds += 1
            answer = self._answer(trial.question, scope)
        return Reply(answer=answer, shown=answer.recollection.texts)

    def _begin(self, world: World, scope: Scope) -> None:
        self._memory.forget(scope=scope, everything=True)
        records = [
            NewRecord(text=text, valid_from=_START + timedelta(minutes=line))
            for line, text in enumerate(world.told)
        ]
        self._memory.add_many(records, scope=scope)

    def _teach(self, item: Item, scope: Scope) -> None:
        """Ask a question, and give the feedback of the arm."""
        if not self.name.kind.startswith("ram"):
            return
        answer = self._answer(item.question, scope)
        right = is_right(answer.answer, item)
        if self.name.kind == "ram-verdict":
            verdict: Verdict = "good" if right else "bad"
            self._agent.feedback(answer, scope=scope, verdict=verdict)
        elif not right and self.name.kind == "ram-hint":
            self._agent.feedback(answer, scope=scope, hint=item.hint)
        elif not right:
            write = self.name.kind == "ram-written"
            self._agent.feedback(answer, scope=scope, correction=item.correction, write=write)

    def _answer(self, question: str, scope: Scope) -> Answer:
        found = self._found(question, scope)
        key = (question, found.texts)
        if key not in self._answers:
            evidence = None if self._recalls else found.texts
            self._answers[key] = self._agent.ask(
                question, scope=scope, remember=False, evidence=evidence
            )
        return replace(self._answers[key], recollection=found)

    @property
    def _recalls(self) -> bool:
        return self.name.kind not in ("none", "rag-only")

    def _found(self, question: str, scope: Scope) -> Recollection:
        if self._recalls:
            return self._memory.recall(question, scope=scope)
        if self.name.kind == "none":
            return Recollection()
        vector = self._memory.engine.encoder.embeddings.embed_query(question)
        hits = self._memory.search(vector=vector, scope=scope, k=self.name.size or NEAREST)
        return Recollection(hits=tuple(sorted(hits, key=lambda hit: hit.record.moment)))


def is_right(prediction: str, item: Item) -> bool:
    """Say whether an answer names the right city or year and no other, or denies the premise."""
    question = {word.lower() for word in words(item.question)}
    new = {word for word in words(prediction) if word.lower() not in question}
    named = new & (set(CITIES) | set(YEARS))
    if item.gold == NOBODY:
        denied = {word.lower().replace("’", "'") for word in new} & _DENYING  # noqa: RUF001
        return not named and bool(denied)
    return named == {item.gold}


def _example(sample: Sample) -> Example:
    trial = cast(Trial, sample)
    evidence: Sequence[str] = [text for line, text in trial.facts if line in trial.supports]
    answer = trial.item.gold
    if answer == NOBODY:
        evidence, answer = [trial.item.correction], trial.item.correction
    return Example(evidence=tuple(evidence), question=trial.question, answer=answer)
