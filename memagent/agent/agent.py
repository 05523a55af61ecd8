"""Agent: a chat model with a memory and tools, for threads, event loops and chains."""

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from langchain_core.runnables import Runnable, RunnableConfig

from memagent.agent import runnable
from memagent.agent.driver import Driver
from memagent.agent.record_turn import Verdict
from memagent.agent.run_turn import arun_turn, run_turn
from memagent.agent.steps import Answered, Saved, Step
from memagent.agent.teaching import FEEDBACK, teach
from memagent.agent.turn import Plan
from memagent.errors import InvalidInput, NoAnswer, shown
from memagent.feedback.rate_limit import RateLimit
from memagent.learning.learn import Learned, LearningOptions, learn
from memagent.learning.problems import Check, Problem
from memagent.learning.rationales import Rationales
from memagent.memory import arguments
from memagent.memory.aio import AsyncMemory, sync_of
from memagent.memory.memory import Memory
from memagent.memory.messages import roles_of
from memagent.prompts import ASSISTANT
from memagent.tools.execute import TIMEOUT
from memagent.types import Answer, Examples, Reflected, Scope, ScopeLike

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.tools import BaseTool


class Agent(Runnable[Any, Any]):
    """A chat model with a memory.

    `model` is what `open_chat` takes, or a function that returns a chat model; it is opened at the
    first question, or by `open`. It is shown at most `k` memories of `tokens` tokens together; None
    leaves it to what the model is known to read well, and to its context. With `memory` None, or an
    empty one, the model gets exactly what it would get without a memory. Where nothing relevant is
    known, the model is told so, or `abstain` is the answer if it is a text. `scope` is whose memory
    it is where a call does not say; the memory's default scope if None. `roles` are whose words are
    recalled, as in `Memory.search`: what users state if None, replies and questions too if "all".
    `learned_scope` is the scope of learned hop directions and rationales (the asker's own if None).
    `examples` are few-shot examples, shown before every question, or a function that chooses them
    for a question and the evidence shown with it. `tools` are used at most `max_steps` times a
    turn, each for at most `tool_timeout` seconds. `expand` replaces notes that do not answer by
    sentences of their sources. `hops` is how often at most the model may name what is missing and
    have that searched for; None lets those that pass a check do so, and never the embedded one.
    With `draft`, what it drafts as an answer is a second query. `profile` are the tokens of lines
    about the user, none if 0. `rate_limit` bounds how much feedback is taken of one user.

    As a `Runnable` it takes a question, or a mapping with `question` and the options of `ask`;
    whose memory it is, is `scope`, or in the config: `{"configurable": {"user": ..., "session":
    ...}}`.

    Raises:
        InvalidInput: a number is out of its range, or a role is unknown.
    """

    def __init__(
        self,
        *,
        memory: Memory | AsyncMemory | None,
        model: "str | BaseChatModel | Callable[[], BaseChatModel]" = "local",
        instructions: str = ASSISTANT,
        k: int | None = None,
        tokens: int | None = None,
        roles: str | Sequence[str] | None = None,
        learned_scope: ScopeLike | None = None,
        examples: Examples = (),
        expand: bool = True,
        hops: int | None = None,
        draft: bool = False,
        abstain: str | None = None,
        profile: int | None = None,
        tools: "Sequence[BaseTool]" = (),
        max_steps: int = 8,
        tool_timeout: float = TIMEOUT,
        scope: ScopeLike | None = None,
        rate_limit: RateLimit | None = None,
    ) -> None:
        roles_of(roles)  # an unknown role is refused now, not at the first question
        self.driver = Driver(
            memory=None if memory is None else sync_of(memory),
            model=model,
            k=None if k is None else arguments.count("k", k),
            tokens=None if tokens is None else arguments.count("tokens", tokens),
            roles=roles,
            learned_scope=None if learned_scope is None else Scope.of(learned_scope),
            expand=expand,
            hops=hops if hops is None else arguments.count("hops", hops, least=0),
            profile=profile if profile is None else arguments.count("profile", profile, least=0),
            tools={tool.name: tool for tool in tools},
            tool_timeout=tool_timeout,
        )
        self.instructions = instructions
        self.examples = examples
        self.draft, self.abstain = draft, abstain
        self.max_steps = max_steps
        self.scope = None if scope is None else Scope.of(scope)
        self.rate_limit = rate_limit or RateLimit(FEEDBACK)

    @property
    def memory(self) -> Memory | None:
        """The memory that the agent recalls from and saves to."""
        return self.driver.memory

    @property
    def model_name(self) -> str:
        """Name of the model, or "not open" where only opening it tells."""
        return self.driver.model_name

    def open(self) -> "BaseChatModel":
        """Open the model now rather than at the first question, and return it.

        Raises:
            ModelUnavailable: there is none where it should be.
        """
        return self.driver.open()

    def use(self, model: "str | BaseChatModel") -> None:
        """Use another model from now on; it is opened at the next question."""
        self.driver.use(model)

    def ask(
        self,
        question: str,
        *,
        scope: ScopeLike | None = None,
        remember: bool = True,
        evidence: Sequence[str] | None = None,
        turns: Sequence[tuple[str, str]] = (),
        show_turns: bool | None = None,
        now: datetime | None = None,
        chat: bool = False,
        config: RunnableConfig | None = None,
    ) -> Answer:
        """Answer one question, and remember the turn unless `remember` is False.

        A question is remembered as asked, and never shown as something that is known. In a `chat`
        the user may state something instead, which is. `evidence` is shown instead of what the
        memory would recall; `turns` are the conversation so far, as (said, replied). They are shown
        to a model that passes a short check, which is made once and kept; with `show_turns` to any,
        and without it to none. `now` is when it is asked, the present if None: only memories that
        held then are shown, and today's date stands beside those with dates, and beside `evidence`
        if given. The callbacks of a LangChain `config` see the turn as a run, with the recall (a
        retriever), the model and the tools within.

        Raises:
            InvalidInput: the question is empty.
            ModelUnavailable: the model's server does not answer.
            NoAnswer: the model's reply holds none, but perhaps reasoning; nothing is remembered.
            ContextTooLong: the question does not fit into the model's context, not even alone.
        """
        options: dict[str, Any] = {"remember": remember, "evidence": evidence}
        options |= {"turns": turns, "show_turns": show_turns, "now": now, "chat": chat}
        if config is not None:
            return runnable.invoke(self, question, config, {"scope": scope, **options})
        steps = self.run(question, scope=scope, **options)
        return _last([step for step in steps if isinstance(step, Answered | Saved)])

    async def aask(
        self,
        question: str,
        *,
        scope: ScopeLike | None = None,
        config: RunnableConfig | None = None,
        **options: Any,
    ) -> Answer:
        """Answer one question like `ask`, of which it takes the options."""
        if config is not None:
            return await runnable.ainvoke(self, question, config, {"scope": scope, **options})
        steps = self.arun(question, scope=scope, **options)
        return _last([step async for step in steps if isinstance(step, Answered | Saved)])

    def run(
        self,
        question: str,
        *,
        scope: ScopeLike | None = None,
        stream: bool = False,
        config: RunnableConfig | None = None,
        **options: Any,
    ) -> Iterator[Step]:
        """Answer one question step by step; with `stream`, the answer comes in pieces.

        The options are those of `ask`. Where the model's context is too small, memories are left
        out, then past turns, and the answer says how many. Given `evidence` is shown whole or not.
        A turn closed before its end is not remembered; `Conversation.say` keeps what was said.
        """
        if config is None:
            whose = self._scope(scope)
            yield from run_turn(self.driver, self._plan(question, whose, options), whose, stream)
        else:
            asked = {"scope": scope, "stream": stream, **options}
            yield from runnable.stream(self, question, config, asked)

    async def arun(
        self,
        question: str,
        *,
        scope: ScopeLike | None = None,
        stream: bool = False,
        config: RunnableConfig | None = None,
        **options: Any,
    ) -> AsyncGenerator[Step]:
        """Answer one question step by step, like `run`; cancelling it reaches the server."""
        if config is None:
            whose = self._scope(scope)
            turn = arun_turn(self.driver, self._plan(question, whose, options), whose, stream)
        else:
            asked = {"scope": scope, "stream": stream, **options}
            turn = runnable.astream(self, question, config, asked)
        async with aclosing(turn) as steps:
            async for step in steps:
                yield step

    def feedback(
        self,
        answer: Answer,
        *,
        scope: ScopeLike | None = None,
        verdict: Verdict | None = None,
        correction: str | None = None,
        hint: str | None = None,
        who: str | None = None,
        why: str | None = None,
        check: bool = False,
        write: bool = False,
        replaces: bool = True,
    ) -> Reflected:
        """Say of an answer that it was "good" or "bad", what would have been right, or a hint.

        A verdict counts for or against the memories that were shown. A correction or a hint becomes
        a lesson in the scope that was asked in, found when the question comes again; `who` gave it,
        if that is not the user: a source that gains or loses trust by what comes of it. With
        `check` the question is asked again, and others near to it, and a change that does not mend,
        or breaks, is undone. With `write` the model may put the lesson in words. A
        correction takes the place of a memory that says otherwise, but with `replaces` False.

        Raises:
            InvalidInput: the agent has no memory, the verdict is neither, the words are empty, or
                there is more feedback than the agent takes (`rate_limit`).
        """
        if not isinstance(answer, Answer):
            raise InvalidInput(f"answer: what `ask` returned is wanted, not {shown(answer)}")
        whose = self._scope(scope or answer.scope)

        def again(question: str, evidence: Sequence[str] | None = None) -> Answer:
            try:
                return self.ask(question, scope=whose, remember=False, evidence=evidence)
            except NoAnswer as error:
                return cast(Answer, error.answer)

        return teach(
            self.driver,
            self.rate_limit,
            answer,
            whose,
            verdict=verdict,
            correction=correction,
            hint=hint,
            who=who,
            why=why,
            again=again if check else None,
            write=write,
            replaces=replaces,
        )

    async def afeedback(
        self, answer: Answer, *, scope: ScopeLike | None = None, **options: Any
    ) -> Reflected:
        """Give feedback like `feedback`, of which it takes the options, in a thread."""
        return await asyncio.to_thread(self.feedback, answer, scope=scope, **options)

    def learn(
        self,
        problems: Iterable[Problem],
        check: Check | None = None,
        *,
        scope: ScopeLike | None = None,
        how: LearningOptions | None = None,
        progress: Callable[[int, int], None] = lambda done, kept: None,
    ) -> Learned:
        """Solve problems several times each, and remember the solutions that `check` finds right.

        They go into `scope`, the agent's `learned_scope` if None. Without a check an answer is kept
        that most samples agree on. Problems that were learnt from before are skipped.

        Raises:
            InvalidInput: the agent has no memory, or there is no scope.
            ModelUnavailable: the model's server does not answer; what was learnt is kept.
        """
        if self.memory is None:
            raise InvalidInput("to learn takes a memory, and a scope to keep rationales in")
        rationales = Rationales(self.memory, self._scope(scope or self.driver.learned_scope))
        return learn(
            self.open(),
            rationales,
            list(problems),
            check,
            how or LearningOptions(),
            examples=self.examples,
            progress=progress,
        )

    async def alearn(
        self, problems: Iterable[Problem], check: Check | None = None, **options: Any
    ) -> Learned:
        """Learn like `learn`, of which it takes the options, in a thread.

        Cancelling it leaves the thread to finish.
        """
        return await asyncio.to_thread(self.learn, problems, check, **options)

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Answer:
        """Answer a question, as a step of a chain."""
        return runnable.invoke(self, input, config, kwargs)

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Answer:
        """Answer a question, as a step of an asynchronous chain."""
        return await runnable.ainvoke(self, input, config, kwargs)

    def stream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[Step]:
        """Yield the steps of a turn as they happen, the answer in pieces."""
        return runnable.stream(self, input, config, kwargs)

    def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Step]:
        """Yield the steps of a turn as they happen, the answer in pieces.

        `astream_events` reports them as LangChain's events, with those of the model, the tools and
        the recall (a retriever) within.
        """
        return runnable.astream(self, input, config, kwargs)

    @property
    def default_scope(self) -> Scope | None:
        """Whose memory it is where a call does not say."""
        return self.scope or (self.memory.default_scope if self.memory else None)

    def _scope(self, scope: ScopeLike | None) -> Scope:
        if scope is not None:
            return Scope.of(scope)
        if self.default_scope is None:
            raise InvalidInput("whose memory? give the agent a scope, or a `user` in the config")
        return self.default_scope

    def _plan(self, question: str, scope: Scope, options: Mapping[str, Any]) -> Plan:
        if not isinstance(question, str) or not question.strip():
            raise InvalidInput("the question is empty")
        return Plan(
            question=question,
            scope=scope,
            instructions=self.instructions,
            examples=self.examples,
            tools=tuple(self.driver.tools.values()),
            max_steps=self.max_steps if self.driver.tools else 0,
            hops=self.driver.hops,
            draft=self.draft,
            abstain=self.abstain,
            **options,
        )


def _last(steps: Sequence[Answered | Saved]) -> Answer:
    return steps[-1].answer
