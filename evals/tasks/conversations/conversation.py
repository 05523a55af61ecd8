"""Conversations of a data set, and the questions about them with their gold turns."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import Literal

from memagent.evals.task import Grade, Sample, Source, Task
from memagent.records import line_of, local_day

Role = Literal["user", "assistant"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One message of a conversation, or a note, whose `session` is empty; `id` is unique.

    `name` is the speaker's, empty where the data names a role only. `when` is None in a chat
    without dates. A caption of an image stands in the text.
    """

    id: str
    session: str
    role: Role
    text: str
    name: str = ""
    when: datetime | None = None

    @property
    def shown(self) -> str:
        """Text of the turn after its speaker's name, as `Hit.text` of the record it becomes."""
        return line_of(self.text, speaker=self.name)

    @property
    def line(self) -> str:
        """Text that a model is shown, as `Hit.line` of the record it becomes."""
        label = None if self.name or self.role == "user" else self.role
        day = None if self.when is None else local_day(self.when)
        return line_of(self.shown, speaker=label, day=day)


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversation:
    """Turns of one conversation, in order, the turns of a session together."""

    id: str
    turns: tuple[Turn, ...]

    def sessions(self) -> dict[str, list[Turn]]:
        """Return the turns by session, both in order."""
        found: dict[str, list[Turn]] = {}
        for turn in self.turns:
            found.setdefault(turn.session, []).append(turn)
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class ConversationQuestion(Sample):
    """Question about a conversation, whose id is the `story`.

    `gold` are all reference answers; none where the right answer is that nothing is known, as
    `unanswerable` says. `evidence` are the ids of the gold turns and `sessions` those of the gold
    sessions; both are empty where the data names none. `trap` is the wrong answer that an
    unanswerable question leads to, `options` the choices of a multiple-choice question by letter,
    of which `gold` then has one letter, and `rubric` what a judge looks for. `asked_at` is when it
    is asked, where the data says so.
    """

    evidence: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    unanswerable: bool = False
    trap: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    rubric: tuple[str, ...] = ()
    asked_at: datetime | None = None


def question(
    *,
    id: str,
    conversation: Conversation,
    text: str,
    gold: Sequence[str],
    category: str,
    evidence: Sequence[str] = (),
    sessions: Sequence[str] = (),
    unanswerable: bool = False,
    trap: str = "",
    options: Mapping[str, str] | None = None,
    rubric: Sequence[str] = (),
    asked_at: datetime | None = None,
) -> ConversationQuestion:
    """Return a question about a conversation; the gold sessions follow from the gold turns.

    `sessions` are named where the data names sessions without turns.
    """
    number = {turn.id: place for place, turn in enumerate(conversation.turns, start=1)}
    session = {turn.id: turn.session for turn in conversation.turns}
    return ConversationQuestion(
        id=id,
        story=conversation.id,
        facts=(),
        question=text,
        gold=tuple(gold),
        supports=tuple(number[turn] for turn in evidence),
        category=category,
        evidence=tuple(evidence),
        sessions=tuple(dict.fromkeys([*(session[turn] for turn in evidence), *sessions])),
        unanswerable=unanswerable,
        trap=trap,
        options=dict(options or {}),
        rubric=tuple(rubric),
        asked_at=asked_at,
    )


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """Conversations and all questions about them, with what was left out and why.

    `left_out` counts, by reason, what the file holds and an evaluation cannot use, such as evidence
    that names no turn.
    """

    name: str
    source: Source
    conversations: Sequence[Conversation]
    questions: Sequence[ConversationQuestion]
    left_out: Mapping[str, int] = field(default_factory=dict)
    split: str = "test"

    @cached_property
    def sha256(self) -> str:
        """SHA-256 (hex) of what is read and asked; of the largest files it takes minutes."""
        return digest_of(self.conversations, self.questions)


@dataclass(frozen=True, kw_only=True, slots=True)
class ConversationTask(Task):
    """Questions of a data set, and the conversations that they are about, by id.

    `data` names the data set: arms that read its conversations share what is written of them.
    """

    conversations: Mapping[str, Conversation]
    data: str


def task_of(
    data: DataSet,
    name: str,
    grade: Grade,
    *,
    questions: Sequence[ConversationQuestion] | None = None,
    left_out: Mapping[str, int] | None = None,
) -> ConversationTask:
    """Return the questions of a data set as a task, all of them or some.

    `left_out` counts, by reason, those that are not asked, beside what the data set left out.
    """
    asked = list(data.questions if questions is None else questions)
    named = {question.story for question in asked}
    return ConversationTask(
        name=name,
        source=data.source,
        split=data.split,
        asked=asked,
        training=(),
        sha256=data.sha256,
        grade=grade,
        left_out={**data.left_out, **(left_out or {})},
        conversations={talk.id: talk for talk in data.conversations if talk.id in named},
        data=f"{data.name}-{data.sha256[:12]}",
    )


def digest_of(
    conversations: Iterable[Conversation], questions: Iterable[ConversationQuestion]
) -> str:
    """Return the SHA-256 (hex) of conversations and questions, with gold and evidence."""
    digest = hashlib.sha256()
    for part in chain(map(asdict, conversations), map(asdict, questions)):
        row = json.dumps(part, ensure_ascii=True, sort_keys=True, default=str)
        digest.update(row.encode() + b"\n")
    return digest.hexdigest()
