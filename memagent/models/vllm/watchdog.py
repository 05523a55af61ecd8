"""Watchdog script: runs a command, and ends its process group when the parent process is gone.

Usage: `python -I watchdog.py SECONDS COMMAND...`. Standard input is a pipe that the parent holds
open and never writes to, so that even a killed parent takes the command with it. The command's
process group gets SIGTERM, and SIGKILL SECONDS later.
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
    """Run a command to its end and return its exit code."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: _in_thread(_end, child, grace))
    _in_thread(_wait_for_parent, child, grace)
    code = child.wait()
    _signal(child, signal.SIGKILL)
    return code if code >= 0 else 128 - code


def _in_thread(job: Callable[[Child, float], None], child: Child, grace: float) -> None:
    threading.Thread(target=job, args=(child, grace), daemon=True).start()


def _wait_for_parent(child: Child, grace: float) -> None:
    """End the command when the parent's end of the pipe is closed."""
    while os.read(0, 1024):
        pass
    _end(child, grace)


def _end(child: Child, grace: float) -> None:
    _signal(child, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(grace)
    _signal(child, signal.SIGKILL)


def _signal(child: Child, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)


if __name__ == "__main__":
    raise SystemExit(main(float(sys.argv[1]), sys.argv[2:]))
