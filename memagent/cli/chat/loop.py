"""Loop of the chat: reads lines, runs commands, and prints answers as they come."""

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from memagent.agent.conversation import Conversation
from memagent.agent.steps import Answered, Recalled, Step, TextChunk, ToolCalled, ToolReturned
from memagent.cli.chat.commands import is_command, run_command
from memagent.cli.chat.corrections import Proposals
from memagent.cli.chat.terminal_state import interruptible, no_echo
from memagent.cli.chat.waiting import Waiting
from memagent.cli.chat.word_wrap import WordWrap
from memagent.cli.output import counted, notice, terminal_width
from memagent.errors import UserError
from memagent.terminal import plain, plain_line, say, say_data, say_text
from memagent.types import Answer

LEAVE = ("/quit", "/exit")
NOT_OPEN = "not open"
"""Name of a model that is still being opened."""


def converse(conversation: Conversation, read: Callable[[], Iterator[str]]) -> None:
    """Answer every line that `read` yields until one says /quit; answers go to stdout as they come.

    Ctrl-C stops an answer: what was said is remembered, the answer is not. A line that begins with
    a space, or with a path (`/home/...`), is no command.
    """
    proposals = Proposals(conversation)
    try:
        for line in read():
            if line.strip() in LEAVE:
                break
            if line.strip() and not proposals.settle(line.strip()):
                _respond(conversation, line)
                proposals.offer()
    except KeyboardInterrupt:
        say()


def status(answer: Answer | None, model: str) -> str:
    """Return the quiet line under the prompt: the model, memories used, tokens a second."""
    model = "the model is loading" if model == NOT_OPEN else model
    if answer is None:
        return model
    spent, tokens = answer.timings.model - answer.timings.waited, answer.usage.completion_tokens
    speed = f"{tokens / spent:.0f} tokens/s" if spent and tokens else ""
    parts = (model, counted(len(answer.memories), "memory"), speed, answer.left_out)
    return " · ".join(part for part in parts if part)


def _respond(conversation: Conversation, line: str) -> None:
    before = conversation.last
    try:
        with interruptible(lambda: conversation.saving):
            if is_command(line):
                for shown in run_command(conversation, line.strip()):
                    _say_wrapped(shown)
            else:
                _answer(conversation, line.strip())
    except UserError as error:
        notice(str(error))
        if _is_kept(conversation, before):
            notice("what you said is remembered")
    except KeyboardInterrupt:
        kept = _is_kept(conversation, before)
        notice("stopped: what you said is remembered, the reply is not" if kept else "stopped")


def _say_wrapped(line: str) -> None:
    """Print a line of a command: in a pipe as it is, at a terminal broken between words."""
    if terminal_width() is None:
        say_data(line)
        return
    wrap = WordWrap(terminal_width)
    say_text(wrap.feed(plain_line(line)) + wrap.end())


def _is_kept(conversation: Conversation, before: Answer | None) -> bool:
    """Tell whether a turn broke off of which the words are kept, but no reply."""
    last = conversation.last
    return last is not None and last is not before and not last.answer and bool(last.turn)


def _answer(conversation: Conversation, said: str) -> None:
    reply = _Reply()
    loading = conversation.agent.model_name == NOT_OPEN
    with no_echo(), reply:
        reply.waiting.show("loading the model" if loading else "recalling")
        for step in conversation.say(said, stream=True):
            reply.show(step)


def _is_answer(shown: str, answer: Answer) -> bool:
    """Tell whether the pieces shown are the answer; of one that was cut, they hold more."""
    shown = shown.strip()
    return shown.startswith(answer.answer) if answer.cut else shown == answer.answer


class _Reply:
    """Reply on the screen: a sign while it is awaited, then its words, wrapped at a terminal."""

    def __init__(self) -> None:
        self.waiting = Waiting()
        self._wrap = WordWrap(terminal_width)
        self._text = ""
        self._open = False

    def show(self, step: Step) -> None:
        """Print what a step adds."""
        if isinstance(step, Recalled):
            self.waiting.show("thinking")
        elif isinstance(step, TextChunk):
            self.waiting.pause()
            self._text += step.text
            self._open = True
            say_text(self._wrap.feed(plain(step.text)), end="", flush=True)
        elif isinstance(step, ToolCalled | ToolReturned):
            self.waiting.pause()
            notice(step.line())
            self.waiting.show("thinking")
        elif isinstance(step, Answered):
            self._finish(step.answer)

    def _finish(self, answer: Answer) -> None:
        self.end()
        if not _is_answer(self._text, answer):
            notice("above is what the model thought; it answers:")
            say_text(self._wrap.feed(plain(answer.answer)) + self._wrap.end())
        for note in filter(None, (answer.cut, answer.left_out)):
            notice(note)

    def end(self) -> None:
        """Print what is held back of the reply, and end its line."""
        self.waiting.pause()
        if self._open:
            say_text(self._wrap.end(), flush=True)
            self._open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.end()
