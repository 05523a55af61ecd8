"""Python tool: code that runs in a process of its own, in a sandbox where Linux lets one be built.

In the sandbox the code has no socket but pairs that it makes itself; sees no file but Python itself
and `/usr`, which it cannot write; writes to a small file system in RAM that is gone afterwards;
calls no system call that Python does not need (`seccomp`); is no user of this machine and has no
privilege, also where memagent runs as root; and leaves no process behind. bubblewrap makes the
namespaces where it is installed; else the child makes them itself (`_sandbox_child`). In any case
CPU time, memory, file size, output and run time are bounded, and the environment is empty.

The sandbox does not protect from a hole in what is left of the kernel's interface, nor from what
`/usr` or timing reveal. It is for the code of a model that errs or was misled, not for a skilled
attacker's: that needs a machine of its own.
"""

import json
import os
import platform
import secrets
import shutil
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from langchain_core.tools import BaseTool, ToolException

from memagent.errors import SandboxUnavailable
from memagent.tools.base import make_tool
from memagent.tools.limits import Limits, Outcome, follow
from memagent.tools.seccomp import seccomp_filter

__all__ = ["Limits", "Outcome", "python_tool", "require_sandbox", "run_python"]

_CHILD = Path(__file__).with_name("_sandbox_child.py")
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_WORK = "/work"
_NOBODY = 65534
_USERS = range(61184, 65520)
"""User ids of which root takes one for each run: those that systemd also gives out for a time."""
_BUBBLEWRAP = (
    *("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"),
    *("--die-with-parent", "--new-session", "--clearenv", "--hostname", "sandbox"),
    *("--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN"),
)

Walls = Literal["bubblewrap", "namespaces"]


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
    walls = require_sandbox() if sandboxed else None
    if os.name != "posix":
        raise SandboxUnavailable("code is run on Linux and macOS only: nothing limits it here")
    return _run(code, limits or Limits(), walls)


def require_sandbox() -> Walls:
    """Check once that this machine can build the sandbox, and return what builds it.

    Raises:
        SandboxUnavailable: it cannot; the message says why.
    """
    walls, reason = _walls()
    if walls is None:
        raise SandboxUnavailable(f"no sandbox for Python code on this machine: {reason}")
    return walls


@cache
def _walls() -> tuple[Walls | None, str]:
    """Return what builds the sandbox here, or None and why nothing does."""
    if sys.platform != "linux":
        return None, "it is not Linux"
    if seccomp_filter(platform.machine()) is None:
        return None, f"there is no filter of system calls for {platform.machine()}"
    reasons = []
    if shutil.which("bwrap", path=_PATH) is None:
        reasons.append("bubblewrap is not installed (`apt-get install bubblewrap`)")
    else:
        outcome = _run("print('sandboxed')", Limits(), "bubblewrap")
        if outcome == Outcome(output="sandboxed\n"):
            return "bubblewrap", ""
        reasons.append(f"bubblewrap: {_reason(outcome)}")
    outcome = _run("print('sandboxed')", Limits(), "namespaces")
    if outcome == Outcome(output="sandboxed\n"):
        return "namespaces", ""
    return None, "; ".join([*reasons, f"without it: {_reason(outcome)}"])


def _reason(outcome: Outcome) -> str:
    """Return the last line of a failed run."""
    return (outcome.output.strip().splitlines() or [outcome.problem or "it printed nothing"])[-1]


def _run(code: str, limits: Limits, walls: Walls | None) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="memagent-python-") as folder:
        program = Path(folder, "program")
        program.write_bytes(code.encode("utf-8", "replace"))
        with program.open("rb") as reader:  # the code cannot write to what it was read from
            program.unlink()
            process = subprocess.Popen(
                _command(folder, limits, walls),
                stdin=reader,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={},
                start_new_session=True,
            )
        return follow(process, limits)


def _command(folder: str, limits: Limits, walls: Walls | None) -> list[str]:
    python = str(Path(sys.executable).resolve())
    visible = _visible_folders(python)
    processes = limits.processes if walls else 0
    settings = {
        "walls": walls,
        "bounds": [limits.cpu_seconds, limits.memory, limits.disk, processes],
        "folder": folder,
        "visible": visible,
        "user": secrets.choice(_USERS),
        "system_calls": b64encode(seccomp_filter(platform.machine()) or b"").decode(),
    }
    child = [python, "-I", "-S", "-u", "-X", "utf8", "-c", _CHILD.read_text(), json.dumps(settings)]
    return [*_bubblewrap(visible), *child] if walls == "bubblewrap" else child


def _bubblewrap(visible: Sequence[str]) -> list[str]:
    """Return the command line of bubblewrap, up to the command that it is to run.

    Root needs no user namespace, and with one could show no folder that is only root's: there the
    child becomes another user.
    """
    if os.geteuid() == 0:
        user = ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        user = ["--unshare-user", "--uid", str(_NOBODY), "--gid", str(_NOBODY)]
    parents = {str(parent) for folder in visible for parent in Path(folder).parents}
    needed = sorted(parents - {"/"} | {"/dev", _WORK})
    folders = [part for name in needed for part in ("--perms", "0755", "--dir", name)]
    binds = [part for folder in visible for part in ("--ro-bind", folder, folder)]
    null = ["--dev-bind", "/dev/null", "/dev/null"]
    root = ["--remount-ro", "/", "--chdir", _WORK, "--"]
    bwrap = shutil.which("bwrap", path=_PATH) or "bwrap"
    return [bwrap, *_BUBBLEWRAP, *user, *folders, *binds, *null, *root]


def _visible_folders(python: str) -> Sequence[str]:
    """Return the folders that Python needs: its own, and those of the system's libraries."""
    system = [folder for folder in ("/usr", "/bin", "/lib", "/lib64") if Path(folder).exists()]
    prefix = Path(sys.base_prefix).resolve()
    outside = prefix != Path("/usr") and Path("/usr") not in prefix.parents
    return [*system, str(prefix)] if outside else system
