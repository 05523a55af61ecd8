"""What a turn needs done, done: recall, ask the model, use a tool, write the turn down."""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from contextlib import aclosing, closing, contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

from memagent.agent import tool_calling
from memagent.agent.record_turn import remember
from memagent.agent.steps import Said
from memagent.agent.turn import Ask, Look, Need, Use, Write
from memagent.errors import ContextTooLong, ModelUnavailable
from memagent.memory.memory import Memory
from memagent.models import open_chat, replies
from memagent.models.context_window import ContextWindow
from memagent.tools.execute import Observation, arun_tool, run_tool
from memagent.types import Call, Recollection, Scope

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.tools import BaseTool


class Doing:
    """What an agent can do for a turn; `Agent` says with what."""

    memory: Memory | None
    k: int
    learned_scope: Scope | None
    max_hops: int
    expand: bool
    tools: "Mapping[str, BaseTool]"
    tool_timeout: float
    _model: "str | BaseChatModel | Callable[[], BaseChatModel]"
    _chat: "BaseChatModel | None"
    _opening: Lock
    window: ContextWindow
    """What the opened model's context has room for."""

    def _done(
        self, need: Need, question: str, scope: Scope, stream: bool
    ) -> Generator[Said, None, Any]:
        """Do what a turn needs next; yield the pieces of an answer, and return the outcome."""
        if not isinstance(need, Ask):
            return self._at_once(need, question, scope)
        chat = self.open()
        if not need.last:
            self.window.check(need.messages, need.tools)
        with self._learning(need) as told:
            if need.tools:
                decision = tool_calling.act(chat, need.messages, need.tools)
                if isinstance(decision, tool_calling.Text):
                    yield Said(decision.text)
            else:
                decision = yield from self._replied(chat, need, stream)
            told(decision.call)
        return decision

    def _replied(
        self, chat: "BaseChatModel", need: Ask, stream: bool
    ) -> Generator[Said, None, tool_calling.Text]:
        pieces, call = [], Call()
        try:
            with closing(replies.reply(chat, need.messages, stream=stream)) as told:
                for text, measured in told:
                    call = measured or call
                    if text:
                        pieces.append(text)
                        yield Said(text)
        except ContextTooLong as error:
            if not pieces:
                raise
            raise ModelUnavailable(f"the answer broke off: {error}") from error
        return tool_calling.Text(text="".join(pieces), call=call)

    async def _adone(
        self, need: Need, question: str, scope: Scope, stream: bool
    ) -> AsyncIterator[Said | Any]:
        """Do what a turn needs next; yield the pieces of an answer, and the outcome last."""
        if isinstance(need, Use):
            yield await arun_tool(
                self.tools[need.action.name], need.action.arguments, self.tool_timeout
            )
            return
        if not isinstance(need, Ask):
            yield await asyncio.to_thread(self._at_once, need, question, scope)
            return
        chat = await asyncio.to_thread(self.open)
        if not need.last:
            await asyncio.to_thread(self.window.check, need.messages, need.tools)
        with self._learning(need) as told:
            if need.tools:
                decision = await tool_calling.aact(chat, need.messages, need.tools)
                told(decision.call)
                if isinstance(decision, tool_calling.Text):
                    yield Said(decision.text)
                yield decision
                return
            pieces, call = [], Call()
            try:
                async with aclosing(replies.areply(chat, need.messages, stream=stream)) as said:
                    async for text, measured in said:
                        call = measured or call
                        if text:
                            pieces.append(text)
                            yield Said(text)
            except ContextTooLong as error:
                if not pieces:
                    raise
                raise ModelUnavailable(f"the answer broke off: {error}") from error
            told(call)
            yield tool_calling.Text(text="".join(pieces), call=call)

    @contextmanager
    def _learning(self, need: Ask) -> Iterator[Callable[[Call], None]]:
        """Let what comes of a request tell how many tokens its messages have."""
        window = self.window

        def told(call: Call) -> None:
            window.record(need.messages, need.tools, call.usage.prompt_tokens)

        try:
            yield told
        except ContextTooLong:
            window.overflowed()
            raise

    def _at_once(self, need: Look | Use | Write, question: str, scope: Scope) -> Any:
        if isinstance(need, Look):
            return self._recall(question, scope)
        if isinstance(need, Use):
            return self._use(need)
        return remember(self.memory, question, need.answer, need.steps, scope)

    def _use(self, need: Use) -> Observation:
        return run_tool(self.tools[need.action.name], need.action.arguments, self.tool_timeout)

    def open(self) -> "BaseChatModel":
        """Open the model now rather than at the first question, and return it.

        Raises:
            ModelUnavailable: there is none where it should be.
        """
        with self._opening:
            if self._chat is None:
                model = self._model
                self._chat = model() if callable(model) else open_chat.open_chat(model)
                self.window = ContextWindow(self._chat)
            return self._chat

    def _recall(self, question: str, scope: Scope) -> Recollection:
        if self.memory is None:
            return Recollection()
        wide = scope.across_sessions()
        return self.memory.recall(
            question,
            scope=wide,
            k=self.k,
            learned_scope=self.learned_scope,
            max_hops=self.max_hops,
            expand=self.expand,
        )
