"""Python code run in a process of its own, behind walls where the machine has them.

Behind the walls (Linux user namespaces, built by `unshare`, `mount` and `setpriv` of util-linux)
the code has no network, not even the loopback; sees no file but Python itself and `/usr`, which it
cannot write; writes to a small file system in RAM that is gone afterwards; and leaves no process
behind. In any case its CPU time, its memory, the size of its files, its output and the time it is
waited for are bounded, and its environment is empty.

What this does not keep off: a hole in the kernel, whose whole interface the code may call; much
work by many processes at once, since memory is bounded for each of them, and for root their number
is not; what can be learnt from `/usr` or from timing. It is for the code of a model that errs, or
that was talked into something, not for code of a skilled attacker: that wants a machine of its own.
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

from memagent.errors import SandboxUnavailable

_CHILD = Path(__file__).with_name("_sandbox_child.py")
_TOOLS = ("unshare", "mount", "umount", "pivot_root", "setpriv", "sh", "env")
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_UNSHARE = (
    "unshare",
    *("--map-root-user", "--net", "--mount", "--pid", "--ipc", "--uts"),
    *("--fork", "--kill-child=KILL"),
)
_WALLS = """
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

Arguments: the folder that becomes the root, its size in bytes, the folders to show, "--", and the
command. When this shell ends, or is killed, the kernel ends all that is left in there.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What code may use: seconds of waiting and of CPU, bytes of memory and of files, characters.

    `memory` and `processes` are of each process; `disk` is of all files where there are walls, else
    of each file; `output` is standard output and error together.
    """

    seconds: float = 10.0
    cpu_seconds: int = 5
    memory: int = 512 * 2**20
    disk: int = 16 * 2**20
    processes: int = 16
    output: int = 3500


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """What came of code: what it printed, and why it did not end well, None if it did."""

    output: str
    problem: str | None = None


def run_python(code: str, *, limits: Limits | None = None, walled: bool = True) -> Ran:
    """Run Python code and return what it printed; a last line that is an expression is printed.

    The standard library is there, no other package is. With `walled` False only the limits hold:
    the code reaches the network and every file that this process does, and may leave processes
    behind that have left its group.

    Raises:
        SandboxUnavailable: this machine cannot build the walls.
    """
    if walled:
        require_walls()
    if os.name != "posix":
        raise SandboxUnavailable("code is run on Linux and macOS only: nothing limits it here")
    return _run(code, limits or Limits(), walled)


def require_walls() -> None:
    """Build the walls once, around nothing.

    Raises:
        SandboxUnavailable: this machine cannot build them; the message says why.
    """
    reason = _missing()
    if reason is not None:
        raise SandboxUnavailable(f"no sandbox for Python code on this machine: {reason}")


@cache
def _missing() -> str | None:
    """Return why there are no walls, None if there are."""
    if sys.platform != "linux":
        return "it is not Linux"
    lacking = [name for name in _TOOLS if shutil.which(name, path=_PATH) is None]
    if lacking:
        return f"{', '.join(lacking)} of util-linux and coreutils are not installed"
    ran = _run("print('behind walls')", Limits(), walled=True)
    return None if ran == Ran(output="behind walls\n") else f"{ran.problem}: {ran.output.strip()}"


def _run(code: str, limits: Limits, walled: bool) -> Ran:
    with (
        tempfile.TemporaryDirectory(prefix="memagent-python-") as folder,
        tempfile.TemporaryFile() as given,
    ):
        given.write(code.encode("utf-8", "replace"))
        given.seek(0)
        process = subprocess.Popen(
            _command(folder, limits, walled),
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={"PATH": _PATH} if walled else {},
            start_new_session=True,
        )
        return _followed(process, limits)


def _command(folder: str, limits: Limits, walled: bool) -> list[str]:
    python = str(Path(sys.executable).resolve())
    bounds = (limits.cpu_seconds, limits.memory, limits.disk, limits.processes if walled else 0)
    inner = [python, "-I", "-S", "-u", "-X", "utf8", "-c", _CHILD.read_text(), *map(str, bounds)]
    if not walled:
        return inner
    walls = ["sh", "-c", _WALLS, "sh", folder, str(limits.disk), *_shown(python), "--"]
    return [*_UNSHARE, *walls, *inner]


def _shown(python: str) -> Sequence[str]:
    """Return the folders that Python needs: its own, and those of the system's libraries."""
    system = [one for one in ("/usr", "/bin", "/lib", "/lib64") if Path(one).exists()]
    own = Path(sys.base_prefix).resolve()
    outside = own != Path("/usr") and Path("/usr") not in own.parents
    return [*system, str(own)] if outside else system


def _followed(process: "subprocess.Popen[bytes]", limits: Limits) -> Ran:
    """Read what a process prints until it ends, prints too much, or its time is over."""
    assert process.stdout is not None
    until = time.monotonic() + limits.seconds
    said, problem = b"", None
    try:
        while problem is None:
            ready, _, _ = select.select([process.stdout], [], [], max(0, until - time.monotonic()))
            if not ready:
                problem = f"stopped: not done after {limits.seconds:g} seconds"
            elif not (piece := os.read(process.stdout.fileno(), 65536)):
                break
            elif len(said := said + piece) > 4 * limits.output:
                problem = f"stopped: it printed more than {limits.output} characters"
        if problem is None:
            problem = _ended(process.wait(max(0.1, until - time.monotonic())))
    except subprocess.TimeoutExpired:
        problem = f"stopped: not done after {limits.seconds:g} seconds"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()
        process.wait()
    text = said.decode("utf-8", "replace")
    if len(text) > limits.output:
        text = text[: limits.output]
        problem = f"stopped: it printed more than {limits.output} characters"
    return Ran(output=text, problem=problem)


def _ended(status: int) -> str | None:
    """Return what an exit status says; a shell tells of a signal by 128 and its number."""
    if status == 0:
        return None
    number = -status if status < 0 else status - 128
    if number in (signal.SIGXCPU, signal.SIGKILL):
        return "stopped: it used up its CPU time or its memory"
    return f"failed with exit status {status}"
