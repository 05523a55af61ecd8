"""Turn: a generator of steps, and of requests that whoever runs it answers.

The same sequence serves a thread and an event loop, and a test without either.
"""

import logging
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

from memagent.agent.adaptation.fresh_reply import heard
from memagent.agent.adaptation.past_turns import context_of
from memagent.agent.hops import recalled
from memagent.agent.requests import (
    ModelRequest,
    OpenRequest,
    Origin,
    PastTurnsRequest,
    Request,
    SaveRequest,
    ToolRequest,
)
from memagent.agent.steps import (
    Answered,
    InvalidCall,
    Recalled,
    Saved,
    Step,
    TextChunk,
    ToolCalled,
    ToolReturned,
)
from memagent.agent.tool_calling import Action, Decision, Mistake, observed
from memagent.errors import ContextTooLong, InvalidInput, NoAnswer, shown
from memagent.memory import arguments
from memagent.prompts import ASSISTANT, SHORT_ANSWER, render
from memagent.records import local_day, require_whole
from memagent.stores.database.filters import check_times
from memagent.tools.execute import Observation, Repeats
from memagent.types import (
    Answer,
    Call,
    Examples,
    Hit,
    Recollection,
    Scope,
    Timings,
    Usage,
)

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage
    from langchain_core.tools import BaseTool

logger = logging.getLogger(__name__)

LAST_CHANCES = 2
"""Requests for an answer without tools, before a model that goes on calling them is given up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptParts:
    """Parts of a prompt that are trimmed to the context window.

    Memories go first, then past turns, then the lines about the user.
    """

    recollection: Recollection = field(default_factory=Recollection)
    turns: tuple[tuple[str, str], ...] = ()

    def trimmed(self) -> "PromptParts | None":
        """Return fewer parts: the better half of the memories, or, without any, the later of the
        turns.

        The order of the memories in time is kept, and `left_out` counts those that went. None says
        that nothing is left to leave out.
        """
        hits = self.recollection.hits
        if hits:
            best = sorted(hits, key=_rank, reverse=True)[: len(hits) // 2]
            kept = tuple(hit for hit in hits if any(hit is one for one in best))
            less = replace(
                self.recollection,
                hits=kept,
                left_out=self.recollection.left_out + len(hits) - len(kept),
            )
            return replace(self, recollection=less)
        if self.turns:
            return replace(self, turns=self.turns[(len(self.turns) + 1) // 2 :])
        if self.recollection.profile:
            return replace(self, recollection=replace(self.recollection, profile=()))
        return None


def _rank(hit: Hit) -> tuple[bool, float, float]:
    """Return what hits are compared by: not passed by, score, and of equal ones the later look."""
    return "passed" not in hit.why, hit.score, hit.why.get("hop", 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Inputs of a turn: the question, the prompt's parts, and the bounds.

    `evidence` is shown instead of what would be recalled; `turns` are past ones as (said, replied).
    With `show_turns` the model sees them, and without none; None asks how it reads them. `session`
    are all turns of the conversation, of which a model that copies its replies repeats no sentence.
    `now` is when it is asked, the present if None; what holds only later is not shown. In a `chat`
    the question may be a statement.
    `hops` are further searches at most (None: as many as the model is trusted with), and `draft`
    searches for a draft of the answer, too. `abstain` is the answer where a memory was searched and
    nothing relevant is known; None asks the model. A turn keeps its state in `course` if one is
    given, so that a caller knows what was shown in a turn that broke off.

    Raises:
        InvalidInput: one of them is of a wrong type or holds half of a character, or `now` is no
            time.
    """

    question: str
    scope: Scope | None = None
    instructions: str = ASSISTANT
    examples: Examples = ()
    turns: Sequence[tuple[str, str]] = ()
    show_turns: bool | None = None
    session: Sequence[tuple[str, str]] = ()
    evidence: Sequence[str] | None = None
    now: datetime | None = None
    tools: "Sequence[BaseTool]" = ()
    max_steps: int = 8
    remember: bool = True
    chat: bool = False
    hops: int | None = 0
    draft: bool = False
    abstain: str | None = None
    course: "Course | None" = None

    def __post_init__(self) -> None:
        if self.evidence is not None:
            arguments.texts("evidence", self.evidence)
        if not isinstance(self.turns, Sequence) or not all(map(_is_pair, self.turns)):
            raise InvalidInput(f"turns: pairs of texts are wanted, not {shown(self.turns)}")
        if not isinstance(self.remember, bool):
            raise InvalidInput(f"remember: true or false is wanted, not {shown(self.remember)}")
        check_times(now=self.now)
        require_whole("the question", self.question)
        for text in (*chain.from_iterable(self.turns), *(self.evidence or ())):
            require_whole("a past turn or a piece of evidence", text)


