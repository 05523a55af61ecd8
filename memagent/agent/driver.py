"""Driver of a turn: recalls, asks the model, runs tools and saves, in a thread or an event loop."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from memagent.agent import hops, tool_calling
from memagent.agent.adaptation import fresh_reply, past_turns
from memagent.agent.adaptation.budget import Budget, budget_of
from memagent.agent.adaptation.tool_choice import chooses_tools
from memagent.agent.record_turn import link_written, remember
from memagent.agent.requests import (
    HopsRequest,
    ModelRequest,
    OpenRequest,
    PastTurnsRequest,
    QueryRequest,
    RecallRequest,
    Request,
    SaveRequest,
    ToolRequest,
)
from memagent.agent.runnable import areported, reported
from memagent.agent.steps import TextChunk
from memagent.errors import ContextTooLong, ModelUnavailable
from memagent.memory.memory import Memory
from memagent.models import open_chat, replies
from memagent.models.context_window import ContextWindow
from memagent.models.open_chat import EMBEDDED
from memagent.text.questions import asks
from memagent.tools.execute import TIMEOUT, arun_tool, run_tool
from memagent.types import Call, ProfileLine, Recollection, Scope
from memagent.urls import masked_url

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.tools import BaseTool

logger = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Driver:
    """Parts that answer the requests of a turn: memory, chat model and tools.

    `model` is what `open_chat` takes, or a function that returns a chat model; it is opened at the
    first request. At most `k` memories with `tokens` tokens are shown, and lines of the user's
    profile with `profile` tokens, none if 0; None leaves it to the model.
    """

    memory: Memory | None
    model: "str | BaseChatModel | Callable[[], BaseChatModel]"
    k: int | None = None
    tokens: int | None = None
    roles: str | Sequence[str] | None = None
    learned_scope: Scope | None = None
    expand: bool = True
    hops: int | None = None
    profile: int | None = None
    tools: "Mapping[str, BaseTool]" = field(default_factory=dict)
    tool_timeout: float = TIMEOUT
    _chat: "BaseChatModel | None" = None
    window: ContextWindow | None = None
    _opening: Lock = field(default_factory=Lock)

    def use(self, model: "str | BaseChatModel") -> None:
        """Use another model from now on; it is opened at the next request."""
        with self._opening:
            self.model, self._chat, self.window = model, None, None

    @property
    def model_name(self) -> str:
        """Name of the model, or "not open" where only opening it tells."""
        if isinstance(self.model, str):
            return masked_url(self.model)
        opened = self._chat if callable(self.model) else self.model
        return str(getattr(opened, "model_name", type(opened).__name__)) if opened else "not open"

    def open(self) -> "BaseChatModel":
        """Open the model if it is not, and return it.

        Raises:
            ModelUnavailable: there is none where it should be.
        """
        return self._opened()[0]

    def budget(self) -> Budget:
        """Return how much the model is shown; it is opened where that follows from the model."""
        other = callable(self.model) or (isinstance(self.model, str) and self.model != EMBEDDED)
        if self.k is not None and self.tokens is not None and self._chat is None and other:
            return Budget(self.k, self.tokens)  # not opened for its dates alone
        chat, window = self._opened()
        context = window.length if self.tokens is None else None
        return budget_of(chat, context, self.k, self.tokens)

    def recall(
        self,
        question: str,
        scope: Scope,
        as_of: datetime | None = None,
        *,
        focus: bool = False,
        stated: bool = False,
    ) -> Recollection:
        """Return what to show the model for a question: nothing without a memory.

        `as_of` is when it was asked: what did not hold then is not shown. None is the present. With
        `focus` only what is nearly as good as the best is shown, and of what is `stated` rather
        than asked only what holds much of it.
        """
        if self.memory is None:
            return Recollection()
        with reported(question) as report:
            recollection = self._found(self.memory, question, scope, as_of, focus, stated)
            report(recollection)
        return recollection

    async def arecall(
        self,
        question: str,
        scope: Scope,
        as_of: datetime | None = None,
        *,
        focus: bool = False,
        stated: bool = False,
    ) -> Recollection:
        """Return what to show the model for a question like `recall`, which runs in a thread."""
        if self.memory is None:
            return Recollection()
        async with areported(question) as report:
            recollection = await asyncio.to_thread(
                self._found, self.memory, question, scope, as_of, focus, stated
            )
            await report(recollection)
        return recollection

    def _found(
        self,
        memory: Memory,
        question: str,
        scope: Scope,
        as_of: datetime | None,
        focus: bool,
        stated: bool,
    ) -> Recollection:
        if memory.engine.store.state(scope.user) is None:
            return Recollection()
        budget = self.budget()
        wide = past_turns.widened(budget) if focus else budget
        recollection = memory.recall(
            question,
            scope=scope.across_sessions(),
            k=wide.k,
            tokens=wide.tokens,
            roles=self.roles,
            learned_scope=self.learned_scope,
            as_of=as_of,
            expand=self.expand,
        )
        if focus:
            recollection = past_turns.focused(recollection, budget, stated=stated)
        return replace(
            recollection,
            hides_dates=not budget.dates,
            profile=self._profile(memory, scope, budget, as_of),
        )

    def _profile(
        self, memory: Memory, scope: Scope, budget: Budget, as_of: datetime | None
    ) -> tuple[ProfileLine, ...]:
        """Return the lines about the user that the model is shown."""
        tokens = budget.profile if self.profile is None else self.profile
        return tuple(
            memory.profile.lines(scope=scope, tokens=tokens, as_of=as_of) if tokens else ()
        )

    def answer(
        self, request: Request, question: str, scope: Scope, stream: bool
    ) -> Generator[TextChunk, None, Any]:
        """Answer a request of a turn; yields pieces of the model's text, returns the outcome."""
        if isinstance(request, QueryRequest):
            return hops.suggest(self.open(), request)
        if not isinstance(request, ModelRequest):
            return self._at_once(request, question, scope)
        chat, window = self._opened()
        if request.tools and not chooses_tools(chat):
            request = replace(request, tools=())
        if not request.last:
            window.check(request.messages, request.offered)
        with _measured(window, request) as measure:
            if request.tools:
                step = tool_calling.conclude if request.conclude else tool_calling.act
                decision = step(chat, request.messages, request.tools)
                if isinstance(decision, tool_calling.Text):
                    yield TextChunk(decision.text)
            else:
                decision = yield from _replied(chat, request, stream)
            measure(decision.call)
        return decision

    async def aanswer(
        self, request: Request, question: str, scope: Scope, stream: bool
    ) -> AsyncGenerator[TextChunk | Any]:
        """Answer a request of a turn; yields pieces of the model's text, and the outcome last."""
        if isinstance(request, ToolRequest):
            tool = self.tools[request.action.name]
            yield await arun_tool(tool, request.action.arguments, self.tool_timeout)
            return
        if isinstance(request, QueryRequest):
            yield await hops.asuggest(await asyncio.to_thread(self.open), request)
            return
        if isinstance(request, RecallRequest):
            recollection = await self.arecall(**_recall_options(request, question, scope))
            yield await asyncio.to_thread(self._joined, request, recollection)
            return
        if not isinstance(request, ModelRequest):
            yield await asyncio.to_thread(self._at_once, request, question, scope)
            return
        chat, window = await asyncio.to_thread(self._opened)
        if request.tools and not await asyncio.to_thread(chooses_tools, chat):
            request = replace(request, tools=())
        if not request.last:
            await asyncio.to_thread(window.check, request.messages, request.offered)
        with _measured(window, request) as measure:
            if request.tools:
                step = tool_calling.aconclude if request.conclude else tool_calling.aact
                decision = await step(chat, request.messages, request.tools)
                measure(decision.call)
                if isinstance(decision, tool_calling.Text):
                    yield TextChunk(decision.text)
                yield decision
                return
            shown = False
            try:
                replied = _areplies(chat, request, stream)
                async with aclosing(replied) as source:
                    async for piece in source:
                        if isinstance(piece, replies.Reply):
                            decision = _text(piece)
                        else:
                            shown = True
                            yield TextChunk(piece)
            except ContextTooLong as error:
                if not shown:
                    raise
                raise ModelUnavailable(f"the answer broke off: {error}") from error
            measure(decision.call)
            yield decision

    def _at_once(
        self,
        request: RecallRequest
        | OpenRequest
        | PastTurnsRequest
        | HopsRequest
        | ToolRequest
        | SaveRequest,
        question: str,
        scope: Scope,
    ) -> Any:
        if isinstance(request, RecallRequest):
            found = self.recall(**_recall_options(request, question, scope))
            return self._joined(request, found)
        if isinstance(request, PastTurnsRequest):
            return past_turns.reads_turns(self.open(), request.any_turns)
        if isinstance(request, HopsRequest):
            return hops.hops_of(self.open()) if self.hops is None else self.hops
        if isinstance(request, OpenRequest):
            self.open()
            return None
        if isinstance(request, ToolRequest):
            tool = self.tools[request.action.name]
            return run_tool(tool, request.action.arguments, self.tool_timeout)
        if self.memory is not None and not request.turn:
            link_written(self.memory, request.origin)
            return request.answer
        return remember(
            self.memory,
            question,
            request.answer,
            request.steps,
            scope,
            request.origin,
            chat=request.chat,
        )

    def _joined(self, request: RecallRequest, found: Recollection) -> Recollection:
        return found if request.query is None else hops.joined(request, found, self.budget())

    def _opened(self) -> "tuple[BaseChatModel, ContextWindow]":
        with self._opening:
            if self._chat is None or self.window is None:
                model = self.model
                self._chat = model() if callable(model) else open_chat.open_chat(model)
                self.window = ContextWindow(self._chat)
                logger.info("opened the chat model %s", self.model_name)
            return self._chat, self.window


