"""Sandbox process: shuts itself in, limits itself, then runs the code on its standard input.

This file's text is passed to `python -c`, and imports nothing but the standard library. Where
bubblewrap started it, it already is in namespaces of its own; else it makes them. In both cases it
mounts its working folder, gives up every privilege, and installs the filter of system calls.
"""

import ast
import base64
import ctypes
import json
import linecache
import os
import resource
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

NAME = "<code>"
NOBODY = 65534
WORK = "/work"

# <linux/mount.h>, <linux/sched.h> and <linux/prctl.h>
READ_ONLY, NO_SUID, NO_DEVICES, REMOUNT, BIND, RECURSIVE = 1, 2, 4, 32, 4096, 16384
PRIVATE, DETACH = 1 << 18, 2
NEW_MOUNTS, NEW_NAMES, NEW_IPC, NEW_USER = 0x20000, 0x4000000, 0x8000000, 0x10000000
NEW_PIDS, NEW_NET = 0x20000000, 0x40000000
MOUNT_SETATTR, HERE, ALL_BELOW = 442, -100, 0x8000
SET_PARENT_DEATH_SIGNAL, SET_SECCOMP, SET_NO_NEW_PRIVILEGES = 1, 22, 38
CAPABILITIES_VERSION = 0x20080522


class Filter(ctypes.Structure):
    """The kernel's `struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("program", ctypes.c_char_p))


def call(name: str, *arguments: Any) -> None:
    """Call a function of libc; raise OSError if it fails."""
    words = [ctypes.c_long(given) if isinstance(given, int) else given for given in arguments]
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*words) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    """Mount a file system, bind a folder, or change the flags of a mount."""
    texts = [text and text.encode() for text in (source, target, kind)]
    call("mount", *texts, flags, data.encode())


def make_namespaces(folder: str, visible: list[str]) -> None:
    """Move into new namespaces, whose root holds the visible folders; go on in their process 2.

    Root makes them as root, since folders that are only root's may be among the visible ones.
    """
    user, group = os.geteuid(), os.getegid()
    kinds = NEW_MOUNTS | NEW_NAMES | NEW_IPC | NEW_PIDS | NEW_NET
    call("unshare", kinds | (NEW_USER if user else 0))
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1")
    fork_and_wait()
    socket.sethostname("sandbox")
    mount("none", "/", None, RECURSIVE | PRIVATE)
    mount("none", folder, "tmpfs", NO_SUID | NO_DEVICES, "size=1m,mode=755")
    os.chdir(folder)
    for name in visible:
        Path(f".{name}").mkdir(parents=True)
        bind(name, f".{name}", READ_ONLY | NO_DEVICES)
    Path("dev").mkdir()
    Path("dev/null").touch()
    bind("/dev/null", "dev/null", READ_ONLY)
    Path(f".{WORK}").mkdir()
    Path("old").mkdir()
    call("pivot_root", b".", b"old")
    os.chdir("/")
    call("umount2", b"old", DETACH)
    Path("old").rmdir()
    mount(None, "/", None, REMOUNT | BIND | READ_ONLY | NO_SUID | NO_DEVICES)
    fork_and_wait()


def bind(source: str, target: str, flags: int) -> None:
    """Show a file or folder, with what is mounted in it; the flags hold for all of it."""
    mount(source, target, None, BIND | RECURSIVE)
    attributes = (ctypes.c_uint64 * 4)(NO_SUID | flags)
    call("syscall", MOUNT_SETATTR, HERE, target.encode(), ALL_BELOW, attributes, 32)


def fork_and_wait() -> None:
    """Go on in a child; its parent ends with the child's status, and the child with its parent."""
    child = os.fork()
    if child:
        drop_capabilities()
        os.closerange(0, 3)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os._exit(code if code >= 0 else 128 - code)
    call("prctl", SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


def shut_in(size: int, user: int, system_calls: str) -> None:
    """Mount the working folder, then give up what allows that and all that is not needed."""
    owner = user if os.geteuid() == 0 else NOBODY
    files = max(64, size // 4096)
    data = f"size={size},nr_inodes={files},mode=700,uid={owner},gid={owner}"
    mount("none", WORK, "tmpfs", NO_SUID | NO_DEVICES, data)
    mount(None, "/dev/null", None, REMOUNT | BIND | READ_ONLY | NO_SUID)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    os.chdir(WORK)
    drop_capabilities()
    call("prctl", SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    program = base64.b64decode(system_calls)
    call("prctl", SET_SECCOMP, 2, ctypes.byref(Filter(len(program) // 8, program)))


def drop_capabilities() -> None:
    """Give up every capability for good."""
    call("capset", (ctypes.c_uint32 * 2)(CAPABILITIES_VERSION, 0), (ctypes.c_uint32 * 6)())


def limit(cpu_seconds: int, memory: int, size: int, processes: int) -> None:
    """Limit this process, with the hard limits too, so that the code cannot lift them."""
    bounds = {
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_FSIZE: size,
        resource.RLIMIT_CORE: 0,
    }
    if processes:
        bounds[resource.RLIMIT_NPROC] = processes
        bounds[resource.RLIMIT_NOFILE] = 64
        bounds[resource.RLIMIT_MEMLOCK] = 0
        bounds[resource.RLIMIT_MSGQUEUE] = 0
        bounds[resource.RLIMIT_SIGPENDING] = 64
    for kind, bound in bounds.items():
        resource.setrlimit(kind, (bound, bound))


def run(code: str) -> None:
    """Run code as a program; if its last statement is an expression, print its value."""
    tree = ast.parse(code, NAME)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(tree, NAME, "exec"), names)
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), NAME, "eval"), names)
        if value is not None:
            print(repr(value))


def prepare(settings: dict[str, Any]) -> None:
    """Build what is missing of the sandbox, if there is to be one, and set the limits."""
    walls = settings["walls"]
    if walls == "namespaces":
        make_namespaces(settings["folder"], settings["visible"])
    limit(*settings["bounds"])
    if walls is not None:
        shut_in(settings["bounds"][2], settings["user"], settings["system_calls"])


def main(settings: dict[str, Any]) -> int:
    """Return the exit status: 0, or 1 if the code raised, whose traceback is then printed."""
    code = sys.stdin.buffer.read().decode("utf-8", "replace")
    linecache.cache[NAME] = (len(code), None, code.splitlines(keepends=True), NAME)
    os.environ.clear()  # Python puts a locale there
    try:
        prepare(settings)
    except OSError as error:
        refuse(f"the sandbox was not built: {error}")
    try:
        run(code)
    except SystemExit:
        raise
    except BaseException as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename != NAME:
            trace = trace.tb_next
        traceback.print_exception(type(error), error, trace)
        return 1
    return 0


def refuse(reason: str) -> NoReturn:
    """End without having run anything."""
    print(reason, flush=True)
    os._exit(125)


if __name__ == "__main__":
    arguments = json.loads(sys.argv.pop())
    sys.exit(main(arguments))
