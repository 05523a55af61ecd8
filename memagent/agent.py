"""The agent: recall, ask, answer, write."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from memagent import models, replies
from memagent.errors import ContextTooLong, InvalidInput
from memagent.looking import LOOKS
from memagent.memory import Memory
from memagent.prompts import ASSISTANT, render
from memagent.questions import is_question
from memagent.room import Room
from memagent.types import Answer, Call, Example, Note, Recollection, Scope, Timings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage


@dataclass(frozen=True, slots=True)
class Recalled:
    """The agent has looked into its memory."""

    recollection: Recollection


@dataclass(frozen=True, slots=True)
class Said:
    """The model has said one more piece of its answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The turn is over: answered, and written unless that was switched off."""

    answer: Answer


Step = Recalled | Said | Answered


class Agent:
    """A chat model with a memory.

    `model` is what `open_chat` takes, and is opened at the first question. With `memory` None, or
    with nothing found, the model gets exactly what it would get without a memory. `lessons` is the
    scope whose rationales advise the search (the asker's own if None). `examples` are worked
    examples, shown before every question. `looks` bounds how often the memory is looked into for
    one question, each time with what was found before; 1 is never again.
    """

    def __init__(
        self,
        *,
        memory: Memory | None,
        model: "str | BaseChatModel" = "local",
        instructions: str = ASSISTANT,
        k: int = 5,
        lessons: Scope | None = None,
        examples: Sequence[Example] = (),
        looks: int = LOOKS,
    ) -> None:
        self.memory = memory
        self.instructions = instructions
        self.k = k
        self.lessons = lessons
        self.examples = examples
        self.looks = looks
        self._model = model
        self._chat: BaseChatModel | None = None

    def ask(
        self,
        question: str,
        *,
        scope: Scope,
        remember: bool = True,
        evidence: Sequence[str] | None = None,
        turns: Sequence[tuple[str, str]] = (),
    ) -> Answer:
        """Answer one question, and remember the turn unless `remember` is False.

        `evidence` is shown instead of what the memory would recall; `turns` are the conversation so
        far, as (said, replied).

        Raises:
            InvalidInput: the question is empty.
            ModelUnavailable: the model's server does not answer.
            ContextTooLong: the question does not fit into the model's context, not even alone.
        """
        for step in self.run(
            question, scope=scope, remember=remember, evidence=evidence, turns=turns
        ):
            if isinstance(step, Answered):
                return step.answer
        raise AssertionError("a run ends with Answered")

    def run(
        self,
        question: str,
        *,
        scope: Scope,
        remember: bool = True,
        evidence: Sequence[str] | None = None,
        turns: Sequence[tuple[str, str]] = (),
        stream: bool = False,
    ) -> Iterator[Step]:
        """Answer one question step by step; with `stream`, the answer comes in pieces.

        Where the model's context is too small, memories are left out (the worst half at a time,
        then past turns), and the answer says how many. Given `evidence` is shown whole or not.
        """
        if not question.strip():
            raise InvalidInput("the question is empty")
        chat = self._opened()
        recollection = self._recall(question, scope) if evidence is None else Recollection()
        yield Recalled(recollection)
        room = Room(recollection=recollection, turns=tuple(turns))
        pieces: list[str] = []
        while True:
            messages = self._messages(question, evidence, room)
            try:
                with closing(replies.reply(chat, messages, stream=stream)) as told:
                    for text, measured in told:
                        call = measured or Call()
                        if text:
                            pieces.append(text)
                            yield Said(text)
                break
            except ContextTooLong:
                less = room.narrower()
                if less is None or pieces:
                    raise
                room = less
        answer = _answer("".join(pieces).strip(), room, call, len(turns))
        yield Answered(self._write(question, answer, scope) if remember else answer)

    def _messages(
        self, question: str, evidence: Sequence[str] | None, room: Room
    ) -> "list[BaseMessage]":
        return render(
            room.recollection.remaining or question,
            room.recollection.shown if evidence is None else evidence,
            instructions=self.instructions,
            examples=self.examples,
            turns=room.turns,
        )

    def _opened(self) -> "BaseChatModel":
        if self._chat is None:
            self._chat = models.open_chat(self._model)
        return self._chat

    def _recall(self, question: str, scope: Scope) -> Recollection:
        if self.memory is None:
            return Recollection()
        wide = scope.across_sessions()
        return self.memory.recall(
            question, scope=wide, k=self.k, lessons=self.lessons, looks=self.looks
        )

    def _write(self, question: str, answer: Answer, scope: Scope) -> Answer:
        """Remember the turn: what the user said as evidence if it states, never what we replied."""
        if self.memory is None:
            return answer
        started, now = time.perf_counter(), self.memory.now(scope=scope)
        said = Note(
            text=question,
            valid_from=now,
            evidence=not is_question(question),
            metadata={"author": "user"},
        )
        replied = Note(
            text=answer.answer,
            valid_from=now,
            evidence=False,
            sources=tuple(answer.memories),
            metadata={"author": "agent"},
        )
        notes = [said, replied] if answer.answer else [said]
        written = self.memory.add_many(notes, scope=scope, recalled=answer.memories)
        timings = replace(answer.timings, write=time.perf_counter() - started)
        return replace(answer, timings=timings, written=tuple(one.id for one in written))


def _answer(text: str, room: Room, call: Call, turns: int) -> Answer:
    return Answer(
        answer=text,
        recollection=room.recollection,
        usage=call.usage,
        timings=Timings(
            embed=room.recollection.embed_seconds,
            search=room.recollection.search_seconds,
            model=call.seconds,
            waited=call.waited,
            first=call.first,
        ),
        turns_left_out=turns - len(room.turns),
    )
