"""Arms for questions about conversations: each shows the model other turns, all in the same way.

Agent, instructions, few-shot examples and decoding are the same in every arm, a turn is always
shown as the agent shows what it recalls (`Turn.line`, which is `Hit.line` of its record), and those
that search share one ingestion (see the module `ingestion`).
"""

import logging
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

from memagent.agent.agent import Agent
from memagent.errors import ContextTooLong, InvalidInput
from memagent.evals.arm import ArmName, Parts, Reply
from memagent.evals.task import Sample, Task
from memagent.evals.tasks.conversations.choices import as_choices, lettered
from memagent.evals.tasks.conversations.context import Trimmer
from memagent.evals.tasks.conversations.conversation import (
    Conversation,
    ConversationQuestion,
    ConversationTask,
    Turn,
)
from memagent.evals.tasks.conversations.examples import few_shot_examples
from memagent.evals.tasks.conversations.ingestion import ingest, scope_of
from memagent.evals.tasks.documents.arms import short
from memagent.prompts import SHORT_ANSWER
from memagent.types import Answer, Example, Hit, Scope

logger = logging.getLogger(__name__)
ARMS = ("none", "full", "memory", "memory-all", "search-k", "oracle", "wrong")
"""Nothing; all turns, without the oldest where the context is too small; those the agent recalls of
what users state; those it recalls of all turns, with `roles="all"`; the best of a search in order
of time; the gold turns; those the agent recalls of another conversation. The size of an arm that
searches is how many are looked for."""
RECALLING = ("memory", "memory-all", "wrong")
K = 10
"""Number of turns that `search-k` shows where its name does not say."""
ASKING = Scope(user="asking")
"""Scope of questions that no memory is asked for."""
MOST = 8
"""Number of few-shot examples that there are."""
TOKENS = 32
"""Greatest length of an answer, where a suite does not say."""
ROOM = "a " * 128
"""Text as long as nearly all questions; `full` leaves room for it in the context."""
INSTRUCTIONS = SHORT_ANSWER + " If the notes do not say it, reply: unknown"
CHOICE = (
    "You answer multiple-choice questions from notes. Reply with the letter of the answer only."
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A text that is shown, and the ids of the turns that it stands for."""

    text: str
    turns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """Evidence of a question, oldest first, how much had no room, and the seconds of the search."""

    evidence: Sequence[Evidence] = ()
    left_out: int = 0
    seconds: float = 0.0


class ConversationArm:
    """Arm that answers questions about conversations from the turns that it shows.

    Only `oracle` reads the gold turns; of a question without any it shows the gold sessions, and of
    one without these nothing. What does not fit into the model's context is left out and counted:
    the worst of what was found, else the oldest. An answer has at most `tokens` tokens, where the
    model knows such a limit.

    Raises:
        InvalidInput: there is no such arm, the task has no conversations, or there is no other
            conversation for `wrong`.
    """

    def __init__(self, name: ArmName, task: Task, parts: Parts, *, tokens: int = TOKENS) -> None:
        name.check(ARMS)
        if not isinstance(task, ConversationTask):
            raise InvalidInput(f"the task {task.name!r} has no conversations")
        self._name = name
        self._task = task
        self._memory = parts.memory
        choices = any(cast(ConversationQuestion, sample).options for sample in task.asked)
        instructions = CHOICE if choices else INSTRUCTIONS
        self._agent = Agent(
            memory=parts.memory if name.kind in RECALLING else None,
            model=short(parts.model, tokens),
            instructions=instructions,
            roles="all" if name.kind == "memory-all" else None,
            hops=0,  # one search each: arms differ in what is shown alone
        )
        self._dated = self._agent.driver.budget().dates and _dated(task)
        examples = examples_of(name, choices=choices, dated=self._dated)
        self._agent.examples = examples
        if name.kind in RECALLING and name.size:
            self._agent.driver.k = name.size
        self._others = others(task, parts.seed) if name.kind == "wrong" else {}
        self._trimmer = Trimmer(self._agent.open(), instructions, examples)
        self._written: dict[str, dict[str, tuple[str, ...]]] = {}
        self._room: dict[str, int] = {}
        self._trimming = threading.Lock()

    def ask(self, sample: Sample) -> Reply:
        """Answer a question about a conversation."""
        question = cast(ConversationQuestion, sample)
        started = time.perf_counter()
        self._prepare(question)
        setup = time.perf_counter() - started
        if self._name.kind in RECALLING:
            answer, shown = self._recalled(question)
        else:
            answer, shown = self._answered(question, self._evidence(question))
        return replace(self._reply(question, answer, shown), setup=setup)

    def _prepare(self, question: ConversationQuestion) -> None:
        """Do once what serves all questions of a conversation: write it, or find what fits."""
        whose = self._others.get(question.story, question.story)
        if self._name.kind in (*RECALLING, "search-k") and whose not in self._written:
            talk, scope = self._task.conversations[whose], scope_of(self._task.data, whose)
            self._written[whose] = ingest(self._memory, talk, scope)
        elif self._name.kind == "full":
            with self._trimming:
                if whose not in self._room:
                    self._room[whose] = self._fitting(self._task.conversations[whose])

    def _fitting(self, talk: Conversation) -> int:
        """Return how many of the last turns fit beside any question about a conversation.

        They are the same for all its questions, so that the prompts begin alike, and a server's
        prefix cache holds them. Only a question that is longer than `ROOM` makes them fewer.
        """
        questions = cast(Sequence[ConversationQuestion], self._task.asked)
        texts = [as_asked(question) for question in questions if question.story == talk.id]
        longest = max([ROOM, *texts], key=lambda text: len(text.encode()))
        return self._trimmer.fitting(longest, [self._line(turn) for turn in talk.turns])

    def _recalled(self, question: ConversationQuestion) -> tuple[Answer, Shown]:
        """Answer as the agent does whose memory holds the conversation, or another one."""
        whose = self._others.get(question.story, question.story)
        scope = scope_of(self._task.data, whose)
        now = self._now(question)
        answer = self._agent.ask(as_asked(question), scope=scope, remember=False, now=now)
        found = answer.recollection
        hits = [hit for hit in found.hits if "passed" not in hit.why]
        return answer, Shown(self._evidence_of(whose, hits, found.texts), found.left_out)

    def _now(self, question: ConversationQuestion) -> datetime | None:
        """Return when a question is asked: as the data says, or else at the conversation's end.

        A conversation without times is asked about in the present, when it was written.
        """
        talk = self._task.conversations[question.story]
        times = [turn.when for turn in talk.turns if turn.when is not None]
        if not times:
            return None
        # Turns that share one time are written a second apart.
        return question.asked_at or max(times) + timedelta(seconds=len(talk.turns))

    def _evidence(self, question: ConversationQuestion) -> Shown:
        """Return what is shown where the agent does not recall."""
        talk = self._task.conversations[question.story]
        if self._name.kind == "search-k":
            return self._searched(question)
        if self._name.kind == "full":
            return self._latest(talk.turns, self._room[talk.id])
        if self._name.kind == "oracle":
            gold = gold_turns(question, talk)
            texts = [self._line(turn) for turn in gold]
            return self._latest(gold, self._trimmer.fitting(as_asked(question), texts))
        return Shown()

    def _searched(self, question: ConversationQuestion) -> Shown:
        """Return the best turns of a search that fit, oldest first."""
        text, k = as_asked(question), self._name.size or K
        scope = scope_of(self._task.data, question.story)
        started = time.perf_counter()
        hits = self._memory.search(text, scope=scope, k=k, roles="all")
        seconds = time.perf_counter() - started
        number = self._trimmer.fitting(text, [hit.line(self._dated) for hit in reversed(hits)])
        best = sorted(hits[:number], key=lambda hit: hit.record.moment)
        evidence = self._evidence_of(question.story, best, [hit.line(self._dated) for hit in best])
        return Shown(evidence, len(hits) - number, seconds)

    def _evidence_of(
        self, conversation: str, hits: Sequence[Hit], texts: Sequence[str]
    ) -> list[Evidence]:
        turns = self._written[conversation]
        return [
            Evidence(text, turns.get(hit.record.id, ()))
            for hit, text in zip(hits, texts, strict=True)
        ]

    def _line(self, turn: Turn) -> str:
        """Return a turn as the agent shows it: with its date if the model reads dates well."""
        return turn.line if self._dated else turn.shown

    def _latest(self, turns: Sequence[Turn], number: int) -> Shown:
        """Return the last turns, as they are shown."""
        left_out = len(turns) - number
        last = [Evidence(self._line(turn), (turn.id,)) for turn in turns[left_out:]]
        return Shown(last, left_out)

    def _answered(self, question: ConversationQuestion, shown: Shown) -> tuple[Answer, Shown]:
        """Answer from evidence; where the server refuses so much, from the later half of it.

        Raises:
            ContextTooLong: the question does not fit, not even alone.
        """
        while True:
            texts = [part.text for part in shown.evidence]
            try:
                answer = self._agent.ask(
                    as_asked(question),
                    scope=ASKING,
                    remember=False,
                    evidence=texts,
                    now=self._now(question) if self._dated else None,
                )
            except ContextTooLong:
                if not texts:
                    raise
                logger.info("the server refuses %d texts: half of them are left out", len(texts))
                shown = _halved(shown)
                if self._name.kind == "full":
                    with self._trimming:
                        room = self._room[question.story]
                        self._room[question.story] = min(room, len(shown.evidence))
            else:
                timings = replace(answer.timings, search=shown.seconds)
                return replace(answer, timings=timings), shown

    def _reply(self, question: ConversationQuestion, answer: Answer, shown: Shown) -> Reply:
        """Return the reply, with the places of the gold turns unless others were shown."""
        gold = set(() if self._name.kind == "wrong" else question.evidence)
        places = {place: gold.intersection(part.turns) for place, part in enumerate(shown.evidence)}
        found = set().union(*places.values())
        counts = gold and self._name.kind != "none"
        return Reply(
            answer=answer,
            shown=tuple(part.text for part in shown.evidence),
            recall=len(found) / len(gold) if counts else None,
            marked=tuple(place for place, turns in places.items() if turns),
            left_out=shown.left_out,
        )


def _halved(shown: Shown) -> Shown:
    less = (len(shown.evidence) + 1) // 2
    evidence, left_out = shown.evidence[less:], shown.left_out + less
    return replace(shown, evidence=evidence, left_out=left_out)


def as_asked(question: ConversationQuestion) -> str:
    """Return a question as an agent is asked it: with its options, where it has some."""
    if not question.options:
        return question.question
    return lettered(question.question, question.options)


def _dated(task: ConversationTask) -> bool:
    """Tell whether turns of a task's conversations have dates."""
    talks = task.conversations.values()
    return any(turn.when is not None for talk in talks for turn in talk.turns)


def examples_of(name: ArmName, *, choices: bool, dated: bool) -> list[Example]:
    """Return the few-shot examples of an arm, with evidence where it shows some.

    `dated` says that the conversations have dates: then the examples have some, too.

    Raises:
        InvalidInput: there are not so many.
    """
    every = few_shot_examples(MOST, name.kind != "none", dated=dated)
    examples = as_choices(every) if choices else list(every)
    if name.shots > len(examples):
        raise InvalidInput(f"{name}: there are {len(examples)} few-shot examples")
    return examples[: name.shots]


def gold_turns(question: ConversationQuestion, talk: Conversation) -> list[Turn]:
    """Return the gold turns of a question in order, or those of its gold sessions."""
    if question.evidence:
        return [turn for turn in talk.turns if turn.id in question.evidence]
    return [turn for turn in talk.turns if turn.session in question.sessions]


def others(task: ConversationTask, seed: int) -> dict[str, str]:
    """Return another conversation of the task for each, always the same by seed.

    Raises:
        InvalidInput: there is only one.
    """
    names = list(task.conversations)
    if len(names) < 2:
        raise InvalidInput(f"wrong shows another conversation, and {task.name} has only one")
    shift = random.Random(seed).randrange(1, len(names))
    return {name: names[(place + shift) % len(names)] for place, name in enumerate(names)}