def _is_pair(pair: object) -> bool:
    return (
        isinstance(pair, tuple | list)
        and len(pair) == 2
        and all(isinstance(text, str) for text in pair)
    )


@dataclass(slots=True)
class Course:
    """State of a turn: what is shown, what was said, and what it cost so far.

    `copies` tells whether the model copies its past replies, and sees none; `offered` counts the
    past turns that were to be shown. `queries` are the calls that asked the model what to search
    for.
    """

    parts: PromptParts = field(default_factory=PromptParts)
    copies: bool = False
    offered: int = 0
    queries: list[Call] = field(default_factory=list)
    exchange: "list[BaseMessage]" = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    repeats: Repeats = field(default_factory=Repeats)
    origin: Origin = field(default_factory=Origin)


def turn(plan: Plan) -> Generator[Step | Request, Any, None]:
    """Yield the steps of a turn as they happen, and in between what needs to be done for the next.

    The outcome of a need is sent back in; `ContextTooLong` is thrown in, and answered by leaving
    out memories (the worst half at a time), then past turns, never the question. After `max_steps`
    uses of tools, or where the same call, error or mistake comes a third time (`Repeats`), the
    model has to answer without them. If it calls one all the same it is asked once more.

    Raises:
        ContextTooLong: nothing is left to leave out.
        NoAnswer: the model's reply holds none, or still calls a tool.
    """
    recollection, course = Recollection(), plan.course or Course()
    auto = plan.show_turns is None
    if auto and (plan.turns or plan.chat):
        course.copies = not (yield PastTurnsRequest(bool(plan.turns)))
    if plan.evidence is None:
        recollection = yield from recalled(
            plan.question,
            as_of=plan.now,
            hops=plan.hops,
            draft=plan.draft,
            give_up=plan.abstain is not None,
            calls=course.queries,
            context=context_of(plan.question, plan.turns) if auto else "",
            focus=course.copies,
        )
    hidden = plan.show_turns is False or (course.copies and recollection.candidates > 0)
    turns = () if hidden else tuple(plan.turns)
    course.parts, course.offered = PromptParts(recollection=recollection, turns=turns), len(turns)
    yield Recalled(recollection)
    if recollection.nothing_relevant and plan.abstain is not None:
        yield TextChunk(plan.abstain)
        yield from _ended(plan, _answer(plan, plan.abstain, course), course)
        return
    yield OpenRequest()
    last_chances = 0
    while True:
        conclude = course.repeats.ended or len(course.calls) >= plan.max_steps
        decision = yield from _decided(plan, course, conclude)
        course.calls.append(decision.call)
        if isinstance(decision, Mistake):
            yield _noted(course, InvalidCall(decision.text, decision.reason))
            last_chances += conclude
            if last_chances == LAST_CHANCES:
                logger.info("given up: the model calls a tool instead of answering")
                raise NoAnswer("it calls a tool instead of answering", _answer(plan, "", course))
            course.repeats.mistake(decision.reason)
            course.exchange += observed(decision)
        elif isinstance(decision, Action):
            yield _noted(course, ToolCalled(decision.name, decision.arguments))
            stopped = course.repeats.stop(decision.name, decision.arguments)
            seen: Observation = stopped or (yield ToolRequest(decision))
            course.repeats.observe(decision.name, seen)
            course.origin.observe(seen)
            yield _noted(course, ToolReturned(decision.name, seen.text, seen.error, seen.seconds))
            course.exchange += observed(decision, seen.text)
        else:
            answer = replace(
                _answer(plan, decision.text.strip(), course),
                reasoning=decision.reasoning,
                cut=decision.cut,
            )
            if not answer.answer:
                raise NoAnswer(decision.reason, answer)
            yield from _ended(plan, answer, course)
            return


