"""Where lines are typed: with history and editing at a terminal, plainly in a pipe."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from memagent.commands import COMMANDS

PROMPT = "> "


def lines(status: Callable[[], str], history: Path | None = None) -> Iterator[str]:
    """Yield what is typed, until Ctrl-D, or Ctrl-C twice.

    At a terminal there is editing, a `history` file, completion of commands, and `status` below the
    line; in a pipe there is neither a prompt nor colour.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield from (line.rstrip("\n") for line in sys.stdin)
        return
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.history import FileHistory, InMemoryHistory
    from prompt_toolkit.styles import Style

    session: PromptSession[str] = PromptSession(
        PROMPT,
        history=FileHistory(str(history)) if history else InMemoryHistory(),
        completer=WordCompleter(list(COMMANDS), sentence=True),
        complete_while_typing=False,
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
            print("(Ctrl-D, or Ctrl-C again, leaves)", file=sys.stderr)
        else:
            warned = False
            yield line
