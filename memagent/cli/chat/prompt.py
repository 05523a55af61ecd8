"""Prompt of the chat: lines with editing and history at a terminal, plain ones in a pipe."""

import sys
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from memagent.cli.chat.commands import COMMANDS
from memagent.cli.input import typed_lines
from memagent.stores.lifecycle.input_history import InputHistory
from memagent.terminal import say

if TYPE_CHECKING:
    from prompt_toolkit.history import History

PROMPT = "> "


def at_terminal() -> bool:
    """Tell whether somebody sits at a terminal, rather than a program at pipes."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def lines(status: Callable[[], str], typed: InputHistory | None = None) -> Iterator[str]:
    """Yield what is typed, until Ctrl-D, or Ctrl-C twice.

    At a terminal there is editing, the history of what was `typed`, completion of commands, and
    `status` below the line; in a pipe there is neither a prompt nor colour.
    """
    if not at_terminal():
        yield from typed_lines()
        return
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.styles import Style

    session: PromptSession[str] = PromptSession(
        PROMPT,
        history=_prompt_history(typed),
        completer=WordCompleter(list(COMMANDS), sentence=True),
        complete_while_typing=False,
        refresh_interval=1.0,  # the model may have opened meanwhile
        bottom_toolbar=lambda: status(),
        style=Style.from_dict({"bottom-toolbar": "noreverse fg:ansibrightblack"}),
    )
    warned = False
    while True:
        try:
            line = session.prompt()
        except EOFError:
            return
        except KeyboardInterrupt:  # it may have been meant for an answer that was just done
            if warned:
                return
            warned = True
            say("(Ctrl-D, or Ctrl-C again, leaves)", err=True)
        else:
            warned = False
            yield line


def _prompt_history(typed: InputHistory | None) -> "History":
    """Return an input history for prompt_toolkit: each prompt reads it, as lines are forgotten."""
    from prompt_toolkit.history import History, InMemoryHistory

    if typed is None:
        return InMemoryHistory()
    kept = typed

    class TypedLines(History):
        async def load(self) -> AsyncGenerator[str, None]:
            for line in self.load_history_strings():
                yield line

        def load_history_strings(self) -> Iterable[str]:
            return reversed(kept.lines())

        def append_string(self, string: str) -> None:
            self.store_string(string)

        def store_string(self, string: str) -> None:
            kept.append(string)

    return TypedLines()
