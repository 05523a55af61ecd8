"""The agent: a chat model with a memory and tools, for threads, event loops and chains."""

from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

from langchain_core.runnables import Runnable, RunnableConfig

from memagent.agent.steps import Answered, TextChunk, Step, Saved
from memagent.agent.teaching import FEEDBACK, Teaching
from memagent.agent.turn import ModelRequest, RecallRequest, Request, Plan, ToolRequest, SaveRequest, turn
from memagent.errors import ContextTooLong, InvalidInput
from memagent.feedback.rate_limit import RateLimit
from memagent.memory.memory import Memory
from memagent.prompts import ASSISTANT
from memagent.recall.multi_hop import MAX_HOPS
from memagent.tools.execute import TIMEOUT
from memagent.types import Answer, Examples, Scope

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.tools import BaseTool

REQUESTS = (RecallRequest, ModelRequest, ToolRequest, SaveRequest)


class Agent(Teaching, Runnable[Any, Any]):
    """A chat model with a memory.

    `model` is what `open_chat` takes, or a function that returns a chat model; it is opened at the
    first question, or by `open`. With `memory` None, or with nothing found, the model gets exactly
    what it would get without a memory. `learned_scope` is the scope whose rationales advise the
    search (the asker's own if None). `examples` are worked examples, shown before every question,
    or a function that chooses them for a question and the evidence shown with it. `tools` are used
    at most `max_steps` times a turn, each for at most `tool_timeout` seconds. `max_hops` bounds how
    often the memory is looked into for one question, each time with what was found before; 1 is
    never again. With `expand`, a note that is not enough is looked behind. `rate_limit` bounds how
    much feedback is taken of one user.

    As a `Runnable` it takes a question, or a mapping with `question` and the options of `ask`;
    whose memory it is, is `scope`, or in the config: `{"configurable": {"user": ..., "session":
    ...}}`.
    """

    def __init__(
        self,
        *,
        memory: Memory | None,
        model: "str | BaseChatModel | Callable[[], BaseChatModel]" = "local",
        instructions: str = ASSISTANT,
        k: int = 5,
        learned_scope: Scope | None = None,
        examples: Examples = (),
        max_hops: int = MAX_HOPS,
        expand: bool = True,
        tools: "Sequence[BaseTool]" = (),
        max_steps: int = 8,
        tool_timeout: float = TIMEOUT,
        scope: Scope | None = None,
        rate_limit: RateLimit | None = None,
    ) -> None:
        self.memory = memory
        self.instructions = instructions
        self.k = k
        self.learned_scope = learned_scope
        self.examples = examples
        self.max_hops = max_hops
        self.expand = expand
        self.tools = {tool.name: tool for tool in tools}
        self.max_steps = max_steps
        self.tool_timeout = tool_timeout
        self.scope = scope
        self.rate_limit = rate_limit or RateLimit(FEEDBACK)
        self._model = model
        self._chat: BaseChatModel | None = None
        self._opening = Lock()

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
        steps = self.run(question, scope=scope, remember=remember, evidence=evidence, turns=turns)
        return _last([step for step in steps if isinstance(step, Answered | Saved)])

    async def aask(self, question: str, *, scope: Scope, **options: Any) -> Answer:
        """Answer one question like `ask`, of which it takes the options."""
        steps = self.arun(question, scope=scope, **options)
        return _last([step async for step in steps if isinstance(step, Answered | Saved)])

    def run(
        self, question: str, *, scope: Scope, stream: bool = False, **options: Any
    ) -> Iterator[Step]:
        """Answer one question step by step; with `stream`, the answer comes in pieces.

        The options are those of `ask`. Where the model's context is too small, memories are left
        out, then past turns, and the answer says how many. Given `evidence` is shown whole or not.
        """
        course = turn(self._plan(question, options))
        step = next(course, None)
        while step is not None:
            if not isinstance(step, REQUESTS):
                yield step
                step = next(course, None)
                continue
            try:
                outcome = yield from self._done(step, question, scope, stream)
            except ContextTooLong as error:
                step = course.throw(error)
            else:
                step = _send(course, outcome)

    async def arun(
        self, question: str, *, scope: Scope, stream: bool = False, **options: Any
    ) -> AsyncIterator[Step]:
        """Answer one question step by step, like `run`; cancelling it reaches the server."""
        course = turn(self._plan(question, options))
        step = next(course, None)
        while step is not None:
            if not isinstance(step, REQUESTS):
                yield step
                step = next(course, None)
                continue
            try:
                outcome: Any = None
                async for said in self._adone(step, question, scope, stream):
                    if isinstance(said, TextChunk):
                        yield said
                    else:
                        outcome = said
            except ContextTooLong as error:
                step = course.throw(error)
            else:
                step = _send(course, outcome)

    def use(self, model: "str | BaseChatModel") -> None:
        """Use another model from now on; it is opened at the next question."""
        self._model, self._chat = model, None

    @property
    def model_name(self) -> str:
        """What the model is called."""
        if isinstance(self._model, str):
            return self._model
        opened = self._chat if callable(self._model) else self._model
        return str(getattr(opened, "model_name", type(opened).__name__)) if opened else "not open"

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Answer:
        """Answer a question, as a step of a chain."""
        return cast(Answer, self._call_with_config(self._invoked, input, config, **kwargs))

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Answer:
        """Answer a question, as a step of an asynchronous chain."""
        return cast(Answer, await self._acall_with_config(self._ainvoked, input, config, **kwargs))

    def stream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[Step]:
        """Yield the steps of a turn as they happen, the answer in pieces."""
        return self.run(**self._asked(input, config), stream=True, **kwargs)

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Step]:
        """Yield the steps of a turn as they happen, the answer in pieces."""
        async for step in self.arun(**self._asked(input, config), stream=True, **kwargs):
            yield step

    def _invoked(self, input: Any, run_manager: Any, config: RunnableConfig) -> Answer:
        return self.ask(**self._asked(input, config))

    async def _ainvoked(self, input: Any, run_manager: Any, config: RunnableConfig) -> Answer:
        return await self.aask(**self._asked(input, config))

    def _asked(self, input: Any, config: RunnableConfig | None) -> dict[str, Any]:
        """Return the arguments of `ask` that a chain's input and config stand for."""
        asked = dict(input) if isinstance(input, Mapping) else {"question": input}
        named = (config or {}).get("configurable", {})
        own = {part: named[part] for part in ("user", "agent", "session") if part in named}
        if own:
            asked["scope"] = replace(self.scope, **own) if self.scope else Scope(**own)
        elif "scope" not in asked:
            if self.scope is None:
                raise InvalidInput(
                    "whose memory? give the agent a scope, or a `user` in the config"
                )
            asked["scope"] = self.scope
        return asked

    def _plan(self, question: str, options: Mapping[str, Any]) -> Plan:
        if not question.strip():
            raise InvalidInput("the question is empty")
        return Plan(
            question=question,
            instructions=self.instructions,
            examples=self.examples,
            tools=tuple(self.tools.values()),
            max_steps=self.max_steps if self.tools else 0,
            **options,
        )


def _send(course: Generator[Step | Request, Any, None], outcome: Any) -> Step | Request | None:
    """Send the outcome of a need into a turn, and return what comes next, None at its end."""
    try:
        return course.send(outcome)
    except StopIteration:
        return None


def _last(steps: Sequence[Answered | Saved]) -> Answer:
    return steps[-1].answer
