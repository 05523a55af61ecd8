"""State of the terminal while a reply is written: no echo, and signals that lose no turn."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

AGAIN = 1.0
"""Seconds within which another Ctrl-C is a part of the first: it is often pressed twice."""
ENDING = ("SIGTERM", "SIGHUP")
"""Signals that end the chat, by their names: not every system has both."""


@contextmanager
def no_echo() -> Iterator[None]:
    """Keep what is typed meanwhile off the screen, where it would stand amid the reply.

    It is kept as it was typed, and the next prompt reads it. Ctrl-C goes on to be a signal.
    """
    if sys.platform == "win32" or not sys.stdin.isatty():
        yield
        return
    import termios

    try:
        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal)
    except (termios.error, OSError):  # no terminal after all
        yield
        return
    quiet = termios.tcgetattr(terminal)
    quiet[0] &= ~termios.ICRNL  # Enter stays what the prompt takes for Enter
    quiet[3] = quiet[3] & ~(termios.ECHO | termios.ICANON) | termios.NOFLSH
    termios.tcsetattr(terminal, termios.TCSADRAIN, quiet)
    try:
        yield
    finally:
        with suppress(termios.error):  # the terminal may be gone
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)


@contextmanager
def interruptible(saving: Callable[[], bool]) -> Iterator[None]:
    """Let Ctrl-C stop the block, but only once, and not while `saving` tells that a turn is saved.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    stopped = float("-inf")

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        if saving() or time.monotonic() - stopped < AGAIN:
            return
        stopped = time.monotonic()
        raise KeyboardInterrupt

    with _handled([signal.SIGINT], interrupt):
        yield


@contextmanager
def ended_by_signals(saving: Callable[[], bool]) -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block as an exit does, and after a turn that is being saved.

    Raises:
        SystemExit: one of them came; its code is 128 and the signal's number.
    """
    waiting: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        if saving():
            waiting.append(number)
        else:
            raise SystemExit(128 + number)

    with _handled([getattr(signal, name) for name in ENDING if hasattr(signal, name)], end):
        yield
        if waiting:
            raise SystemExit(128 + waiting[0])


@contextmanager
def _handled(
    signals: list[signal.Signals], handler: Callable[[int, FrameType | None], None]
) -> Iterator[None]:
    """Handle signals within a block; only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
