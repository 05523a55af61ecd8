"""A conversation at the terminal, remembered across runs."""

import sys
from collections.abc import Callable, Iterator

from memagent import commands
from memagent.agent.conversation import Conversation
from memagent.agent.steps import Acted, Answered, Observed, Said, Step
from memagent.errors import UserError
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
        print()


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
            for line in commands.answer(conversation, said):
                print(line)
        else:
            for step in conversation.say(said, stream=True):
                _show(step)
    except UserError as error:
        print(f"memagent: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print()
        print("memagent: stopped; this turn is not remembered", file=sys.stderr)


def _show(step: Step) -> None:
    if isinstance(step, Said):
        print(step.text, end="", flush=True)
    elif isinstance(step, Acted | Observed):
        print(f"memagent: {step.line()}", file=sys.stderr)
    elif isinstance(step, Answered):
        print()
        if step.answer.left_out:
            print(f"memagent: {step.answer.left_out}", file=sys.stderr)
