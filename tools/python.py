"""Python tool: code that runs in a process of its own, in a sandbox where Linux has namespaces.

In the sandbox (Linux user namespaces, built by `unshare`, `mount` and `setpriv` of util-linux) the
code has no network, not even the loopback; sees no file but Python itself and `/usr`, which it
cannot write; writes to a small file system in RAM that is gone afterwards; and leaves no process
behind. In any case its CPU time, memory, file size, output and run time are bounded, and its
environment is empty.

The sandbox does not protect from a hole in the kernel, whose whole interface the code may call;
from much work by many processes at once, since memory is bounded for each of them, and for root
their number is not; nor from what `/usr` or timing reveal. It is for the code of a model that errs
or was misled, not for a skilled attacker's: that needs a machine of its own.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

from langchain_core.tools import BaseTool, ToolException

from memagent.errors import SandboxUnavailable
from memagent.tools.base import make_tool

_CHILD = Path(__file__).with_name("_sandbox_child.py")
_TOOLS = ("unshare", "mount", "umount", "pivot_root", "setpriv", "sh", "env")
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_UNSHARE = (
    "unshare",
    *("--map-root-user", "--net", "--mount", "--pid", "--ipc", "--uts"),
    *("--fork", "--kill-child=KILL"),
)
_BUILD_SANDBOX = """
set -e
mount -t tmpfs -o "size=$2,mode=755,nosuid,nodev" none "$1"
cd "$1"
mkdir work old dev proc
touch dev/null
mount --bind /dev/null dev/null
mount --rbind /proc proc
shift 2
while [ "$1" != -- ]; do
    mkdir -p ".$1"
    mount --rbind "$1" ".$1"
    mount -o remount,bind,ro,nosuid,nodev ".$1"
    shift
done
shift
pivot_root . old
cd /work
umount -l /old
umount -l /proc
rmdir /old /proc
exec 3>&2 2>/dev/null
(exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs env -i "$@" 2>&3 3>&-)
exit $?
"""
"""Run by the first process of the new namespaces, which keeps its capabilities to itself.

Arguments: the folder that becomes the root, its size in bytes, the visible folders, "--", and the
command. When this shell ends or is killed, the kernel ends all processes in the namespaces.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Limits of a run: seconds of run time and of CPU, bytes of memory and of files, characters.

    `memory` and `processes` hold for each process. `disk` holds for all files in the sandbox, and
    else for each file. `output` counts standard output and error together.
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


def python_tool(*, limits: Limits | None = None, sandboxed: bool = True) -> BaseTool:
    """Return the tool `python`; see this module's docstring for what the sandbox protects.

    With `sandboxed` False only the limits hold: the network and all files are within reach.

    Raises:
        SandboxUnavailable: this machine cannot build the sandbox.
    """
    if sandboxed:
        require_sandbox()

    def python(code: Annotated[str, "a whole program; print what you want to see"]) -> str:
        """Run a Python program that has the standard library but no network and no files."""
        outcome = run_python(code, limits=limits, sandboxed=sandboxed)
        if outcome.problem is not None:
            raise ToolException(f"{outcome.problem}\n{outcome.output}".strip())
        return outcome.output or "it ran, and printed nothing"

    return make_tool("python", python)


def run_python(code: str, *, limits: Limits | None = None, sandboxed: bool = True) -> Outcome:
    """Run Python code and return its output; a last line that is an expression is printed.

    Of packages there is only the standard library. With `sandboxed` False only the limits hold: the
    code reaches the network and every file that this process does, and may leave processes behind
    that have left its group.

    Raises:
        SandboxUnavailable: this machine cannot build the sandbox.
    """
    if sandboxed:
        require_sandbox()
    if os.name != "posix":
        raise SandboxUnavailable("code is run on Linux and macOS only: nothing limits it here")
    return _run(code, limits or Limits(), sandboxed)


def require_sandbox() -> None:
    """Check once that this machine can build the sandbox.

    Raises:
        SandboxUnavailable: it cannot; the message says why.
    """
    reason = _missing()
    if reason is not None:
        raise SandboxUnavailable(f"no sandbox for Python code on this machine: {reason}")


@cache
def _missing() -> str | None:
    """Return why there is no sandbox, or None if there is."""
    if sys.platform != "linux":
        return "it is not Linux"
    lacking = [name for name in _TOOLS if shutil.which(name, path=_PATH) is None]
    if lacking:
        return f"{', '.join(lacking)} of util-linux and coreutils are not installed"
    outcome = _run("print('sandboxed')", Limits(), sandboxed=True)
    return (
        None
        if outcome == Outcome(output="sandboxed\n")
        else f"{outcome.problem}: {outcome.output.strip()}"
    )


def _run(code: str, limits: Limits, sandboxed: bool) -> Outcome:
    with (
        tempfile.TemporaryDirectory(prefix="memagent-python-") as folder,
        tempfile.TemporaryFile() as program,
    ):
        program.write(code.encode("utf-8", "replace"))
        program.seek(0)
        process = subprocess.Popen(
            _command(folder, limits, sandboxed),
            stdin=program,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={"PATH": _PATH} if sandboxed else {},
            start_new_session=True,
        )
        return _follow(process, limits)


def _command(folder: str, limits: Limits, sandboxed: bool) -> list[str]:
    python = str(Path(sys.executable).resolve())
    bounds = (limits.cpu_seconds, limits.memory, limits.disk, limits.processes if sandboxed else 0)
    inner = [python, "-I", "-S", "-u", "-X", "utf8", "-c", _CHILD.read_text(), *map(str, bounds)]
    if not sandboxed:
        return inner
    sandbox = [
        "sh",
        "-c",
        _BUILD_SANDBOX,
        "sh",
        folder,
        str(limits.disk),
        *_visible_folders(python),
        "--",
    ]
    return [*_UNSHARE, *sandbox, *inner]


def _visible_folders(python: str) -> Sequence[str]:
    """Return the folders that Python needs: its own, and those of the system's libraries."""
    system = [folder for folder in ("/usr", "/bin", "/lib", "/lib64") if Path(folder).exists()]
    prefix = Path(sys.base_prefix).resolve()
    outside = prefix != Path("/usr") and Path("/usr") not in prefix.parents
    return [*system, str(prefix)] if outside else system


def _follow(process: "subprocess.Popen[bytes]", limits: Limits) -> Outcome:
    """Read a process's output until it ends, prints too much, or runs out of time."""
    assert process.stdout is not None
    until = time.monotonic() + limits.seconds
    output, problem = b"", None
    try:
        while problem is None:
            ready, _, _ = select.select([process.stdout], [], [], max(0, until - time.monotonic()))
            if not ready:
                problem = f"stopped: not done after {limits.seconds:g} seconds"
            elif not (piece := os.read(process.stdout.fileno(), 65536)):
                break
            elif len(output := output + piece) > 4 * limits.output:
                problem = f"stopped: it printed more than {limits.output} characters"
        if problem is None:
            problem = _failure(process.wait(max(0.1, until - time.monotonic())))
    except subprocess.TimeoutExpired:
        problem = f"stopped: not done after {limits.seconds:g} seconds"
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
        return "stopped: it used up its CPU time or its memory"
    return f"failed with exit status {status}"
