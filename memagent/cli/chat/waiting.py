"""Sign of waiting: a moving mark on stderr while the first words of a reply are awaited."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.status import Status


HINT = "Ctrl-C stops"
"""Reminder beside the sign: the key that stops a reply."""


class Waiting:
    """Shows what is awaited until `pause`, which leaves no trace of it.

    It is shown where somebody sits at a terminal that can erase a line, and nowhere else: neither a
    pipe nor a log gets anything of it.
    """

    def __init__(self) -> None:
        self._status: Status | None = None

    def show(self, what: str) -> None:
        """Show, from now on, that this is awaited."""
        text = f"{what} · {HINT}"
        if self._status is not None:
            self._status.update(text)
            return
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return
        from rich.console import Console

        console = Console(stderr=True)
        if console.is_terminal and not console.is_dumb_terminal:
            self._status = console.status(text)
            self._status.start()

    def pause(self) -> None:
        """Take the sign away until it is shown again."""
        if self._status is not None:
            self._status.stop()
            self._status = None
