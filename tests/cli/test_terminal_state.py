import fcntl
import os
import pty
import signal
import struct
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from memagent.cli.chat import terminal_state
from memagent.cli.chat.terminal_state import ended_by_signals, interruptible, no_echo


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Make a terminal standard input; returns the end at which one types."""
    keyboard, screen = pty.openpty()
    with os.fdopen(screen, encoding="utf-8") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdin", stream)
        yield keyboard
    os.close(keyboard)


def echoed(keyboard: int) -> bytes:
    os.set_blocking(keyboard, False)
    with suppress(BlockingIOError):
        return os.read(keyboard, 1000)
    return b""


def unread(terminal: int) -> int:
    """Return how many bytes wait to be read; a terminal takes a moment to take them over."""
    return int(struct.unpack("i", fcntl.ioctl(terminal, termios.FIONREAD, bytes(4)))[0])


def test_what_is_typed_meanwhile_is_kept_as_it_was_typed_and_not_shown(terminal: int) -> None:
    typed = "föö\x7fbar\r".encode()
    before = termios.tcgetattr(sys.stdin)
    with no_echo():
        os.write(terminal, typed)
        while unread(sys.stdin.fileno()) < len(typed):
            pass
    assert echoed(terminal) == b""
    assert termios.tcgetattr(sys.stdin) == before
    with no_echo():  # as a prompt reads it: key by key
        assert os.read(sys.stdin.fileno(), 1000) == typed


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_the_echo_comes_back_whatever_happens(terminal: int, error: type[BaseException]) -> None:
    before = termios.tcgetattr(sys.stdin)
    with suppress(error), no_echo():
        assert not termios.tcgetattr(sys.stdin)[3] & termios.ECHO
        raise error
    assert termios.tcgetattr(sys.stdin) == before


def test_ctrl_c_is_a_signal_meanwhile(terminal: int) -> None:
    with no_echo():
        assert termios.tcgetattr(sys.stdin)[3] & termios.ISIG


def test_a_pipe_has_no_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open() as null, monkeypatch.context() as patch:
        patch.setattr(sys, "stdin", null)
        with no_echo():
            pass


def press(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


def test_ctrl_c_pressed_twice_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(terminal_state.time, "monotonic", lambda: now)
    unwound = []

    def stop() -> None:
        try:
            press(signal.SIGINT)
        finally:
            press(signal.SIGINT)
            unwound.append("whole")

    with interruptible(lambda: False), pytest.raises(KeyboardInterrupt):
        stop()
    assert unwound == ["whole"]
    with interruptible(lambda: False):
        with pytest.raises(KeyboardInterrupt):
            press(signal.SIGINT)
        now += terminal_state.AGAIN
        with pytest.raises(KeyboardInterrupt):  # one that was swallowed is no reason to hang
            press(signal.SIGINT)


def test_a_turn_is_saved_before_a_signal_counts() -> None:
    saving = True
    with interruptible(lambda: saving):
        press(signal.SIGINT)
    saved = []

    def save() -> None:
        with ended_by_signals(lambda: saving):
            press(signal.SIGTERM)
            saved.append("whole")

    with pytest.raises(SystemExit) as caught:
        save()
    assert (saved, caught.value.code) == (["whole"], 143)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_that_ends_is_an_exit(number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as caught, ended_by_signals(lambda: False):
        press(number)
    assert caught.value.code == code
    assert signal.getsignal(number) is before


def test_another_thread_leaves_signals_alone() -> None:
    before, seen = signal.getsignal(signal.SIGINT), list[object]()

    def work() -> None:
        with interruptible(lambda: False):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
