"""Turn: a generator of steps, and of requests that whoever runs it answers.

The same sequence serves a thread and an event loop, and a test without either.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

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
from memagent.errors import ContextTooLong, NoAnswer
from memagent.prompts import ASSISTANT, render
from memagent.recall.rules.questions import is_personal
from memagent.records import require_whole
from memagent.tools.execute import Observation, Repeats
from memagent.types import (
    Answer,
    Call,
    Example,
    Examples,
    Hit,
    PastTurn,
    Recollection,
    Scope,
    Timings,
    Usage,
)

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage
    from langchain_core.tools import BaseTool


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptParts:
    """Parts of a prompt that are trimmed to the context window: memories, then past turns."""

    recollection: Recollection
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
                remaining=self.recollection.remaining if kept else None,
            )
            return replace(self, recollection=less)
        if self.turns:
            return replace(self, turns=self.turns[(len(self.turns) + 1) // 2 :])
        return None


def _rank(hit: Hit) -> tuple[bool, float, float]:
    """Return what hits are compared by: not passed by, score, and of equal ones the later look."""
    return "passed" not in hit.why, hit.score, hit.why.get("hop", 1.0)


@dataclass(slots=True)
class Origin:
    """Records (by `seq`) whose words stood in the prompts that a reply was written from.

    `written` are those that its tools wrote, each with what was shown before.
    """

    shown: set[int] = field(default_factory=set)
    written: dict[int, frozenset[int]] = field(default_factory=dict)

    def show(
        self,
        recollection: Recollection,
        turns: Sequence[tuple[str, str]] = (),
        examples: Sequence[Example] = (),
    ) -> None:
        """Take the parts of a prompt over: memories, past turns and few-shot examples."""
        self.shown |= {hit.record.seq for hit in recollection.hits}
        for turn in turns:
            self.shown |= set(turn.records) if isinstance(turn, PastTurn) else set()
        self.shown |= {example.record for example in examples if example.record is not None}

    def observe(self, seen: Observation) -> None:
        """Take the result of a tool over: what it told of, and what it wrote."""
        self.written |= dict.fromkeys(seen.written, frozenset(self.shown))
        self.shown |= seen.read | seen.written


@dataclass(frozen=True, slots=True)
class RecallRequest:
    """To be done: recall what to show for the question; the outcome is a `Recollection`."""


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """To be done: open the model, which may name the marks of its template; without an outcome.

    It comes before the first prompt is written, as those marks are broken up in it.
    """


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """To be done: ask the model for its next step; the outcome is a `Decision`.

    `last` says that nothing is left to leave out: then it is asked, whether that seems to fit or
    not.
    """

    messages: "list[BaseMessage]"
    tools: "Sequence[BaseTool]"
    last: bool = False


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """To be done: use a tool; the outcome is an `Observation`."""

    action: Action


@dataclass(frozen=True, slots=True)
class SaveRequest:
    """To be done: remember the turn; the outcome is the answer with what it was written as.

    `origin` holds what stood in its prompts. In a `chat` the user may have stated something.
    Without `turn`, only what its tools wrote is linked to that.
    """

    answer: Answer
    steps: Sequence[dict[str, Any]]
    origin: Origin
    chat: bool = False
    turn: bool = True


Request = RecallRequest | OpenRequest | ModelRequest | ToolRequest | SaveRequest
UNKNOWN = "I don't know: nothing that I remember says so."
"""The answer to a question about who asks it, if there is a memory and it knows nothing of that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Inputs of a turn: the question, the prompt's parts, and the bounds.

    `evidence` is shown instead of what would be recalled; `turns` are past ones as (said, replied).
    In a `chat` the question may be a statement.

    Raises:
        InvalidInput: one of them holds half of a character.
    """

    question: str
    scope: Scope | None = None
    instructions: str = ASSISTANT
    examples: Examples = ()
    turns: Sequence[tuple[str, str]] = ()
    evidence: Sequence[str] | None = None
    tools: "Sequence[BaseTool]" = ()
    max_steps: int = 8
    remember: bool = True
    chat: bool = False

    def __post_init__(self) -> None:
        require_whole("the question", self.question)
        for text in (*chain.from_iterable(self.turns), *(self.evidence or ())):
            require_whole("a past turn or a piece of evidence", text)


@dataclass(slots=True)
class _Course:
    """State of a turn: what is shown, what was said, and what it cost so far."""

    parts: PromptParts
    exchange: "list[BaseMessage]" = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    repeats: Repeats = field(default_factory=Repeats)
    origin: Origin = field(default_factory=Origin)


def turn(plan: Plan) -> Generator[Step | Request, Any, None]:
    """Yield the steps of a turn as they happen, and in between what needs to be done for the next.

    The outcome of a need is sent back in; `ContextTooLong` is thrown in, and answered by leaving
    out memories (the worst half at a time), then past turns, never the question. After `max_steps`
    uses of tools the model has to answer; the third identical use is stopped.

    Raises:
        ContextTooLong: nothing is left to leave out.
        NoAnswer: the model's reply holds none.
    """
    recollection = (yield RecallRequest()) if plan.evidence is None else Recollection()
    yield Recalled(recollection)
    if recollection.candidates and not recollection.hits and is_personal(plan.question):
        yield TextChunk(UNKNOWN)
        yield from _ended(plan, _known(plan, UNKNOWN, recollection))
        return
    denial = next((hit.record.text for hit in recollection.hits if "denial" in hit.why), None)
    if denial is not None:  # a weak model that is shown one answers all the same
        yield TextChunk(denial)
        yield from _ended(plan, _known(plan, denial, recollection))
        return
    course = _Course(PromptParts(recollection=recollection, turns=tuple(plan.turns)))
    yield OpenRequest()
    for number in range(plan.max_steps + 1):
        decision = yield from _decided(plan, course, plan.tools if number < plan.max_steps else ())
        course.calls.append(decision.call)
        if isinstance(decision, Mistake):
            yield _noted(course, InvalidCall(decision.text, decision.reason))
            course.exchange += observed(decision)
        elif isinstance(decision, Action):
            yield _noted(course, ToolCalled(decision.name, decision.arguments))
            stopped = course.repeats.stop(decision.name, decision.arguments)
            seen: Observation = stopped or (yield ToolRequest(decision))
            course.origin.observe(seen)
            yield _noted(course, ToolReturned(decision.name, seen.text, seen.error, seen.seconds))
            course.exchange += observed(decision, seen.text)
        else:
            answer = replace(
                _answer(plan, decision.text.strip(), course), reasoning=decision.reasoning
            )
            if not answer.answer:
                raise NoAnswer(decision.reason, answer)
            yield from _ended(plan, answer, course)
            return


def _ended(
    plan: Plan, answer: Answer, course: _Course | None = None
) -> Generator[Step | Request, Any, None]:
    yield Answered(answer)
    steps, origin = (course.steps, course.origin) if course else ([], Origin())
    origin.show(answer.recollection)
    if plan.remember:
        yield Saved((yield SaveRequest(answer, steps, origin, chat=plan.chat)))
    elif origin.written:
        yield SaveRequest(answer, steps, origin, turn=False)


def _decided(
    plan: Plan, course: _Course, tools: "Sequence[BaseTool]"
) -> Generator[ModelRequest, Decision, Decision]:
    while True:
        recollection = course.parts.recollection
        question = recollection.remaining or plan.question
        evidence = recollection.texts if plan.evidence is None else plan.evidence
        chosen = plan.examples
        examples = chosen(question, evidence) if callable(chosen) else chosen
        messages = render(
            question,
            evidence,
            instructions=plan.instructions,
            examples=examples,
            turns=course.parts.turns,
        )
        less = course.parts.trimmed()
        try:
            decision = yield ModelRequest([*messages, *course.exchange], tools, last=less is None)
            course.origin.show(recollection, course.parts.turns, examples)
            return decision
        except ContextTooLong:
            if less is None:
                raise
            course.parts = less


def _noted(course: _Course, step: InvalidCall | ToolCalled | ToolReturned) -> Step:
    course.steps.append(step.trace())
    return step


def _known(plan: Plan, text: str, recollection: Recollection) -> Answer:
    """Return an answer that takes no model."""
    return Answer(answer=text, recollection=recollection, question=plan.question, scope=plan.scope)


def _answer(plan: Plan, text: str, course: _Course) -> Answer:
    recollection, calls = course.parts.recollection, course.calls
    return Answer(
        answer=text,
        recollection=recollection,
        usage=Usage(
            prompt_tokens=sum(call.usage.prompt_tokens for call in calls),
            completion_tokens=sum(call.usage.completion_tokens for call in calls),
            cached_tokens=sum(call.usage.cached_tokens for call in calls),
            requests=sum(call.usage.requests for call in calls),
        ),
        timings=Timings(
            embed=recollection.embed_seconds,
            search=recollection.search_seconds,
            model=sum(call.seconds for call in calls),
            waited=sum(call.waited for call in calls),
            first=calls[0].first,
        ),
        question=plan.question,
        scope=plan.scope,
        turns_left_out=len(plan.turns) - len(course.parts.turns),
    )