def _recall_options(request: RecallRequest, question: str, scope: Scope) -> dict[str, Any]:
    """Return the arguments of `recall` that a request stands for."""
    return {
        "question": request.query or question,
        "scope": scope,
        "as_of": request.as_of,
        "focus": request.focus,
        "stated": request.query is None and not asks(question),
    }


def _replied(
    chat: "BaseChatModel", request: ModelRequest, stream: bool
) -> Generator[TextChunk, None, tool_calling.Text]:
    shown, decision = False, tool_calling.Text(text="")
    try:
        with closing(_replies(chat, request, stream)) as source:
            for piece in source:
                if isinstance(piece, replies.Reply):
                    decision = _text(piece)
                else:
                    shown = True
                    yield TextChunk(piece)
    except ContextTooLong as error:
        if not shown:
            raise
        raise ModelUnavailable(f"the answer broke off: {error}") from error
    return decision


def _replies(
    chat: "BaseChatModel", request: ModelRequest, stream: bool
) -> Generator[replies.Piece, None, None]:
    if request.heard is None:
        return replies.reply(chat, request.messages, stream=stream)
    return fresh_reply.reply(chat, request.messages, request.heard, stream=stream)


def _areplies(
    chat: "BaseChatModel", request: ModelRequest, stream: bool
) -> AsyncGenerator[replies.Piece, None]:
    if request.heard is None:
        return replies.areply(chat, request.messages, stream=stream)
    return fresh_reply.areply(chat, request.messages, request.heard, stream=stream)


def _text(reply: replies.Reply) -> tool_calling.Text:
    return tool_calling.Text(
        text=reply.answer,
        reasoning=reply.reasoning,
        reason=reply.reason,
        cut=reply.cut,
        call=reply.call,
    )


@contextmanager
def _measured(window: ContextWindow, request: ModelRequest) -> Iterator[Callable[[Call], None]]:
    """Let the outcome of a request tell the context window how many tokens its messages have."""

    def measure(call: Call) -> None:
        window.record(request.messages, request.offered, call.usage.prompt_tokens)

    try:
        yield measure
    except ContextTooLong:
        window.overflowed()
        raise
