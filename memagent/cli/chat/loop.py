"""Loop of the chat: reads lines, runs commands, and prints answers as they come."""

from collections.abc import Callable, Iterator

from memagent.agent.conversation import Conversation
from memagent.agent.steps import Answered, Step, TextChunk, ToolCalled, ToolReturned
from memagent.cli.chat.commands import run_command
from memagent.errors import UserError
from memagent.terminal import say, say_data, say_text
from memagent.types import Answer

LEAVE = ("/quit", "/exit")


def converse(conversation: Conversation, read: Callable[[], Iterator[str]]) -> None:
    """Answer every line that `read` yields until one says /quit; answers go to stdout as they come.

    Ctrl-C stops an answer; a turn that was cut short is not remembered.
    """
    try:
        for line in read():
            said = line.strip()
            if said in LEAVE:
                break
            if said:
                _respond(conversation, said)
    except KeyboardInterrupt:
        say()


def status(answer: Answer | None, model: str) -> str:
    """Return the quiet line under the prompt: the model, memories used, tokens a second."""
    if answer is None:
        return model
    spent, tokens = answer.timings.model - answer.timings.waited, answer.usage.completion_tokens
    speed = f"{tokens / spent:.0f} tokens/s" if spent and tokens else ""
    parts = (model, f"{len(answer.memories)} memories", speed, answer.left_out)
    return " · ".join(part for part in parts if part)


def _respond(conversation: Conversation, said: str) -> None:
    try:
        if said.startswith("/"):
            for line in run_command(conversation, said):
                say_data(line)
        else:
            shown = ""
            for step in conversation.say(said, stream=True):
                shown += step.text if isinstance(step, TextChunk) else ""
                _show(step)
                if isinstance(step, Answered) and not _is_answer(shown, step.answer):
                    say("memagent: above is what the model thought; it answers:", err=True)
                    say_text(step.answer.answer)
    except UserError as error:
        say(f"memagent: {error}", err=True)
    except KeyboardInterrupt:
        say()
        say("memagent: stopped; this turn is not remembered", err=True)


def _is_answer(shown: str, answer: Answer) -> bool:
    """Tell whether the pieces shown are the answer; of one that was cut, they hold more."""
    shown = shown.strip()
    return shown.startswith(answer.answer) if answer.cut else shown == answer.answer


def _show(step: Step) -> None:
    if isinstance(step, TextChunk):
        say_text(step.text, end="", flush=True)
    elif isinstance(step, ToolCalled | ToolReturned):
        say(f"memagent: {step.line()}", err=True)
    elif isinstance(step, Answered):
        say()
        for note in filter(None, (step.answer.cut, step.answer.left_out)):
            say(f"memagent: {note}", err=True)
