"""Arm of a chat: a conversation through the product's own path, turn by turn."""

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import cast

from memagent.agent.agent import Agent
from memagent.agent.conversation import Conversation
from memagent.agent.steps import Answered, Saved
from memagent.errors import InvalidInput, NoAnswer
from memagent.evals.arm import ArmName, Parts, Reply
from memagent.evals.task import Sample, Task
from memagent.evals.tasks.chat.scripts import ChatQuestion, ChatTask
from memagent.files import write_atomic
from memagent.types import Answer, Scope

ARMS: Mapping[str, bool | None] = {"turns": True, "no-turns": False, "auto": None}
"""Past turns by arm: always shown as they were, never, or as the model reads them."""
TRANSCRIPTS = "transcripts"
"""Folder in the run's with a file of each script and arm: a JSON line for each turn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """One turn of a transcript: what was said and replied, and what the memory keeps of it.

    `evidence` tells whether what was said is kept as something known, and `stored` whether the
    reply is kept.
    """

    text: str
    reply: str
    asks: bool
    evidence: bool
    stored: bool


@dataclass(slots=True)
class _Talk:
    """State of a chat: the conversation, and the answers so far."""

    conversation: Conversation
    answers: list[Answer]


class ChatArm:
    """Arm that says a script turn by turn; a question is one of its turns.

    A chat that is resumed begins anew, as the turns before belong to it. At its end a transcript is
    written into the run's folder.

    Raises:
        InvalidInput: there is no such arm, or the task is no script.
    """

    def __init__(self, name: ArmName, task: Task, parts: Parts) -> None:
        name.check(ARMS)
        if not isinstance(task, ChatTask):
            raise InvalidInput(f"the task {task.name!r} is no script of a chat")
        self._name, self._task, self._folder = name, task, parts.folder
        self._agent = Agent(memory=parts.memory, model=parts.model)
        self._memory = parts.memory
        self._talk: _Talk | None = None
        self._lock = threading.Lock()

    def ask(self, sample: Sample) -> Reply:
        """Say the turns up to a question, and return the reply to it."""
        question = cast(ChatQuestion, sample)
        with self._lock:
            talk = self._talk
            if talk is None or len(talk.answers) >= question.place:
                talk = self._talk = self._begun(question.story)
            self._go_on(talk, question.place)
            answer = talk.answers[-1]
            if question.place == max(cast(ChatQuestion, one).place for one in self._task.asked):
                self._go_on(talk, len(self._task.turns))
                self._keep(talk)
        return self._reply(question, answer)

    def _begun(self, story: str) -> _Talk:
        scope = Scope(user=f"{self._name}/{story}", session="chat")
        self._memory.forget(scope=scope, everything=True)
        conversation = Conversation(self._agent, scope, show_turns=ARMS[self._name.kind])
        return _Talk(conversation, [])

    def _go_on(self, talk: _Talk, place: int) -> None:
        """Say what comes up to a turn; a turn without a reply has an empty one."""
        for text in self._task.turns[len(talk.answers) : place]:
            try:
                steps = list(talk.conversation.say(text))
                answer = [step.answer for step in steps if isinstance(step, Answered | Saved)][-1]
            except NoAnswer as error:
                answer = cast(Answer, error.answer)
            talk.answers.append(answer)

    def _reply(self, question: ChatQuestion, answer: Answer) -> Reply:
        shown = answer.recollection.texts
        gold = {self._task.turns[place - 1] for place in question.supports}
        hits = [hit for hit in answer.recollection.hits if "passed" not in hit.why]
        marked = tuple(place for place, hit in enumerate(hits) if hit.record.text in gold)
        found = {hits[place].record.text for place in marked}
        return Reply(
            answer=answer,
            shown=shown,
            marked=marked,
            recall=len(found) / len(gold) if gold else None,
            left_out=answer.recollection.left_out,
        )

    def _keep(self, talk: _Talk) -> None:
        """Write the transcript, with what the memory holds at the end."""
        if self._folder is None:
            return
        folder = self._folder / TRANSCRIPTS
        folder.mkdir(parents=True, exist_ok=True)
        places = {cast(ChatQuestion, sample).place for sample in self._task.asked}
        lines = []
        for place, (text, answer) in enumerate(
            zip(self._task.turns, talk.answers, strict=True), start=1
        ):
            records = self._memory.get(list(answer.turn), scope=talk.conversation.scope)
            roles = {record.role: record for record in records}
            said = Said(
                text=text,
                reply=answer.answer,
                asks=place in places,
                evidence="user" in roles and roles["user"].evidence,
                stored="assistant" in roles,
            )
            lines.append(json.dumps(asdict(said), ensure_ascii=False) + "\n")
        write_atomic(folder / f"{self._task.asked[0].story}.{self._name}.jsonl", lines)
