"""Runs a command, and leaves nothing of it when it ends or when whoever asked for it is gone.

A script of its own: `python -I guard.py SECONDS COMMAND...`. Its standard input is a pipe that the
asker holds open and never writes to, so that even a killed asker takes the command with it. The
command and all it started, which are one process group, are asked to end, and killed SECONDS later.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

Child = subprocess.Popen[bytes]


def main(grace: float, command: list[str]) -> int:
    """Run a command to its end, and return its exit code."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: _beside(_end, child, grace))
    _beside(_follow, child, grace)
    code = child.wait()
    _tell(child, signal.SIGKILL)
    return code if code >= 0 else 128 - code


def _beside(job: Callable[[Child, float], None], child: Child, grace: float) -> None:
    threading.Thread(target=job, args=(child, grace), daemon=True).start()


def _follow(child: Child, grace: float) -> None:
    """End the command when the asker's end of the pipe is closed."""
    while os.read(0, 1024):
        pass
    _end(child, grace)


def _end(child: Child, grace: float) -> None:
    _tell(child, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(grace)
    _tell(child, signal.SIGKILL)


def _tell(child: Child, what: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, what)


if __name__ == "__main__":
    raise SystemExit(main(float(sys.argv[1]), sys.argv[2:]))
