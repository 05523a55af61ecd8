"""Conversation: one session with an agent, its past turns, and feedback on its last answer."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from itertools import pairwise
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.utils.uuid import uuid7

from memagent.agent.agent import Agent
from memagent.agent.corrections import CorrectionWatch
from memagent.agent.record_turn import Verdict, remember
from memagent.agent.steps import Answered, Saved, Step
from memagent.agent.turn import Course
from memagent.errors import InvalidInput, NoAnswer, StoreError, UserError
from memagent.feedback.reflection import ALIKE, replaced_by
from memagent.feedback.replacement import replace_record
from memagent.feedback.request import FeedbackRequest
from memagent.feedback.spoken import Correction
from memagent.memory.memory import Memory
from memagent.stores.banks.validation import check
from memagent.types import (
    Answer,
    CorrectionMode,
    NewRecord,
    PastTurn,
    Recollection,
    Record,
    Scope,
)

logger = logging.getLogger(__name__)

RECENT_TURNS = 3
"""At least so many turns does the model see as they were, and fewer than twice as many: older ones
go together, so that most prompts begin as the one before. They come back by recall."""
RESUMED = 100
"""Newest records of a session that are read to resume it."""


class Conversation:
    """A session of one user; `last` is the last answer, an empty one if its reply broke off.

    A scope without a session gets a new one. One that was talked in before goes on where it was.
    `saving` says that a turn is being written, which had better not be interrupted. `proposal` is
    what the last turn seems to correct, None if nothing; `replace` puts it into effect. With
    `corrections` "apply" that is done at once, and `replaced` is the lesson; with "off" nothing is
    looked for. `show_turns` says whether the model sees past turns as they were; None asks what it
    reads well.
    """

    def __init__(
        self,
        agent: Agent,
        scope: Scope,
        *,
        corrections: CorrectionMode = "ask",
        show_turns: bool | None = None,
    ) -> None:
        self.agent = agent
        self.show_turns = show_turns
        self.scope = replace(scope, session=scope.session or str(uuid7()))
        self.last: Answer | None = None
        self.saving = False
        self.corrections = corrections
        self.proposal: Correction | None = None
        self.replaced: Record | None = None
        self._watch = CorrectionWatch(agent)
        self._before: PastTurn | None = None
        self.turns: list[PastTurn] = []
        if scope.session is not None:
            self.resume(scope.session)

    def resume(self, session: str) -> None:
        """Go on in a session where it was."""
        self.scope, self.last = replace(self.scope, session=session), None
        self.proposal = self.replaced = None
        self.turns = past_turns(self.memory, self.scope) if self.agent.memory else []

    @property
    def memory(self) -> Memory:
        """The agent's memory.

        Raises:
            InvalidInput: it has none.
        """
        if self.agent.memory is None:
            raise InvalidInput("this agent has no memory")
        return self.agent.memory

    @property
    def recent(self) -> list[PastTurn]:
        """The past turns that the model is shown again, as (said, replied)."""
        self.drop_forgotten()
        over = max(len(self.turns) - RECENT_TURNS, 0)
        return self.turns[over - over % RECENT_TURNS :]

    def drop_forgotten(self) -> None:
        """Drop the past turns, and the last answer, of which something is forgotten."""
        if self.agent.memory is None:
            return
        read = self.agent.memory.engine.store.read
        seqs = [seq for turn in self.turns for seq in turn.records]
        there = {record.seq for record in read.records(seqs)}
        self.turns = [turn for turn in self.turns if there.issuperset(turn.records)]
        if self.last is not None:
            ids = {*self.last.turn, *self.last.memories}
            if len(read.get(self.scope.across_sessions(), list(ids))) < len(ids):
                self.last = None

    def say(
        self, text: str, *, stream: bool = False, config: RunnableConfig | None = None
    ) -> Iterator[Step]:
        """Say something, and yield the steps of the turn.

        What was said is remembered whatever becomes of the reply. If the turn fails, is
        interrupted, or the iterator is closed before its end, the words are kept as ever (as
        evidence if they state something), and `last` is that turn, with an empty answer and what
        the model was shown. A reply that broke off is neither remembered nor shown again.

        The callbacks of a LangChain `config` see the turn as a run.

        Raises:
            InvalidInput: the text is empty.
            ModelUnavailable: the model's server does not answer.
        """
        turn = _Turn(self, text)
        steps = self.agent.run(text, **self._options(turn, stream, config))
        try:
            for step in steps:
                turn.follow(step)
                yield step
                self.saving = isinstance(step, Answered)
        except BaseException as error:
            self.saving = True
            if isinstance(steps, Generator):
                steps.close()  # the model stops now, not when the words are written
            turn.break_off(error)
            raise
        finally:
            self.saving = False

    async def asay(
        self, text: str, *, stream: bool = False, config: RunnableConfig | None = None
    ) -> AsyncGenerator[Step]:
        """Say something in an event loop like `say`; cancelling it reaches the server."""
        turn = _Turn(self, text)
        options = await asyncio.to_thread(self._options, turn, stream, config)
        try:
            async with aclosing(self.agent.arun(text, **options)) as steps:
                async for step in steps:
                    await asyncio.to_thread(turn.follow, step)
                    yield step
        except BaseException as error:
            await asyncio.shield(asyncio.to_thread(turn.break_off, error))
            raise

    def _options(
        self, turn: "_Turn", stream: bool, config: RunnableConfig | None
    ) -> dict[str, Any]:
        recent = self.recent  # drops first what is forgotten
        self._before = self.turns[-1] if self.turns else None
        self.proposal = self.replaced = None
        turn.before = self.last
        return {
            "scope": self.scope,
            "turns": recent,
            "session": tuple(self.turns),
            "show_turns": self.show_turns,
            "chat": True,
            "course": turn.course,
            "stream": stream,
            "config": config,
        }

    def propose(self, answer: Answer, before: Answer | None) -> None:
        """Look for what a saved turn corrects, and replace it where that needs no asking."""
        self.proposal = self._watch.find(answer, self._before, before, self.scope)
        if self.proposal is not None and self.corrections == "apply":
            try:
                self.replaced = self.replace()
            except InvalidInput as error:  # forgotten meanwhile, or there is too much feedback
                logger.warning("a correction is not applied: %s", error)

    def replace(self) -> Record:
        """Put what the last turn says in the place of the memory that it corrects (`proposal`).

        The memory stays as superseded, and the lesson that is returned takes its place, as with
        `correct`; `memory.changes.undo` takes it back.

        Raises:
            InvalidInput: nothing is proposed, or one of the two is forgotten meanwhile.
        """
        if self.proposal is None:
            raise InvalidInput("there is nothing to replace: the last turn corrects no memory")
        proposal, self.proposal = self.proposal, None
        self.agent.rate_limit.take(self.scope)
        return replace_record(self.memory, proposal, self._before, scope=self.scope)

    def keep(self, text: str, answer: Answer) -> None:
        """Keep a turn that was saved, unless its reply was not."""
        memory = self.agent.memory
        found = memory.get(answer.turn, scope=self.scope) if memory else ()
        if not answer.cut and (memory is None or len(found) == 1 + bool(answer.answer)):
            said, replied = (text, answer.answer) if memory is None else _stored(found)
            seqs = [record.seq for record in found]
            self.turns.append(PastTurn(said, replied, seqs))

    def judge(self, verdict: Verdict, why: str | None = None) -> int:
        """Say that the last answer was good or bad; return how many memories this counts for.

        Raises:
            InvalidInput: nothing was answered yet, the reply broke off and so cannot be good, or
                the verdict is neither.
        """
        answer = self._answered()
        if verdict == "good" and not answer.answer:
            raise InvalidInput("the last reply broke off: it cannot be good")
        return self.agent.feedback(answer, verdict=verdict, scope=self.scope, why=why).judged

    def correct(self, right: str, *, ask: bool = False) -> Record:
        """Say what is right: it is remembered as the user's words, and found by the question.

        It takes the place of a memory that says otherwise. With `ask`, one that is not much like it
        is kept, and proposed: `replace` takes its place.

        Raises:
            InvalidInput: nothing was answered yet, or the text is empty.
        """
        self.proposal = self.replaced = None
        found = self._unlike(right) if ask else None
        lesson = self._lesson(correction=right, replaces=found is None)
        if found is not None:
            record, likeness = found
            self.proposal = Correction(record=record, statement=lesson, score=likeness)
        return lesson

    def _unlike(self, right: str) -> tuple[Record, float] | None:
        """Return the memory that a correction would replace though it is not much like it."""
        answer = self._answered()
        check(NewRecord(text=right))
        request = FeedbackRequest(
            question=answer.question,
            answer=answer.answer,
            text=right,
            kind="correction",
            scope=self.scope,
            memories=tuple(answer.memories),
        )
        found = replaced_by(self.memory, request)
        return None if found is None or found[1] >= ALIKE else found

    def hint(self, words: str) -> Record:
        """Say what to think of the next time the question comes.

        Raises:
            InvalidInput: nothing was answered yet, or the text is empty.
        """
        return self._lesson(hint=words)

    def _lesson(
        self, *, correction: str | None = None, hint: str | None = None, replaces: bool = True
    ) -> Record:
        reflected = self.agent.feedback(
            self._answered(),
            correction=correction,
            hint=hint,
            scope=self.scope,
            replaces=replaces,
        )
        assert reflected.lesson is not None
        return reflected.lesson

    def _answered(self) -> Answer:
        self.drop_forgotten()
        if self.last is None:
            raise InvalidInput("there is no answer yet")
        return self.last


def _stored(records: Sequence[Record]) -> tuple[str, str]:
    """Return a turn as (said, replied) in the words that were stored: without its secrets."""
    texts = [record.text for record in records]
    return texts[0], texts[1] if len(texts) > 1 else ""


def past_turns(memory: Memory, scope: Scope) -> list[PastTurn]:
    """Return the last turns of a session, oldest first, as (said, replied)."""
    records = [one for one in memory.list(scope=scope, limit=RESUMED) if "role" in one.metadata]
    return [
        PastTurn(said.text, replied.text, (said.seq, replied.seq))
        for said, replied in pairwise(reversed(records))
        if (said.metadata["role"], replied.metadata["role"]) == ("user", "assistant")
    ]


class _Turn:
    """Turn of a conversation in the making: what was said, and what became of it so far."""

    def __init__(self, conversation: Conversation, text: str) -> None:
        self.course = Course()
        self._conversation, self._text = conversation, text
        self._answer = Answer(
            answer="", recollection=Recollection(), question=text, scope=conversation.scope
        )
        self.before: Answer | None = None
        """Last answer before the turn."""
        self._begun = self._saved = False

    def follow(self, step: Step) -> None:
        """Take a step over: the turn, once it is answered, and its records, once it is saved."""
        talk = self._conversation
        self._begun, self._saved = True, isinstance(step, Saved)
        if isinstance(step, Answered):
            talk.turns.append(PastTurn(self._text, step.answer.answer))
        if isinstance(step, Saved):
            self._drop()
            talk.keep(self._text, step.answer)
        if isinstance(step, Answered | Saved):
            talk.last = self._answer = step.answer
        if isinstance(step, Saved) and talk.corrections != "off":
            talk.propose(step.answer, self.before)

    def break_off(self, error: BaseException) -> None:
        """Remember what was said in a turn that broke off, unless that was refused or is saved."""
        refused = isinstance(error, InvalidInput) and not self._begun
        if self._saved or refused or isinstance(error, StoreError):
            return
        answer, talk = self._answer, self._conversation
        if isinstance(error, NoAnswer) and error.answer is not None:
            answer = error.answer
        if answer.answer:
            self._drop()
        else:
            answer = replace(answer, recollection=self.course.parts.recollection)
        try:
            answer = remember(
                talk.agent.memory,
                self._text,
                answer,
                self.course.steps,
                talk.scope,
                self.course.origin,
                chat=True,
            )
        except UserError as failure:
            logger.info("what was said in a turn that broke off is not remembered: %s", failure)
        if answer.answer:
            talk.keep(self._text, answer)
        talk.last = answer

    def _drop(self) -> None:
        """Drop the turn as it was answered; it need not be the last one."""
        turns, said = self._conversation.turns, (self._text, self._answer.answer)
        for place in [place for place, turn in enumerate(turns) if turn == said][-1:]:
            del turns[place]  # none if another session was resumed meanwhile
