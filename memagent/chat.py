"""A conversation at the terminal, remembered across runs."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

from langchain_core.utils.uuid import uuid7

from memagent.agent import Agent, Answered, Said
from memagent.errors import UserError
from memagent.types import Scope

RECENT_TURNS = 3
"""At least so many turns of this conversation does the model see as they were, and fewer than twice
as many: older ones go together, so that most prompts begin as the one before. They come back by
recall."""
LEAVE = ("/quit", "/exit")


def converse(agent: Agent, scope: Scope, read: Callable[[], Iterator[str]]) -> None:
    """Answer every line that `read` yields until one says /quit; answers go to stdout as they come.

    Ctrl-C leaves, also in the middle of an answer; a turn that was cut short is not remembered.
    """
    scope = replace(scope, session=scope.session or str(uuid7()))
    turns: list[tuple[str, str]] = []
    try:
        for line in read():
            if line.strip() in LEAVE:
                break
            if line.strip():
                _turn(agent, scope, line.strip(), turns)
    except KeyboardInterrupt:
        print()


def lines() -> Iterator[str]:
    """Yield what is typed, with a prompt and line editing at a terminal and without in a pipe."""
    prompt = ""
    if sys.stdin.isatty():
        import readline  # noqa: F401  importing it is what gives input() history and editing

        prompt = "> "
    while True:
        try:
            yield input(prompt)
        except EOFError:
            if prompt:
                print()
            return


def recent(turns: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the turns that the model is shown again."""
    over = max(len(turns) - RECENT_TURNS, 0)
    return turns[over - over % RECENT_TURNS :]


def _turn(agent: Agent, scope: Scope, said: str, turns: list[tuple[str, str]]) -> None:
    left_out = ""
    try:
        for step in agent.run(said, scope=scope, turns=recent(turns), stream=True):
            if isinstance(step, Said):
                print(step.text, end="", flush=True)
            elif isinstance(step, Answered):
                turns.append((said, step.answer.answer))
                left_out = step.answer.left_out
        print()
        if left_out:
            print(f"memagent: {left_out}", file=sys.stderr)
    except UserError as error:
        print(f"memagent: {error}", file=sys.stderr)