def _ended(plan: Plan, answer: Answer, course: Course) -> Generator[Step | Request, Any, None]:
    yield Answered(answer)
    steps, origin = course.steps, course.origin
    origin.show(answer.recollection)
    if plan.remember:
        yield Saved((yield SaveRequest(answer, steps, origin, chat=plan.chat)))
    elif origin.written:
        yield SaveRequest(answer, steps, origin, turn=False)


def _decided(
    plan: Plan, course: Course, conclude: bool
) -> Generator[ModelRequest, Decision, Decision]:
    while True:
        recollection = course.parts.recollection
        question = plan.question
        evidence = recollection.texts if plan.evidence is None else plan.evidence
        past: Sequence[tuple[str, str]] = course.parts.turns
        if course.copies:  # past turns are left only where no memory was searched
            evidence, past = [*(said for said, _ in past), *evidence], ()
        instructions = plan.instructions
        if course.copies and instructions == ASSISTANT:
            instructions = SHORT_ANSWER
        chosen = plan.examples
        examples = chosen(question, evidence) if callable(chosen) else chosen
        messages = render(
            question,
            evidence,
            instructions=instructions,
            examples=examples,
            turns=past,
            today=_today(plan, recollection),
            nothing_relevant=recollection.nothing_relevant,
            profile=[line.text for line in recollection.about_user],
        )
        less = course.parts.trimmed()
        try:
            before = heard(plan.session or plan.turns, question) if course.copies else None
            decision = yield ModelRequest(
                [*messages, *course.exchange],
                plan.tools,
                last=less is None,
                conclude=conclude,
                heard=before,
            )
            course.origin.show(recollection, course.parts.turns, examples)
            return decision
        except ContextTooLong:
            if less is None:
                raise
            course.parts = less


def _today(plan: Plan, recollection: Recollection) -> date | None:
    """Return today's date where it stands beside dates: those of memories, or of a caller's."""
    if recollection.shows_dates:
        return local_day(plan.now or datetime.now(UTC))
    return local_day(plan.now) if plan.evidence and plan.now else None


def _noted(course: Course, step: InvalidCall | ToolCalled | ToolReturned) -> Step:
    course.steps.append(step.trace())
    return step


def _answer(plan: Plan, text: str, course: Course) -> Answer:
    recollection, calls = course.parts.recollection, course.calls
    every = [*course.queries, *calls]
    return Answer(
        answer=text,
        recollection=recollection,
        usage=Usage(
            prompt_tokens=sum(call.usage.prompt_tokens for call in every),
            completion_tokens=sum(call.usage.completion_tokens for call in every),
            cached_tokens=sum(call.usage.cached_tokens for call in every),
            requests=sum(call.usage.requests for call in every),
        ),
        timings=Timings(
            embed=recollection.embed_seconds,
            search=recollection.search_seconds,
            model=sum(call.seconds for call in every),
            waited=sum(call.waited for call in every),
            first=calls[0].first if calls else 0.0,
        ),
        question=plan.question,
        scope=plan.scope,
        turns_left_out=course.offered - len(course.parts.turns),
    )
