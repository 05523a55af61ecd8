"""Limits of a process that runs code: its output, its time, and what it and its children hold."""

import os
import select
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_LOOK = 0.1
"""Seconds from one look at the memory to the next."""
_SPENT = "stopped: it used up its CPU time or its memory"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Limits of a run: seconds of run time and of CPU, bytes of memory and of files, characters.

    `memory` holds for the addresses of each process, and for what all of them hold together, which
    is looked at ten times a second. `disk` holds for all files in the sandbox, and else for each
    file; `processes` counts threads too, in the sandbox only. `output` counts standard output and
    error together.
    """

    seconds: float = 10.0
    cpu_seconds: int = 5
    memory: int = 512 * 2**20
    disk: int = 16 * 2**20
    processes: int = 16
    output: int = 3500


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """Outcome of a run: the output, and the reason of a failure, None on success."""

    output: str
    problem: str | None = None


def follow(process: "subprocess.Popen[bytes]", limits: Limits) -> Outcome:
    """Read a process's output until it ends, prints too much, or runs out of time."""
    assert process.stdout is not None
    until = time.monotonic() + limits.seconds
    output, problem, done = b"", None, False
    look = 0.0
    try:
        while problem is None and not done:
            now = time.monotonic()
            if now >= until:
                problem = f"stopped: not done after {limits.seconds:g} seconds"
            elif now >= look:
                look = now + _LOOK
                if memory_held(process.pid) > limits.memory:
                    problem = _SPENT
            elif process.stdout.closed:
                with suppress(subprocess.TimeoutExpired):
                    problem = _failure(process.wait(min(look, until) - now))
                    done = True
            elif select.select([process.stdout], [], [], min(look, until) - now)[0]:
                piece = os.read(process.stdout.fileno(), 65536)
                output += piece
                if not piece:
                    process.stdout.close()
                elif len(output) > 4 * limits.output:
                    problem = f"stopped: it printed more than {limits.output} characters"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()
        process.wait()
    text = output.decode("utf-8", "replace")
    if len(text) > limits.output:
        text = text[: limits.output]
        problem = f"stopped: it printed more than {limits.output} characters"
    return Outcome(output=text, problem=problem)


def _failure(status: int) -> str | None:
    """Describe a bad exit status; a shell reports a signal as 128 and its number."""
    if status == 0:
        return None
    number = -status if status < 0 else status - 128
    if number in (signal.SIGXCPU, signal.SIGKILL):
        return _SPENT
    return f"failed with exit status {status}"


def memory_held(process: int) -> int:
    """Return the bytes of memory that a process and all below it hold; shared ones count once.

    It is 0 where there is no `/proc` that tells.
    """
    total, waiting = 0, [process]
    while waiting:
        folder = Path("/proc", str(waiting.pop()))
        with suppress(OSError, ValueError):
            for line in (folder / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += 1024 * int(line.split()[1])
        with suppress(OSError):
            for children in folder.glob("task/*/children"):
                waiting += map(int, children.read_text().split())
    return total
